"""Entities that overlap, against a search of all pairs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfkd_base.documents import Entity, OverlapRule, resolve_overlaps
from tfkd_base.documents.overlaps import Intervals
from tfkd_base.errors import TfkdError


def characters(entity: Entity) -> set[int]:
    return {place for start, end in entity.parts for place in range(start, end)}


@st.composite
def entity(draw: st.DrawFn) -> Entity:
    cuts = sorted(draw(st.sets(st.integers(0, 20), min_size=2, max_size=4)))
    fragments = tuple(zip(cuts[::2], cuts[1::2], strict=False))
    score = draw(st.sampled_from([None, 0.5, 0.6, 0.9]))
    type = draw(st.sampled_from("XY"))
    return Entity(cuts[0], fragments[-1][1], type, score=score, fragments=fragments if len(fragments) > 1 else ())


@given(st.lists(entity(), max_size=8), st.sampled_from(["longest", "score"]))
def test_the_best_of_all_pairs_is_kept(entities: list[Entity], rule: OverlapRule) -> None:
    def rank(number: int) -> tuple[object, ...]:
        one = entities[number]
        length, score = -len(characters(one)), -(one.score or 0)
        return (*((length, score) if rule == "longest" else (score, length)), one.start, one.type, number)

    kept: list[int] = []
    for number in sorted(range(len(entities)), key=rank):
        if all(not characters(entities[number]) & characters(entities[other]) for other in kept):
            kept.append(number)
    assert resolve_overlaps(entities, rule) == [entities[number] for number in sorted(kept)]


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 5))), st.integers(0, 20), st.integers(1, 5))
def test_intervals(spans: list[tuple[int, int]], start: int, length: int) -> None:
    intervals = Intervals((first, first + size) for first, size in spans)
    covered = {place for first, size in spans for place in range(first, first + size)}
    own = set(range(start, start + length))
    assert intervals.overlaps(start, start + length) == bool(covered & own)
    if not covered & own:
        intervals.add(start, start + length)
        for place in range(30):
            assert intervals.overlaps(place, place + 1) == (place in covered | own)


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(TfkdError, match="there is no rule 'longst' to resolve overlaps: did you mean 'longest'"):
        resolve_overlaps([], "longst")  # type: ignore[arg-type]
