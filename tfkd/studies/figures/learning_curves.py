"""Learning curves: scores by size of the training set, with a panel for each corpus."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tfkd.studies.figures.drawing import COLOURS, LINES, MARKERS, new_figure, settle, style, text_width
from tfkd_base.errors import TfkdError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Curve:
    """Scores of one method on one corpus.

    Attributes:
        corpus: The panel.
        method: The line.
        sizes: Training sentences, rising.
        means: A score for each size, in points.
        deviations: Over seeds, drawn as bars; None for one seed.
    """

    corpus: str
    method: str
    sizes: tuple[int, ...]
    means: tuple[float, ...]
    deviations: tuple[float | None, ...]


def learning_curves(curves: Sequence[Curve], score: str = "F1 on test") -> Figure:
    """Draw scores over the size of the training set, on a logarithmic axis; one panel for each corpus.

    Args:
        curves: The lines; each with two sizes or more.
        score: What the scores are.

    Returns:
        A matplotlib figure.

    Raises:
        TfkdError: There are no curves, or matplotlib is not installed.
    """
    if not curves:
        raise TfkdError("there are no learning curves to draw: expected scores at two sizes of training set or more")
    corpora, methods = (list(dict.fromkeys(getattr(c, name) for c in curves)) for name in ("corpus", "method"))
    columns = 2 if len(corpora) == 4 else min(3, len(corpora))
    rows = math.ceil(len(corpora) / columns)
    key_columns = max(1, min(len(methods), int(2.6 * columns / (0.75 + max(map(text_width, methods))))))
    key_height = 0.22 * math.ceil(len(methods) / key_columns)
    width = max(2.6 * columns + 0.4, 1.0 + max(map(text_width, methods)))
    figure, panels = new_figure(width, 2.2 * rows + 0.3 + key_height, rows, columns, squeeze=False)
    with style():
        drawn: dict[str, Any] = {}
        for panel, corpus in zip(panels.flat, corpora, strict=False):
            _panel(panel, corpus, [curve for curve in curves if curve.corpus == corpus], methods, drawn)
        for index, panel in enumerate(panels.flat):
            panel.set_visible(index < len(corpora))
            if index + columns >= len(corpora):
                panel.set_xlabel("training sentences")
            if index % columns == 0:
                panel.set_ylabel(score)
        handles = [drawn[method] for method in methods]
        figure.legend(handles, methods, loc="outside upper left", ncols=key_columns, frameon=False, handlelength=3)
    return settle(figure)


def _panel(panel: Any, corpus: str, curves: Sequence[Curve], methods: Sequence[str], drawn: dict[str, Any]) -> None:
    sizes = sorted({size for curve in curves for size in curve.sizes})
    for curve in curves:
        index = methods.index(curve.method)
        deviations = [0.0 if deviation is None else deviation for deviation in curve.deviations]
        # Bars of several methods at one size would hide each other: each stands a little aside, and its point with it.
        aside = 1 + 0.015 * (index - (len(methods) - 1) / 2)
        drawn[curve.method] = panel.errorbar(
            [size * aside for size in curve.sizes],
            curve.means,
            yerr=deviations if any(deviations) else None,
            color=COLOURS[index % len(COLOURS)],
            marker=MARKERS[index % len(MARKERS)],
            linestyle=LINES[index // len(COLOURS) % len(LINES)],
            markersize=4.5,
            linewidth=1.3,
            elinewidth=0.8,
            capsize=2,
        )
    panel.set_xscale("log")
    panel.set_xticks(sizes, [f"{size:,}" for size in sizes])
    panel.minorticks_off()
    panel.set_title(corpus, fontsize="medium", loc="left")
    panel.grid(axis="y", color="#dddddd", linewidth=0.6)
    panel.set_axisbelow(True)
