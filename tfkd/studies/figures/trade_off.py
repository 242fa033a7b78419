"""Scores against speed or parameters, on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tfkd.studies.figures.drawing import COLOURS, FONT_SIZE, MARKERS, new_figure, style, text_width
from tfkd.studies.statistics.optional_libraries import study_library
from tfkd_base.errors import TfkdError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PLOT = 3.6
"""Width of the plot without its labels, in inches."""
LINE = 0.19
"""Height of a line of labels, in inches."""


@dataclass(frozen=True)
class Point:
    """A method, what it costs (above 0), and its score in points."""

    method: str
    cost: float
    score: float


def trade_off(points: Sequence[Point], cost: str, score: str = "mean F1 on test") -> Figure:
    """Draw a point for each method, with its name in a column on the right, where names do not overlap.

    Args:
        points: The methods.
        cost: What the costs are, such as `"words per second"`.
        score: What the scores are.

    Returns:
        A matplotlib figure.

    Raises:
        TfkdError: There are no points, a cost is not above 0, or matplotlib is not installed.
    """
    if not points:
        raise TfkdError(f"there is nothing to draw against {cost}: expected one method at least")
    for point in points:
        if not 0 < point.cost < float("inf"):
            raise TfkdError(f"{point.method}: {cost} is a number above 0, got {point.cost!r}")
    names = 0.45 + max(text_width(point.method) for point in points)
    height = max(2.4, LINE * len(points) + 0.3)
    left, bottom, top = 0.65, 0.55, 0.15
    size = (left + PLOT + names, bottom + height + top)
    figure, axes = new_figure(*size)
    figure.set_layout_engine("none")
    axes.set_position((left / size[0], bottom / size[1], PLOT / size[0], height / size[1]))
    with style():
        _axes(axes, points, cost, score)
        lowest, highest = axes.get_ylim()
        inches = [(point.score - lowest) / (highest - lowest) * height for point in points]
        for index, (point, y) in enumerate(zip(points, spread_out(inches, LINE, height), strict=True)):
            colour = COLOURS[index % len(COLOURS)]
            axes.plot(point.cost, point.score, MARKERS[index % len(MARKERS)], color=colour, markersize=7, clip_on=False)
            axes.annotate(
                point.method,
                (point.cost, point.score),
                xytext=(1 + 0.22 / PLOT, y / height),
                textcoords="axes fraction",
                va="center",
                fontsize=FONT_SIZE,
                arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.6, "alpha": 0.8, "relpos": (0, 0.5)},
                annotation_clip=False,
            )
    return figure


def _axes(axes: Any, points: Sequence[Point], cost: str, score: str) -> None:
    ticker = study_library("matplotlib.ticker")
    axes.set_xscale("log")
    costs, scores = [point.cost for point in points], [point.score for point in points]
    axes.set_xlim(min(costs) / 1.4, max(costs) * 1.4)
    margin = max(0.08 * (max(scores) - min(scores)), 0.5)
    axes.set_ylim(min(scores) - margin, max(scores) + margin)
    span = max(costs) / min(costs)
    ticks = (1,) if span > 50 else (1, 2, 5) if span > 5 else (1, 1.5, 2, 3, 4, 5, 7)
    axes.xaxis.set_major_locator(ticker.LogLocator(subs=ticks, numticks=20))
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: short_number(value)))
    axes.set_xlabel(cost)
    axes.set_ylabel(score)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)


def short_number(value: float) -> str:
    """Return a short form of a large number.

    Example:
        >>> short_number(1500), short_number(20000), short_number(2.5e6), short_number(500)
        ('1.5 k', '20 k', '2.5 M', '500')
    """
    for factor, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= factor:
            return f"{value / factor:.4g}{letter}"
    return f"{value:.4g}"


def spread_out(places: Sequence[float], least: float, length: float) -> list[float]:
    """Move positions apart to a minimum distance between neighbours, in the same order.

    Args:
        places: From 0 to `length`.
        least: The distance; `least * len(places)` is at most `length`.
        length: Of the whole.

    Example:
        >>> spread_out([1.0, 1.0, 5.0], 1.0, 6.0)
        [0.5, 1.5, 5.0]
    """
    order = np.argsort(places, kind="stable")
    groups: list[tuple[float, list[float]]] = []  # the middle of each block of touching labels, and what it holds
    for index in order:
        block = [float(places[index])]
        while True:
            span = least * (len(block) - 1) / 2
            middle = min(max(sum(block) / len(block), span + least / 2), length - span - least / 2)
            if not groups or groups[-1][0] + least * len(groups[-1][1]) / 2 <= middle - least * len(block) / 2 + 1e-9:
                break
            block = groups.pop()[1] + block
        groups.append((middle, block))
    spread = [m + least * (i - (len(block) - 1) / 2) for m, block in groups for i in range(len(block))]
    moved = [0.0] * len(places)
    for index, place in zip(order, spread, strict=True):
        moved[index] = place
    return moved
