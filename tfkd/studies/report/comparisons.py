"""Sections of a report that compare methods: scores, gains, ranks and tests of a part."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from tfkd.studies.figures import critical_difference_diagram, gain_heat_map
from tfkd.studies.report.cells import (
    estimate_cell,
    estimate_column,
    interval_cell,
    interval_column,
    share_cell,
    spread_cell,
    spread_columns,
)
from tfkd.studies.report.document import (
    Block,
    Cell,
    Column,
    Listing,
    Number,
    Numbers,
    Paragraph,
    Picture,
    ReportSection,
    Table,
    file_name,
    number,
)
from tfkd.studies.report.study import Study, StudyPart, StudyRun
from tfkd.studies.statistics.comparison import Comparison
from tfkd.studies.statistics.effect_size import EffectSizes
from tfkd.studies.statistics.paired_tests import PairedTest
from tfkd.studies.statistics.rank_tests import NemenyiTest
from tfkd.studies.statistics.sentence_bootstrap import PairedBootstrap, paired_bootstrap, unpack_counts
from tfkd.studies.statistics.wording import join_names, signed

EFFECT_COLUMNS: tuple[str | Column, ...] = (
    Column("wins\u00a0: ties\u00a0: losses", ("wins", "ties", "losses")),
    estimate_column("share of wins"),
    estimate_column("mean gain"),
    estimate_column("rank-biserial"),
)


@dataclass(frozen=True)
class ComparedPart:
    """A part of a study with its comparison, and the comparisons without some corpora."""

    part: StudyPart
    comparison: Comparison
    without: dict[str, Comparison]

    @classmethod
    def of(cls, study: Study, part: StudyPart) -> ComparedPart:
        """Make all comparisons of a part that have runs."""
        runs = study.runs_of(part)
        kept = {name: names for name, names in part.leave_out.items() if any(run.corpus not in names for run in runs)}
        return cls(part, study.compare(part), {name: study.compare(part, names) for name, names in kept.items()})


def part_section(study: Study, compared: ComparedPart) -> ReportSection:
    """Return the section of one part of a study.

    Args:
        study: The study.
        compared: The part and its comparisons.
    """
    part, comparison = compared.part, compared.comparison
    key = file_name(part.name)
    blocks: list[Block] = [Paragraph(part.question)] if part.question else []
    if missing := study.missing(part):
        blocks.append(
            Paragraph(
                f"There are no runs yet of {join_names(missing)}. Pairs with them are not tested, and count in Holm's "
                "correction as if p were 1."
            )
        )
    blocks += [_scores(key, comparison), *_gains(key, comparison)]
    if comparison.notes:
        blocks.append(Paragraph(" ".join(comparison.notes), "Scores in the tests of all methods at once."))
    blocks += _tests(key, comparison)
    for name, other in compared.without.items():
        blocks += _without(name, other, key)
    blocks += _sentence_tests(study, part, comparison, key)
    return ReportSection(part.name, blocks)


def _scores(key: str, comparison: Comparison) -> Table:
    rows: list[list[Cell]] = []
    for method in comparison.methods:
        cells = [comparison.scores.get((corpus, method)) for corpus in comparison.corpora]
        overall = number(comparison.means.get(method), 1, comparison.scale)
        rank = number(comparison.friedman.average_ranks.get(method), 2)
        rows.append([method, overall, rank, *(spread_cell(cell, comparison.scale) for cell in cells)])
    seeds = sorted({spread.seeds for spread in comparison.scores.values()})
    counts = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    caption = (
        f"F1 on test in percent, mean ± standard deviation over seeds (n = {counts}); mean and average rank "
        f"(1 is best) over {_corpora(comparison)}, from the seeds in common"
    )
    if comparison.common_corpora and len(comparison.means) < len(comparison.methods):
        caption += "; a method that lacks one of them has no mean"
    return Table(f"{key}-scores", caption, ["method", "mean", "rank", *spread_columns(comparison.corpora)], rows)


def _corpora(comparison: Comparison) -> str:
    count = len(comparison.common_corpora)
    who = "all ranked methods" if comparison.friedman.methods and comparison.unranked else "all methods"
    if count == 0:
        return f"corpora that {who} have, of which there is none"
    return f"the one corpus that {who} have" if count == 1 else f"the {count} corpora that {who} have"


def _gains(key: str, comparison: Comparison) -> list[Block]:
    methods = [method for method in comparison.methods if any(name == method for _, name in comparison.gains)]
    if comparison.baseline is None or not methods:
        return []
    scale = comparison.scale
    rows: list[list[Cell]] = []
    for method in methods:
        gains = [comparison.gains.get((corpus, method)) for corpus in comparison.corpora]
        mean = comparison.mean_gains.get(method)
        overall = Number(None, "–") if mean is None else Number(mean * scale, signed(mean * scale, 2))
        rows.append([method, overall, *(spread_cell(gain, scale, True) for gain in gains)])
    count = len(comparison.gain_corpora)
    same = comparison.gain_corpora == comparison.common_corpora
    over = _corpora(comparison) if same else f"{count} of the corpora that all ranked methods have"
    caption = (
        f"Gain over {comparison.baseline} in points, paired by seed, mean ± standard deviation over seeds; the first "
        f"column is the mean over {over}"
    )
    if any(gain.seeds == 0 for gain in comparison.gains.values()):
        caption += "; where no seed is in common, the difference of the means, without a deviation"
    drawn = {cell: gain.mean * scale for cell, gain in comparison.gains.items()}
    draw = partial(gain_heat_map, drawn, methods, comparison.corpora, comparison.baseline)
    return [
        Table(f"{key}-gains", caption, ["method", "mean", *spread_columns(comparison.corpora)], rows),
        Picture(f"{key}-gains", f"Gain over {comparison.baseline} in points, by method and corpus.", draw),
    ]


def _tests(key: str, comparison: Comparison) -> list[Block]:
    friedman, nemenyi = comparison.friedman, comparison.nemenyi
    blocks: list[Block] = []
    if len(comparison.methods) < 2:
        blocks.append(Paragraph("One method alone has runs: there is nothing to compare it with."))
    if comparison.unranked:
        text = "in the tables and in pairs, but not in ranks and in the tests of all methods at once."
        blocks.append(Paragraph(f"{join_names(comparison.unranked)}; {text}", "Not ranked:"))
    if len(friedman.methods) > 1:
        text = f"Null hypothesis: {friedman.null_hypothesis} {friedman.verdict}"
        blocks.append(Paragraph(text, "Friedman test."))
    if nemenyi.critical_difference is not None:
        caption = f"Average ranks over {len(friedman.corpora)} corpora, the best on the left. " + (
            "A bar joins methods that the Nemenyi test cannot part."
            if friedman.rejected
            else "As the Friedman test did not reject, one bar joins all methods, and no pair is to be read as apart."
        )
        blocks += [
            Paragraph(f"Null hypothesis: {nemenyi.null_hypothesis} {nemenyi.verdict}", "Nemenyi test."),
            Picture(f"{key}-ranks", caption, partial(critical_difference_diagram, friedman, nemenyi)),
            _nemenyi_table(key, nemenyi, friedman.rejected),
        ]
    for family, tests in comparison.families.items():
        if tests:
            blocks += _family(key, family, tests, comparison.scale)
    return blocks


def _nemenyi_table(key: str, nemenyi: NemenyiTest, rejected: bool) -> Table:
    p = nemenyi.p if nemenyi.p is not None else np.ones((0, 0))
    rows: list[list[Cell]] = [
        [nemenyi.methods[i], nemenyi.methods[j], Number(float(p[i, j]), f"{p[i, j]:.3g}")]
        for i in range(len(p))
        for j in range(i + 1, len(p))
    ]
    caption = f"Nemenyi test of all {len(rows)} pairs"
    if not rejected:
        caption += ", not to be read, as the Friedman test did not reject"
    return Table(f"{key}-nemenyi", caption, ["method", "other", "p"], rows, folded=True)


def _family(key: str, family: str, tests: Sequence[PairedTest], scale: float) -> list[Block]:
    rows: list[list[Cell]] = []
    for test in tests:
        cells = _effect_cells(test.effect, scale)
        p = [Number(value, f"{value:.3g}") for value in (test.p, test.holm_p)]
        rows.append([test.method, test.against, number(len(test.corpora), 0), *cells, *p, _decided(test)])
    caption = (
        f"{family}: Wilcoxon's signed-rank test over corpora, "
        + (f"Holm's correction within these {len(tests)}" if len(tests) > 1 else "one test, so that none is corrected")
        + ". In brackets intervals, each at 95 % by itself and not corrected: one may lie on one side of zero (of 0.5 "
        "for a share) where the test does not reject"
    )
    columns: list[str | Column] = ["method", "against", "corpora", *EFFECT_COLUMNS, "p", "Holm p", "null hypothesis"]
    notes = list(dict.fromkeys(note for test in tests for note in test.notes))
    blocks: list[Block] = [
        Paragraph("Null hypothesis of each pair: both score alike, their differences over corpora lie symmetrically "
                  "around zero.", f"{family}."),
        Table(f"{key}-{file_name(family)}", caption, columns, rows),
        *_unbounded(tests),
        Listing([test.verdict for test in tests]),
    ]  # fmt: skip
    return [*blocks, Paragraph(" ".join(notes), "Scores in these tests.")] if notes else blocks


def _unbounded(tests: Sequence[PairedTest]) -> list[Block]:
    """Return a note if intervals of the rank-biserial correlation are missing."""
    if all(test.effect is None or test.effect.rank_biserial_interval is not None for test in tests):
        return []
    return [
        Paragraph(
            "The rank-biserial correlation has no interval on fewer than five corpora, and where all corpora differ in "
            "one direction or none differs: there every resample of them gives the same value."
        )
    ]


def _decided(test: PairedTest) -> str:
    if test.statistic is None:
        return "not tested"
    return "rejected" if test.rejected else "not rejected" if test.can_decide else "cannot decide"


def _effect_cells(effect: EffectSizes | None, scale: float) -> list[Cell]:
    if effect is None:
        return [Numbers((None,) * 3, "–")] * len(EFFECT_COLUMNS)
    counts = (effect.wins, effect.ties, effect.losses)
    return [
        Numbers(counts, " : ".join(map(str, counts))),
        share_cell(effect.win_share, effect.win_share_interval),
        estimate_cell(effect.mean_gain, effect.mean_gain_interval, scale),
        estimate_cell(effect.rank_biserial, effect.rank_biserial_interval),
    ]


def _without(name: str, comparison: Comparison, key: str) -> list[Block]:
    """Return the tests without some corpora, in sentences."""
    ranks = sorted(comparison.friedman.average_ranks.items(), key=lambda item: item[1])
    rows: list[list[Cell]] = [[method, number(rank, 2)] for method, rank in ranks]
    caption = f"Average ranks over {_corpora(comparison)}, {name}"
    waiting = {test.verdict for tests in comparison.families.values() for test in tests if test.awaited}
    return [
        Paragraph(f"All tests again, on {len(comparison.corpora)} corpora.", f"The same {name}."),
        Listing([verdict for verdict in comparison.verdicts() if verdict not in waiting]),
        Table(f"{key}-ranks-{file_name(name)}", caption, ["method", "rank"], rows, folded=True),
    ]


def _sentence_tests(study: Study, part: StudyPart, comparison: Comparison, key: str) -> list[Block]:
    """Return the paired bootstrap of every pair of every family, for each corpus."""
    pairs = dict.fromkeys((test.method, test.against) for tests in comparison.families.values() for test in tests)
    runs = [run for run in study.runs_of(part) if run.sentence_counts is not None]
    tests: list[tuple[str, str, str, list[StudyRun], int]] = []
    for method, against in pairs:
        for corpus in comparison.corpora:
            here = [run for run in runs if run.corpus == corpus]
            if common := _common_seeds(here, method, against):
                tests.append((method, against, corpus, [run for run in here if run.seed in common], len(common)))
    if not tests:
        return []
    # NumPy draws without Python's lock, so the tests run on all processors.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        answers = pool.map(lambda test: _bootstrap(test[3], test[0], test[1], 1 - study.alpha), tests)
        rows: list[list[Cell]] = [
            [method, against, corpus, number(seeds, 0), *_bootstrap_cells(answer, method, against)]
            for (method, against, corpus, _, seeds), answer in zip(tests, answers, strict=True)
        ]
    caption = (
        f"Paired bootstrap over the sentences of one test set at a time ({len(rows)} tests, not corrected for their "
        "number)"
    )
    lead = "Within a corpus."
    text = (
        "Null hypothesis: both methods have the same F1 on sentences like these. Counts are summed over the seeds that "
        "both have. The test knows nothing of other seeds, so that with one it speaks of two runs and not of two "
        "methods, and nothing of other corpora. It takes sentences as independent: those of an article hang together, "
        "so that intervals can be much too narrow where a test set is a few long articles."
    )
    columns: list[str | Column] = ["method", "against", "corpus", "seeds", "sentences", "difference"]
    columns += [interval_column(f"{100 * (1 - study.alpha):g} % interval", "difference"), "p", "better"]
    return [Paragraph(text, lead), Table(f"{key}-sentences", caption, columns, rows, folded=True)]


def _bootstrap_cells(answer: PairedBootstrap, method: str, against: str) -> list[Cell]:
    difference = 100 * answer.difference
    better = "not shown" if answer.p > 1 - answer.level else method if difference > 0 else against
    return [
        number(answer.sentences, 0),
        Number(difference, signed(difference)),
        interval_cell(answer.interval, 100),
        Number(answer.p, f"{answer.p:.3g}"),
        better,
    ]


def _common_seeds(runs: Sequence[StudyRun], method: str, against: str) -> set[int]:
    first, second = ({run.seed for run in runs if run.method == name} for name in (method, against))
    return first & second


def _bootstrap(runs: Sequence[StudyRun], method: str, against: str, level: float) -> PairedBootstrap:
    first, second = (
        np.sum([unpack_counts(run.sentence_counts or "") for run in runs if run.method == name], axis=0)
        for name in (method, against)
    )
    return paired_bootstrap(first, second, names=(method, against), level=level)
