"""A heat map of gains over a baseline, methods by corpora."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfkd.studies.figures.drawing import FONT_SIZE, new_figure, settle, style, text_width
from tfkd.studies.statistics.wording import signed
from tfkd_base.errors import TfkdError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def gain_heat_map(
    gains: Mapping[tuple[str, str], float], methods: Sequence[str], corpora: Sequence[str], baseline: str
) -> Figure:
    """Draw gains as coloured cells with their numbers; a cell without a gain stays white.

    Orange is a loss and purple a gain, which colour-blind people can tell; both are as dark for the same size.

    Args:
        gains: In points, by corpus and method.
        methods: The rows.
        corpora: The columns.
        baseline: What the gains are over.

    Returns:
        A matplotlib figure.

    Raises:
        TfkdError: There are no gains, or matplotlib is not installed.
    """
    cells = np.array([[gains.get((corpus, method), np.nan) for corpus in corpora] for method in methods], float)
    if not np.isfinite(cells).any():
        raise TfkdError(f"there are no gains over {baseline!r} to draw")
    limit = max(float(np.nanmax(np.abs(cells))), 1e-9)
    names = max(text_width(method) for method in methods), max(text_width(corpus) for corpus in corpora)
    width = names[0] + 0.52 * len(corpora) + 1.3 + 0.5 * names[1]
    figure, axes = new_figure(max(width, 3.5), 0.26 * len(methods) + 0.75 * names[1] + 0.75)
    with style():
        # Not an image: in SVG that would be a bitmap, which prints blurred.
        places = (np.arange(len(corpora) + 1) - 0.5, np.arange(len(methods) + 1) - 0.5)
        shown = np.ma.masked_invalid(cells)
        image = axes.pcolormesh(*places, shown, cmap="PuOr", vmin=-limit, vmax=limit, edgecolors="white", linewidth=1.5)
        axes.invert_yaxis()
        axes.set_xticks(range(len(corpora)), corpora, rotation=40, ha="left", rotation_mode="anchor")
        axes.set_yticks(range(len(methods)), methods)
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        for (row, column), gain in np.ndenumerate(cells):
            if np.isfinite(gain):
                red, green, blue, _ = image.to_rgba(gain)
                colour = "black" if 0.3 * red + 0.59 * green + 0.11 * blue > 0.55 else "white"
                text = signed(gain, 1)
                axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=FONT_SIZE - 1)
        bar = figure.colorbar(image, ax=axes, fraction=0.05, pad=0.02)
        bar.outline.set_visible(False)
        assert bar.solids is not None
        bar.solids.set(rasterized=False, edgecolor="face")
        label = f"points over {baseline}"
        bar.set_label(label if text_width(label) < 0.26 * len(methods) else "points")
    return settle(figure)
