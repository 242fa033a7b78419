"""Common parts of all figures: settings, colours, files."""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfkd.studies.statistics.optional_libraries import study_library
from tfkd_base.files import atomic_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Colours of Okabe and Ito, which colour-blind readers can tell apart, without yellow, which is faint on white."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">", "p")
LINES = ("-", "--", "-.", ":")
FONT_SIZE = 9
_STYLE = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, and has the letters of names from anywhere in Europe
    "font.size": FONT_SIZE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "path",  # letters as shapes: the same wherever the file is opened
    "text.parse_math": False,  # a name may hold a dollar sign
}


def new_figure(width: float, height: float, rows: int = 1, columns: int = 1, **options: Any) -> tuple[Figure, Any]:
    """Return a figure with its axes, made without pyplot: it keeps no global state and needs no display.

    Args:
        width: Inches.
        height: Inches.
        rows: Of axes.
        columns: Of axes.
        options: Of `matplotlib.figure.Figure.subplots`.

    Returns:
        The figure, and its axes (an array where there are several).

    Raises:
        TfkdError: matplotlib is not installed.
    """
    with style():
        figure = study_library("matplotlib.figure").Figure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots(rows, columns, **options)


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Apply the settings of figures for a block, independent of the user's own settings."""
    matplotlib = study_library("matplotlib")
    with matplotlib.rc_context():
        matplotlib.rcParams.update({**_defaults(matplotlib), **_STYLE})
        yield


def _defaults(matplotlib: Any) -> dict[str, Any]:
    return {name: value for name, value in matplotlib.rcParamsDefault.items() if not name.startswith("backend")}


def settle(figure: Figure) -> Figure:
    """Fix the layout of a figure, so that every file of it is the same."""
    with style():
        for _ in range(2):  # the second time the places of the tick labels are known
            figure.draw_without_rendering()
        figure.set_layout_engine("none")
    return figure


def text_width(text: str, size: float = FONT_SIZE) -> float:
    """Return the width of a line of text in inches."""
    font = study_library("matplotlib.font_manager").FontProperties(family="DejaVu Sans", size=size)
    path = study_library("matplotlib.textpath").TextPath((0, 0), text.replace("$", r"\$") or " ", prop=font)
    return float(path.get_extents().width) / 72


def svg_text(figure: Figure) -> str:
    """Return a figure as SVG; the same figure gives the same text.

    Args:
        figure: A matplotlib figure.

    Raises:
        TfkdError: matplotlib is not installed.
    """
    drawn = io.StringIO()
    with style():
        study_library("matplotlib").rcParams["svg.hashsalt"] = "tfkd"  # else identifiers are drawn by lot
        figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None})
    return drawn.getvalue()


def inline_svg(svg: str, label: str, prefix: str) -> str:
    """Return an SVG file as an element of an HTML page with other pictures.

    Args:
        svg: From `svg_text`.
        label: What it shows, for readers who cannot see it.
        prefix: Put before its identifiers, which the page must not have twice.

    Returns:
        An `<svg>` element.

    Example:
        >>> inline_svg('<?xml?><svg><path id="a"/><use xlink:href="#a"/></svg>', "A < B", "one-")
        '<svg role="img" aria-label="A &lt; B"><path id="one-a"/><use xlink:href="#one-a"/></svg>'
    """
    svg = svg[svg.index("<svg") :].strip()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, count=1, flags=re.DOTALL)
    svg = re.sub(r'(\bid="|xlink:href="#|url\(#)', rf"\g<1>{prefix}", svg)
    return svg.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1)


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure as a file.

    Args:
        figure: A matplotlib figure.
        path: Ends in `.svg` (letters as shapes) or `.png` (200 dots an inch).

    Raises:
        TfkdError: matplotlib is not installed.
    """
    with atomic_file(Path(path)) as part:
        if part.suffix == ".svg":
            part.write_text(svg_text(figure), encoding="utf-8")
        else:
            with style():
                figure.savefig(part, dpi=200, metadata={"Software": None})
