"""Sections of a report on entities: seen in training or not, and errors."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TypeVar

from tfkd.evaluation.entity_errors import ERROR_KINDS, NO_ENTITY, EntityErrors
from tfkd.evaluation.scores import PartScore, SeenScores
from tfkd.studies.report.cells import spread_cell, spread_columns
from tfkd.studies.report.document import Block, Cell, Column, Listing, Numbers, Paragraph, ReportSection, Table, number
from tfkd.studies.report.study import StudyRun
from tfkd.studies.statistics.comparison import Spread

Measured = TypeVar("Measured")

FATES = (*ERROR_KINDS, "missed", "spurious")
"""Kinds of results for an entity, and for a spurious prediction."""

SEEN = (
    "An entity is seen if one with its text (whatever case and spaces) and type stands in the training sentences of "
    "this corpus that the run had, also for a teacher that learnt from other corpora too. Entities are those of the "
    "test set, marked ones those that the method finds there, right or not; both are counted over all seeds."
)

CONFUSED = (
    "Correct: both boundaries and the type are right.",
    "Wrong type: both boundaries are right, the type is another.",
    "Too short: the type is right, and what was marked lies within the entity.",
    "Too long: the type is right, and the entity lies within what was marked.",
    "Shifted left or right: the type is right, and what was marked begins and ends too early, or too late.",
    "Both wrong: what was marked overlaps the entity, with another type and other boundaries.",
    "Missed: nothing overlaps the entity that is not matched with another one.",
    "Spurious: what was marked and is matched with no entity.",
)


def seen_section(runs: Sequence[StudyRun], methods: Sequence[str]) -> ReportSection | None:
    """Return the section on entities seen in training and the others."""
    found = {
        cell: SeenScores(_summed([scores.seen for scores in there]), _summed([scores.unseen for scores in there]))
        for cell, there in _by_cell(runs, methods, lambda run: run.seen).items()
    }
    if not found:
        return None
    corpora = _common_corpora(found)
    rows: list[list[Cell]] = []
    for method in _methods(found, methods):
        cells = [found[corpus, method] for corpus in corpora]
        rows.append([method])
        for parts in ([cell.seen for cell in cells], [cell.unseen for cell in cells]):
            rows[-1] += [_with_fewest([p.entities for p in parts]), _with_fewest([p.predicted for p in parts])]
            rows[-1] += _percentages(parts)
    details: list[list[Cell]] = []
    for (corpus, method), scores in found.items():
        details.append([corpus, method])
        for part in (scores.seen, scores.unseen):
            details[-1] += [number(part.entities, 0), number(part.predicted, 0), *_percentages([part])]
    names = [f"{part}: {name}" for part in ("seen", "unseen") for name in ("entities", "marked")]
    counted = {name: Column(name, (name, f"{name}, fewest")) for name in names}
    headings = [f"{part}: {name}" for part in ("seen", "unseen")
                for name in ("entities", "marked", "recall", "precision", "F1")]  # fmt: skip
    caption = (
        f"Percent, mean over {_number_of(corpora)}; entities and marked ones together, with the fewest of one corpus "
        "in brackets: a percentage of few is unsure"
    )
    columns: list[str | Column] = ["method", *(counted.get(name, name) for name in headings)]
    return ReportSection(
        "Entities seen and not seen in training",
        [
            Paragraph(SEEN),
            Table("seen", caption, columns, rows),
            Table("seen-by-corpus", "The same by corpus", ["corpus", "method", *headings], details, folded=True),
        ],
    )


def _with_fewest(counts: Sequence[int]) -> Numbers:
    if not counts:
        return Numbers((None, None), "–")
    return Numbers((sum(counts), min(counts)), f"{sum(counts):,} ({min(counts):,})")


def _percentages(parts: Sequence[PartScore]) -> list[Cell]:
    gets: tuple[Callable[[PartScore], float | None], ...] = (
        lambda part: part.recall,
        lambda part: part.precision,
        lambda part: part.f1,
    )
    return [number(_mean([value for part in parts if (value := get(part)) is not None]), 1, 100) for get in gets]


def _summed(parts: Sequence[PartScore]) -> PartScore:
    return PartScore(*(sum(getattr(part, name) for part in parts) for name in ("entities", "predicted", "correct")))


def _mean(values: Sequence[float]) -> float | None:
    return statistics.mean(values) if values else None


def errors_section(runs: Sequence[StudyRun], methods: Sequence[str]) -> ReportSection | None:
    """Return the section on errors: confused boundaries and types, missed and spurious entities."""
    found = _by_cell(runs, methods, lambda run: run.errors)
    totals = {
        cell: {name: sum(getattr(errors, name) for errors in there) for name in FATES} for cell, there in found.items()
    }
    entities = {cell: sum(counts.values()) - counts["spurious"] for cell, counts in totals.items()}
    shares = {
        cell: [counts[name] / entities[cell] for name in FATES] for cell, counts in totals.items() if entities[cell]
    }
    if not shares:
        return None
    corpora = _common_corpora(shares)
    rows: list[list[Cell]] = []
    for method in _methods(shares, methods):
        columns = zip(*(shares[corpus, method] for corpus in corpora), strict=True) if corpora else [()] * len(FATES)
        together = number(sum(entities[corpus, method] for corpus in corpora), 0)
        rows.append([method, together, *(number(_mean(column), 1, 100) for column in columns)])
    details: list[list[Cell]] = [
        [*cell, number(entities[cell], 0), *(number(share, 1, 100) for share in row)] for cell, row in shares.items()
    ]
    caption = (
        f"Percent of the entities of a corpus, mean over {_number_of(corpora)}; spurious ones are set against them "
        "too. Entities are counted over all seeds"
    )
    headings = ["method", "entities", *(name.replace("_", " ") for name in FATES)]
    blocks: list[Block] = [
        Paragraph("Each entity is matched with one that was marked at most, and is:"),
        Listing(CONFUSED),
        Table("errors", caption, headings, rows),
        Table("errors-by-corpus", "The same by corpus", ["corpus", *headings], details, folded=True),
    ]
    return ReportSection("Confusion of boundaries and types", [*blocks, *_confused_types(found)])


def _confused_types(found: dict[tuple[str, str], list[EntityErrors]]) -> list[Block]:
    rows: list[list[Cell]] = []
    for (corpus, method), there in found.items():
        pairs = {(gold, other) for errors in there for gold, others in errors.types.items() for other in others}
        for gold, other in sorted(pairs):
            if gold == other or NO_ENTITY in (gold, other):
                continue
            of_type = [
                (errors.types[gold], sum(errors.types[gold].values())) for errors in there if gold in errors.types
            ]
            spread = Spread.of([100 * taken.get(other, 0) / count for taken, count in of_type])
            most = max(count for _, count in of_type)
            rows.append([corpus, method, gold, other, number(most, 0), spread_cell(spread, 1)])
    if not rows:
        return []
    caption = (
        "Types taken for another, in percent of the entities of the gold type, mean ± standard deviation over seeds"
    )
    columns: list[str | Column] = ["corpus", "method", "gold", "predicted", "entities", *spread_columns(["percent"])]
    return [Table("confused-types", caption, columns, rows, folded=True)]


def _by_cell(
    runs: Sequence[StudyRun], methods: Sequence[str], get: Callable[[StudyRun], Measured | None]
) -> dict[tuple[str, str], list[Measured]]:
    """Return the measurements of the runs of each corpus and method."""
    found: dict[tuple[str, str], list[Measured]] = {}
    for corpus in dict.fromkeys(run.corpus for run in runs):
        for method in methods:
            there = [get(run) for run in runs if (run.corpus, run.method) == (corpus, method)]
            if values := [value for value in there if value is not None]:
                found[corpus, method] = values
    return found


def _methods(cells: Iterable[tuple[str, str]], order: Sequence[str]) -> list[str]:
    there = {method for _, method in cells}
    return [method for method in order if method in there]


def _common_corpora(cells: Collection[tuple[str, str]]) -> list[str]:
    """Return the corpora that all methods have, so that means are comparable."""
    methods = {method for _, method in cells}
    corpora = dict.fromkeys(corpus for corpus, _ in cells)
    return [corpus for corpus in corpora if all((corpus, method) in cells for method in methods)]


def _number_of(corpora: Sequence[str]) -> str:
    many = f"{len(corpora)} corpora" if len(corpora) != 1 else "one corpus"
    return f"the {many} that all methods have"
