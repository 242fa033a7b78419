"""Which learning curves are drawn."""

from __future__ import annotations

from tfkd.studies.report import StudyRun
from tfkd.studies.report.document import Table
from tfkd.studies.report.measurements import curves_section

RUNS = [
    StudyRun(corpus, method, 1, 0.5 + size / 4000, training_sentences=size)
    for corpus in ("A", "B")
    for method in ("alone", "teacher")
    for size in (250, 1000)
    if (corpus, method, size) != ("B", "alone", 250)
]


def corpora_of(beside: set[str]) -> list[tuple[object, object]]:
    section = curves_section(RUNS, beside)
    assert section is not None
    (table,) = (block for block in section.blocks if isinstance(block, Table))
    return [(row[0], row[1]) for row in table.rows][::2]


def test_a_corpus_of_which_only_a_teacher_has_two_sizes_is_left_out() -> None:
    assert corpora_of({"teacher"}) == [("A", "alone"), ("A", "teacher")]
    assert corpora_of(set()) == [("A", "alone"), ("A", "teacher"), ("B", "teacher")]


def test_curves_of_teachers_alone_are_no_section() -> None:
    assert curves_section(RUNS, {"teacher", "alone"}) is None
