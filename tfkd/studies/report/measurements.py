"""Sections of a report on measurements other than the comparison, without tests."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import partial

from tfkd.studies.figures import Curve, Point, learning_curves, trade_off
from tfkd.studies.report.cells import spread_cell, spread_columns
from tfkd.studies.report.document import Block, Cell, Column, Picture, ReportSection, Table, number
from tfkd.studies.report.study import StudyRun
from tfkd.studies.statistics.comparison import Comparison, Spread


def curves_section(runs: Sequence[StudyRun], beside: Collection[str] = ()) -> ReportSection | None:
    """Return the section with learning curves, of methods and corpora with at least two sizes of training set.

    Corpora for which only the methods in `beside`, such as teachers of all corpora, have them are excluded.
    """
    groups: dict[tuple[str, str], dict[int, dict[int, float]]] = {}
    for run in runs:
        if run.training_sentences is not None:
            sizes = groups.setdefault((run.corpus, run.method), {})
            sizes.setdefault(run.training_sentences, {})[run.seed] = 100 * run.test_f1
    groups = {group: sizes for group, sizes in groups.items() if len(sizes) > 1}
    asked = {corpus for corpus, method in groups if method not in beside}
    curves, rows = [], list[list[Cell]]()
    for (corpus, method), sizes in groups.items():
        if corpus in asked:
            spreads = {size: Spread.of(list(sizes[size].values())) for size in sorted(sizes)}
            means, deviations = zip(*((spread.mean, spread.deviation) for spread in spreads.values()), strict=True)
            curves.append(Curve(corpus, method, tuple(spreads), means, deviations))
            for size, spread in spreads.items():
                cell = spread_cell(spread, 1)
                rows.append(
                    [corpus, method, number(size, 0), replace(cell, values=cell.values[:2]), number(spread.seeds, 0)]
                )
    if not curves:
        return None
    caption = "F1 on test in percent over the number of training sentences; bars are standard deviations over seeds."
    columns: list[str | Column] = [
        "corpus",
        "method",
        "training sentences",
        Column("F1", ("F1 mean", "F1 sd")),
        "seeds",
    ]
    return ReportSection(
        "Learning curves",
        [
            Picture("learning-curves", caption, partial(learning_curves, curves)),
            Table("learning-curves", "The same in numbers", columns, rows, folded=True),
        ],
    )


def cost_section(runs: Sequence[StudyRun], comparison: Comparison) -> ReportSection | None:
    """Return the section with the mean F1 of methods against speed and parameters."""
    corpora = comparison.common_corpora
    means = {method: 100 * mean for method, mean in comparison.means.items()}
    methods = [method for method in comparison.methods if method in means]
    if not methods:
        return None
    # The low median of counts is one of them, and so a whole number.
    kinds: list[tuple[str, str, Callable[[StudyRun], float | None], Callable[[list[float]], float]]] = [
        ("speed", "words per second", lambda run: run.words_per_second, statistics.median),
        ("parameters", "parameters", lambda run: run.parameters, statistics.median_low),
    ]
    blocks: list[Block] = []
    costs: dict[tuple[str, str], float] = {}
    for name, words, get, median in kinds:
        for method in methods:
            values = [value for run in runs if run.method == method and (value := get(run))]
            if values:
                costs[name, method] = median(values)
        points = [Point(method, costs[name, method], means[method]) for method in methods if (name, method) in costs]
        if points:
            caption = f"Mean F1 over {len(corpora)} corpora against {words} (median over runs, logarithmic axis)."
            blocks.append(Picture(name, caption, partial(trade_off, points, words)))
    if not blocks:
        return None
    rows: list[list[Cell]] = [
        [m, number(means[m], 1), number(costs.get(("speed", m)), 0), number(costs.get(("parameters", m)), 0)]
        for m in methods
    ]
    columns = ["method", "mean F1", "words per second", "parameters"]
    return ReportSection("Speed and size", [*blocks, Table("cost", "The same in numbers", columns, rows)])


def types_section(runs: Sequence[StudyRun], methods: Sequence[str]) -> ReportSection | None:
    """Return the section with the F1 of each entity type."""
    keys = dict.fromkeys((run.corpus, kind) for run in runs for kind in sorted(run.types))
    rows: list[list[Cell]] = []
    for corpus, kind in keys:
        there = [run for run in runs if run.corpus == corpus and kind in run.types]
        cells = [_spread(100 * r.types[kind].f1 for r in there if r.method == method) for method in methods]
        rows.append([corpus, kind, number(max(run.types[kind].entities for run in there), 0), *cells])
    if not rows:
        return None
    caption = "F1 on test in percent by entity type, mean ± standard deviation over seeds; entities are those of test"
    return ReportSection(
        "Entity types", [Table("types", caption, ["corpus", "type", "entities", *spread_columns(methods)], rows)]
    )


def _spread(values: Iterable[float]) -> Cell:
    found = list(values)
    return spread_cell(Spread.of(found) if found else None, 1)


def runs_section(runs: Sequence[StudyRun]) -> ReportSection:
    """Return the section that lists every run."""
    columns = ["corpus", "method", "seed", "training sentences", "devel F1", "test F1", "parameters"]
    columns += ["words per second", "training seconds"]
    rows: list[list[Cell]] = [
        [
            run.corpus,
            run.method,
            str(run.seed),
            number(run.training_sentences, 0),
            number(run.devel_f1, 2, 100),
            number(run.test_f1, 2, 100),
            number(run.parameters, 0),
            number(run.words_per_second, 0),
            number(run.training_seconds, 0),
        ]
        for run in runs
    ]
    return ReportSection("Runs", [Table("runs", f"All {len(runs)} runs", columns, rows, folded=True)])
