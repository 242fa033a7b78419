"""The critical-difference diagram of Demšar (2006): average ranks, and which do not differ in the Nemenyi test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfkd.studies.figures.drawing import COLOURS, FONT_SIZE, new_figure, style, text_width
from tfkd.studies.statistics.rank_tests import FriedmanTest, NemenyiTest
from tfkd_base.errors import TfkdError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AXIS = 4.2
"""Width of the axis of ranks, in inches."""
ROW = 0.2
"""Height of a row of labels, in inches."""


def critical_difference_diagram(friedman: FriedmanTest, nemenyi: NemenyiTest) -> Figure:
    """Draw average ranks on an axis, the best on the left; a bar joins methods that do not differ in the Nemenyi test.

    Where the Friedman test did not reject, no pair is looked at, and one bar joins all methods.

    Args:
        friedman: The test of all methods at once.
        nemenyi: The test of their pairs.

    Returns:
        A matplotlib figure.

    Raises:
        TfkdError: The tests could not be made, so that there is nothing to draw; or matplotlib is not installed.
    """
    if nemenyi.critical_difference is None:
        raise TfkdError(f"there is no critical difference to draw: {friedman.verdict}")
    ranks = dict(sorted(friedman.average_ranks.items(), key=lambda item: item[1]))
    places = list(ranks.values())
    bars = _bars(places, nemenyi.critical_difference) if friedman.rejected else [(places[0], places[-1])]
    names = list(ranks)
    half = (len(names) + 1) // 2
    margin = 0.25 + max(text_width(_label(name, ranks[name])) for name in names)
    depth = 0.45 + 0.13 * len(bars) + ROW * half
    figure, axes = new_figure(AXIS + 2 * margin, depth + 0.75)
    figure.set_layout_engine("none")
    axes.set_position((0, 0, 1, 1))
    axes.set_axis_off()
    # In inches, from the left end of the axis and from the axis downwards.
    axes.set_xlim(-margin, AXIS + margin)
    axes.set_ylim(-depth, 0.75)
    with style():
        _draw(axes, ranks, half, bars, nemenyi.critical_difference)
    return figure


def _label(name: str, rank: float) -> str:
    return f"{name}  {rank:.2f}"


def _bars(ranks: list[float], difference: float) -> list[tuple[float, float]]:
    """Return the longest ranges of sorted ranks within the critical difference."""
    bars: list[tuple[float, float]] = []
    for i, first in enumerate(ranks):
        last = max(j for j, rank in enumerate(ranks) if rank - first < difference)
        if last > i and (not bars or ranks[last] > bars[-1][1]):
            bars.append((first, ranks[last]))
    return bars


def _draw(axes: Any, ranks: dict[str, float], half: int, bars: list[tuple[float, float]], difference: float) -> None:
    count = len(ranks)

    def place(rank: float) -> float:
        return AXIS * (rank - 1) / (count - 1)

    grey, line = "#444444", {"color": "#444444", "linewidth": 0.9, "solid_capstyle": "butt"}
    axes.plot([0, AXIS], [0, 0], **line)
    for whole in range(1, count + 1):
        axes.plot([place(whole)] * 2, [0, 0.07], **line)
        if count <= 12 or whole == count or (whole % 2 and whole < count - 1):
            axes.text(place(whole), 0.11, str(whole), ha="center", va="bottom", color=grey)
    width = AXIS * difference / (count - 1)
    shown = min(width, AXIS)
    axes.plot([0, shown], [0.42, 0.42], color="black", linewidth=1.6)
    for end in (0, shown):
        axes.plot([end, end], [0.38, 0.46], color="black", linewidth=1.2)
    beyond = " (longer than the axis)" if width > AXIS else ""
    axes.text(0, 0.5, f"critical difference {difference:.2f}{beyond}", ha="left", va="bottom")
    top = -0.14
    for level, (low, high) in enumerate(bars):
        y = top - 0.13 * level
        axes.plot([place(low) - 0.04, place(high) + 0.04], [y, y], color="black", linewidth=3, solid_capstyle="round")
    first_row = top - 0.13 * len(bars) - 0.14
    for index, (name, rank) in enumerate(ranks.items()):
        left = index < half
        y = first_row - ROW * (index if left else count - 1 - index)
        edge, anchor = (-0.08, "right") if left else (AXIS + 0.08, "left")
        colour = COLOURS[index % len(COLOURS)]
        axes.plot([place(rank), place(rank), edge], [0, y, y], color=colour, linewidth=1, zorder=0)
        axes.plot(place(rank), 0, "o", color=colour, markersize=4)
        text = _label(name, rank) if left else f"{rank:.2f}  {name}"
        axes.text(edge + (-0.05 if left else 0.05), y, text, ha=anchor, va="center", fontsize=FONT_SIZE)
