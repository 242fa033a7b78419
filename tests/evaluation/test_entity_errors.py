"""Error analysis of entities."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfkd.evaluation import find_errors, score
from tfkd.evaluation.entity_errors import ERROR_KINDS
from tfkd_base.corpora import Span, spans, tags_from_spans
from tfkd_base.errors import TfkdError


def tags(*entities: tuple[int, int, str], length: int = 10) -> list[str]:
    return tags_from_spans([Span(*entity) for entity in entities], length, "iob2")


def count_kinds(gold, predicted) -> dict[str, int]:
    errors = find_errors([tags(*gold)], [tags(*predicted)]).to_dict()
    return {name: number for name, number in errors.items() if name != "types" and number}


@pytest.mark.parametrize(
    ("predicted", "kind"),
    [
        ((2, 6, "A"), "correct"),
        ((2, 6, "B"), "wrong_type"),
        ((3, 6, "A"), "too_short"),
        ((2, 5, "A"), "too_short"),
        ((3, 5, "A"), "too_short"),
        ((1, 6, "A"), "too_long"),
        ((2, 9, "A"), "too_long"),
        ((0, 3, "A"), "shifted_left"),
        ((5, 9, "A"), "shifted_right"),
        ((3, 6, "B"), "both_wrong"),
        ((5, 9, "B"), "both_wrong"),
    ],
)
def test_one_entity_and_one_prediction(predicted, kind):
    assert count_kinds([(2, 6, "A")], [predicted]) == {kind: 1}


def test_each_entity_matches_one_prediction():
    # Two predictions within one entity: the longer one matches, the other one is spurious.
    assert count_kinds([(2, 7, "A")], [(2, 3, "A"), (4, 7, "A")]) == {"too_short": 1, "spurious": 1}
    # One prediction over two entities.
    assert count_kinds([(1, 2, "A"), (3, 6, "A")], [(1, 6, "A")]) == {"too_long": 1, "missed": 1}
    # Equal boundaries have priority over an equal overlap.
    assert count_kinds([(1, 3, "A"), (3, 6, "B")], [(3, 6, "B"), (1, 2, "B")]) == {"correct": 1, "both_wrong": 1}
    # The same type has priority over the longer overlap.
    assert count_kinds([(1, 8, "A")], [(1, 2, "A"), (2, 8, "B")]) == {"too_short": 1, "spurious": 1}
    # Entities of different sentences never match.
    errors = find_errors([tags((1, 2, "A")), tags()], [tags(), tags((1, 2, "A"))])
    assert (errors.missed, errors.spurious) == (1, 1)


def test_confusion_of_types():
    errors = find_errors([tags((0, 1, "A"), (2, 4, "A"), (5, 6, "B"))], [tags((0, 1, "B"), (2, 3, "A"), (8, 9, "B"))])
    assert errors.types == {"": {"B": 1}, "A": {"A": 1, "B": 1}, "B": {"": 1}}
    assert json.loads(json.dumps(errors.to_dict())) == errors.to_dict()


@settings(max_examples=50)
@given(st.lists(st.tuples(*[st.lists(st.sampled_from(["O", "B-A", "I-A", "B-B", "I-B"]), min_size=8, max_size=8)] * 2)))
def test_the_numbers_add_up(pairs):
    # Make the tags valid, because seqeval reads invalid tags differently.
    gold, predicted = ([tags_from_spans(spans(row, "iob2"), 8, "iob2") for row in rows] for rows in
                   ([p[0] for p in pairs], [p[1] for p in pairs]))  # fmt: skip
    errors = find_errors(gold, predicted)
    matched = sum(getattr(errors, kind) for kind in ERROR_KINDS)
    assert matched + errors.missed == sum(len(spans(row, "iob2")) for row in gold)
    assert matched + errors.spurious == sum(len(spans(row, "iob2")) for row in predicted)
    assert (
        sum(number for row in errors.types.values() for number in row.values())
        == matched + errors.missed + errors.spurious
    )
    micro = score(gold, predicted).micro
    assert errors.correct == round(micro.recall * micro.entities)


def test_different_sentences_and_unknown_schemes_are_refused():
    with pytest.raises(TfkdError, match="got 1 and 0 sentences"):
        find_errors([["O"]], [])
    with pytest.raises(TfkdError, match="no tag scheme 'iob3'"):
        find_errors([["O"]], [["O"]], "iob3")
