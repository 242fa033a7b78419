"""Which entities are kept: scores, overlaps, and the entities of the input."""

from __future__ import annotations

from typing import Any

import pytest

from tfkd_base.documents import Counts, Document, Entity, EntitySelection
from tfkd_base.errors import TfkdError

DOCUMENT = Document("1", "Hereditary breast cancer (HBC).", (Entity(11, 17, "Organ"), Entity(0, 17, "Old")))
FOUND = [
    Entity(0, 24, "Disease", score=0.8),
    Entity(11, 17, "Organ", score=0.7),
    Entity(18, 24, "Disease", score=0.95),
    Entity(26, 29, "Gene", score=0.4),
]


def select(**settings: Any) -> tuple[list[tuple[str, str]], dict[str, int]]:
    selected = EntitySelection(**settings).apply(DOCUMENT, FOUND, counts := Counts())
    return [(selected.text_of(e), e.type) for e in selected.entities], dict(+counts)


def test_by_default_all_that_is_found_replaces_the_input() -> None:
    assert EntitySelection().apply(DOCUMENT, FOUND, counts := Counts()).entities == tuple(FOUND)
    assert not +counts


def test_scores() -> None:
    entities, counts = select(min_score=0.8)
    assert [type for _, type in entities] == ["Disease", "Disease"], "a score that equals the limit is enough"
    assert counts == {"entities dropped, with a score below 0.8": 2}


def test_overlaps() -> None:
    assert select(resolve="longest") == (
        [("Hereditary breast cancer", "Disease"), ("HBC", "Gene")],
        {"overlapping entities dropped, the longest kept": 2},
    )
    assert select(resolve="score") == (
        [("breast", "Organ"), ("cancer", "Disease"), ("HBC", "Gene")],
        {"overlapping entities dropped, the one with the highest score kept": 1},
    )


def test_entities_of_the_input_stay_and_others_give_way() -> None:
    entities, counts = select(keep=True, resolve="longest")
    assert entities == [("breast", "Organ"), ("Hereditary breast", "Old"), ("cancer", "Disease"), ("HBC", "Gene")]
    assert counts == {"entities dropped that overlap one of the input": 1}
    entities, counts = select(keep=True, min_score=1.0)
    assert entities == [("breast", "Organ"), ("Hereditary breast", "Old")]


def test_abbreviations_come_after_scores_and_before_overlaps() -> None:
    entities, counts = select(abbreviations=True, min_score=0.5, resolve="longest")
    assert entities == [("Hereditary breast cancer", "Disease"), ("HBC", "Disease")]
    assert counts == {
        "entities dropped, with a score below 0.5": 1,
        "short forms added as entities": 1,
        "overlapping entities dropped, the longest kept": 2,
    }


@pytest.mark.parametrize("score", [None, float("nan")])
def test_scores_that_are_missing_are_refused(score: float | None) -> None:
    found = [Entity(0, 24, "Disease", score=score)]
    for settings, option in (({"min_score": 0.5}, "--min-score"), ({"resolve": "score"}, "--resolve score")):
        with pytest.raises(TfkdError, match=f"a model gives none for entities of type 'Disease': omit {option}"):
            EntitySelection(**settings).apply(DOCUMENT, found, Counts())
    assert EntitySelection(resolve="longest").apply(DOCUMENT, found, Counts()).entities


@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan")])
def test_scores_out_of_range_are_refused(value: float) -> None:
    with pytest.raises(TfkdError, match="expected a score from 0 to 1, got min_score="):
        EntitySelection(min_score=value)
