"""Figures: nothing overlaps, nothing is cut off, nothing is left behind; how they look was judged by eye."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from tfkd.studies.figures import (
    Curve,
    Point,
    critical_difference_diagram,
    gain_heat_map,
    inline_svg,
    learning_curves,
    save_figure,
    svg_text,
    trade_off,
)
from tfkd.studies.figures.critical_difference import _bars
from tfkd.studies.figures.trade_off import spread_out
from tfkd.studies.statistics import compare
from tfkd.studies.statistics.rank_tests import FriedmanTest, NemenyiTest
from tfkd_base.errors import TfkdError

SHORT = ("a", "$b_1$", "c")
LONG = tuple(f"method number {i} of a rather long name <&>" for i in range(20))


def compared(methods):
    rng = np.random.default_rng(0)
    return compare(
        [
            {"corpus": f"c{c}", "method": m, "f1": 0.5 + 0.01 * i + 0.1 * rng.random()}
            for c in range(8)
            for i, m in enumerate(methods)
        ],
        baseline=methods[0],
    )


def ranks(methods):
    found = compared(methods)
    return critical_difference_diagram(found.friedman, found.nemenyi)


def gains(methods):
    found = compared(methods)
    values = {cell: 100 * gain.mean for cell, gain in found.gains.items() if cell != ("c3", methods[1])}
    return gain_heat_map(values, methods[1:], found.corpora, methods[0])


def cost(methods):
    # All scores close together, so that labels beside their points would lie on each other.
    return trade_off([Point(m, 1000.0 * (i + 1), 70 + 0.01 * i) for i, m in enumerate(methods)], "words per second")


def curves(methods):
    lines = [Curve(c, m, (250, 1000), (60.0 + i, 70.0 + i), (0.5, None)) for c in "xyzw" for i, m in enumerate(methods)]
    return learning_curves(lines)


FIGURES = {"ranks": ranks, "gains": gains, "cost": cost, "curves": curves}


CASES = [
    pytest.param((name, methods), id=f"{name}-{len(methods)}", marks=[pytest.mark.slow] if methods is LONG else [])
    for name in FIGURES
    for methods in (SHORT, LONG)
]


@pytest.fixture(scope="module", params=CASES)
def figure(request: pytest.FixtureRequest):
    name, methods = request.param
    drawn = FIGURES[name](methods)
    canvas = FigureCanvasAgg(drawn)
    canvas.draw()
    return drawn, canvas, methods


def texts(drawn):
    def visible(artist):
        return artist.get_visible()

    found = [*drawn.texts]
    for axes in filter(visible, drawn.axes):
        found += [*axes.texts, axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label]
        if axes.axison:
            # Only the ticks that are drawn: others lie outside the axes.
            ticks = [tick for axis in (axes.xaxis, axes.yaxis) for tick in axis._update_ticks()]
            found += [label for tick in ticks for label in (tick.label1, tick.label2)]
    for legend in drawn.legends:
        found += legend.get_texts()
    return [text for text in found if text.get_text() and text.get_visible()]


def test_no_text_is_cut_off_or_lies_on_another(figure):
    drawn, canvas, methods = figure
    renderer = canvas.get_renderer()
    # Of the letters alone: an annotation's own box holds its line too.
    boxes = [(text, Text.get_window_extent(text, renderer)) for text in texts(drawn)]
    assert len(boxes) > len(methods)
    for text, box in boxes:
        inside = box.x0 >= -1 and box.y0 >= -1 and box.x1 <= drawn.bbox.x1 + 1 and box.y1 <= drawn.bbox.y1 + 1
        assert inside, text
    straight = [(text, box.padded(-1)) for text, box in boxes if text.get_rotation() in (0, 90)]
    for (one, first), (other, second) in itertools.combinations(straight, 2):
        assert not first.overlaps(second), (one, other)


def test_svg_is_whole_and_its_letters_are_shapes(figure):
    drawn = figure[0]
    svg = svg_text(drawn)
    assert svg == svg_text(drawn)
    assert "<text" not in svg
    assert "<image" not in svg
    inline = ElementTree.fromstring(inline_svg(svg, 'a "b" < & c', "one-"))
    assert inline.get("aria-label") == 'a "b" < & c'
    ids = {element.get("id") for element in inline.iter() if element.get("id")}
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', inline_svg(svg, "x", "one-")))
    assert used <= ids
    assert all(name.startswith("one-") for name in ids)


def test_nothing_is_left_behind(fork_python: Callable):
    code = """
