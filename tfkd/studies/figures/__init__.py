"""Figures of a study, drawn with matplotlib without its global state."""

from tfkd.studies.figures.critical_difference import critical_difference_diagram
from tfkd.studies.figures.drawing import inline_svg, save_figure, svg_text
from tfkd.studies.figures.heat_map import gain_heat_map
from tfkd.studies.figures.learning_curves import Curve, learning_curves
from tfkd.studies.figures.trade_off import Point, trade_off

__all__ = [
    "Curve",
    "Point",
    "critical_difference_diagram",
    "gain_heat_map",
    "inline_svg",
    "learning_curves",
    "save_figure",
    "svg_text",
    "trade_off",
]
