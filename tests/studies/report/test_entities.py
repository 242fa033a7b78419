"""Tables of entities: by hand, with a corpus that is much larger than the other."""

from __future__ import annotations

import pytest

from tfkd.evaluation import EntityErrors, PartScore, SeenScores
from tfkd.studies.report import StudyRun
from tfkd.studies.report.document import Table
from tfkd.studies.report.entities import errors_section, seen_section


def tables(section) -> dict[str, list[dict]]:
    found = {}
    for block in section.blocks:
        if isinstance(block, Table):
            header, *rows = block.plain_rows()
            found[block.name] = [dict(zip(header, row, strict=True)) for row in rows]
    return found


def errors(correct: int, missed: int, spurious: int, types: dict[str, dict[str, int]]) -> EntityErrors:
    return EntityErrors(correct, 0, 0, 0, 0, 0, 0, missed, spurious, types)


def test_a_large_corpus_counts_no_more_than_a_small_one():
    runs = [
        # Over two seeds 80 of the large one's 200 are found, and 9 of the small one's 10.
        StudyRun("large", "a", 1, 0.5, errors=errors(60, 40, 10, {})),
        StudyRun("large", "a", 2, 0.5, errors=errors(20, 80, 0, {})),
        StudyRun("small", "a", 1, 0.5, errors=errors(9, 1, 5, {})),
        StudyRun("large", "b", 1, 0.5, errors=errors(50, 50, 0, {})),
        StudyRun("small", "b", 1, 0.5, errors=errors(10, 0, 0, {})),
        # Of a alone: in no mean.
        StudyRun("other", "a", 1, 0.5, errors=errors(0, 10, 0, {})),
    ]
    section = errors_section(runs, ["b", "a", "c"])
    found = tables(section)
    b, a = found["errors"]
    assert (b["method"], b["entities"], b["correct"], b["missed"]) == ("b", 110, 75, 25)
    assert (a["method"], a["entities"]) == ("a", 210)
    assert a["correct"] == pytest.approx((40 + 90) / 2)
    assert a["missed"] == pytest.approx((60 + 10) / 2)
    assert a["spurious"] == pytest.approx((5 + 50) / 2)
    by_corpus = {(row["corpus"], row["method"]): row["missed"] for row in found["errors-by-corpus"]}
    assert by_corpus == {
        ("large", "b"): 50, ("large", "a"): 60, ("small", "b"): 0, ("small", "a"): 10, ("other", "a"): 100
    }  # fmt: skip
    assert "confused-types" not in found


def test_types_taken_for_another_are_a_share_of_the_gold_type():
    types = [{"A": {"A": 6, "B": 2, "": 2}, "B": {"B": 4}, "": {"A": 3}}, {"A": {"A": 10}, "B": {"A": 1, "B": 3}}]
    runs = [StudyRun("c", "m", seed, 0.5, errors=errors(12, 2, 3, kinds)) for seed, kinds in enumerate(types)]
    first, second = tables(errors_section(runs, ["m"]))["confused-types"]
    assert (first["corpus"], first["method"], first["gold"], first["predicted"], first["entities"]) == (
        "c", "m", "A", "B", 10
    )  # fmt: skip
    # 20 % and 0 %; 0 % and 25 %.
    assert (first["percent mean"], first["percent n"]) == (10, 2)
    assert first["percent sd"] == pytest.approx(200**0.5)
    assert (second["gold"], second["predicted"], second["percent mean"]) == ("B", "A", 12.5)


def test_seen_entities_are_counted_and_averaged_over_the_corpora_that_all_have():
    runs = [
        StudyRun("one", "a", 1, 0.5, seen=SeenScores(PartScore(10, 8, 6), PartScore(10, 2, 1))),
        StudyRun("one", "a", 2, 0.5, seen=SeenScores(PartScore(10, 8, 8), PartScore(10, 0, 0))),
        StudyRun("two", "a", 1, 0.5, seen=SeenScores(PartScore(100, 50, 40), PartScore(50, 40, 30))),
        StudyRun("three", "a", 1, 0.5, seen=SeenScores(PartScore(7, 7, 0), PartScore(7, 7, 0))),
        StudyRun("one", "b", 1, 0.5, seen=SeenScores(PartScore(10, 5, 5), PartScore(10, 0, 0))),
        StudyRun("two", "b", 1, 0.5, seen=SeenScores(PartScore(100, 100, 50), PartScore(50, 4, 1))),
    ]
    section = seen_section(runs, ["a", "b"])
    a, b = tables(section)["seen"]
    assert [a[f"seen: {name}"] for name in ("entities", "entities, fewest", "marked", "marked, fewest")] == [
        120, 20, 66, 16
    ]  # fmt: skip
    assert a["seen: recall"] == pytest.approx(100 * (14 / 20 + 40 / 100) / 2)
    assert a["seen: precision"] == pytest.approx(100 * (14 / 16 + 40 / 50) / 2)
    assert a["unseen: precision"] == pytest.approx(100 * (1 / 2 + 30 / 40) / 2)
    assert (a["unseen: marked"], a["unseen: marked, fewest"]) == (42, 2)
    # No prediction on one of them: its precision is that of the other corpus.
    assert (b["unseen: marked"], b["unseen: marked, fewest"], b["unseen: precision"]) == (4, 0, 25)
    (three,) = [row for row in tables(section)["seen-by-corpus"] if row["corpus"] == "three"]
    assert (three["method"], three["seen: entities"], three["seen: recall"]) == ("a", 7, 0)


def test_methods_without_a_corpus_in_common_have_no_means():
    part = SeenScores(PartScore(4, 4, 2), PartScore(4, 4, 2))
    runs = [
        StudyRun(corpus, method, 1, 0.5, seen=part, errors=errors(1, 1, 0, {}))
        for corpus, method in [("one", "a"), ("two", "b")]
    ]
    seen, wrong = tables(seen_section(runs, ["a", "b"])), tables(errors_section(runs, ["a", "b"]))
    assert [row["seen: recall"] for row in seen["seen"]] == [None, None]
    assert [row["correct"] for row in wrong["errors"]] == [None, None]
    assert [row["correct"] for row in wrong["errors-by-corpus"]] == [50, 50]


def test_what_was_not_measured_has_no_section():
    runs = [StudyRun("c", "a", 1, 0.5, errors=errors(0, 0, 3, {}))]
    assert seen_section(runs, ["a"]) is None
    assert errors_section(runs, ["a"]) is None