import matplotlib
matplotlib.rcParams["font.size"] = 30
def settings():
    return {k: matplotlib.rcParams[k] for k in matplotlib.rcParams if k != "backend"}  # to ask for it imports pyplot
before = settings()
from tfkd.studies.figures import Point, trade_off, svg_text
figure = trade_off([Point("a", 1, 2), Point("b", 10, 3)], "cost")
svg_text(figure)
same = settings() == before
from matplotlib import pyplot  # which Keras imports too
print(same, pyplot.get_fignums(), figure.axes[0].xaxis.label.get_size())
"""
    assert fork_python(code).stdout.strip() == "True [] 9.0"


def test_png_and_svg_files(tmp_path):
    drawn = cost(SHORT)
    save_figure(drawn, tmp_path / "a.png")
    save_figure(drawn, tmp_path / "a.svg")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "a.svg").read_text() == svg_text(drawn)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "a.svg"]


@pytest.mark.parametrize(("p", "lengths"), [(0.01, []), (0.2, [2.0])])
def test_one_bar_joins_all_methods_where_friedman_does_not_reject(p, lengths):
    friedman = FriedmanTest(tuple("abc"), ("c0",), {"a": 1.0, "b": 2.0, "c": 3.0}, 0.05, "", "", p=p)
    nemenyi = NemenyiTest(tuple("abc"), 0.05, "", "", critical_difference=0.5)
    (axes,) = critical_difference_diagram(friedman, nemenyi).axes
    bars = [np.ptp(line.get_xdata()) for line in axes.lines if line.get_linewidth() == 3]
    # The axis from 1 to 3 is 4.2 long; bars stand out by 0.04 at each end.
    assert bars == pytest.approx([2.1 * length + 0.08 for length in lengths])


def test_bars_join_what_the_critical_difference_does_not_part():
    # Demšar (2006), figure 1 has such overlapping groups.
    assert _bars([1.0, 1.5, 2.2, 3.9], 1.25) == [(1.0, 2.2)]
    assert _bars([1.0, 2.0, 3.0], 1.05) == [(1.0, 2.0), (2.0, 3.0)]
    assert _bars([1.0, 2.0, 3.0], 0.5) == []
    assert _bars([2.0, 2.0, 2.0], 3.0) == [(2.0, 2.0)]


@given(st.lists(st.floats(0, 10), min_size=1, max_size=12))
def test_labels_are_spread_out_in_their_order(places):
    moved = spread_out(places, 0.5, 10.0)
    assert min(moved) >= 0.25 - 1e-9
    assert max(moved) <= 9.75 + 1e-9
    assert all(b - a >= 0.5 - 1e-9 for a, b in itertools.pairwise(sorted(moved)))
    order = sorted(range(len(places)), key=lambda i: (places[i], i))
    assert [moved[i] for i in order] == sorted(moved)
    if len(places) == 1:
        assert moved[0] == pytest.approx(min(max(places[0], 0.25), 9.75))


@pytest.mark.parametrize(
    ("draw", "said"),
    [
        (lambda: ranks(("a", "b")), "no critical difference to draw: Not made"),
        (lambda: gain_heat_map({}, ["m"], ["c"], "b"), "no gains over 'b'"),
        (lambda: learning_curves([]), "no learning curves"),
        (lambda: trade_off([], "parameters"), "nothing to draw against parameters"),
        (lambda: trade_off([Point("m", 0, 1)], "parameters"), "m: parameters is a number above 0, got 0"),
        (lambda: trade_off([Point("m", float("nan"), 1)], "parameters"), "m: parameters is a number above 0, got nan"),
    ],
)
def test_empty_figures_are_refused(draw, said):
    with pytest.raises(TfkdError, match=said):
        draw()
