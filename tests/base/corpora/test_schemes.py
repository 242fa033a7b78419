"""Tagging schemes against seqeval's strict mode and against exhaustive enumeration."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.scheme import IOB1, IOB2, IOBES, Entities

from tfkd_base.corpora import (
    SCHEMES,
    CorpusError,
    Scheme,
    Span,
    allowed_transitions,
    convert_tags,
    spans,
    tag_list,
    tags_from_spans,
)
from tfkd_base.corpora.schemes import adjacent_pairs, repair_tags, violation

SEQEVAL = {"iob1": IOB1, "iob2": IOB2, "iobes": IOBES}
TYPES = ("Cell", "Cell-line", "Gene")

schemes = st.sampled_from(SCHEMES)


@st.composite
def sentences(draw: st.DrawFn) -> tuple[list[Span], int]:
    """Entities side by side, often touching, in a sentence of some tokens."""
    found: list[Span] = []
    position = 0
    for gap, length, kind in draw(
        st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4), st.sampled_from(TYPES)), max_size=6)
    ):
        found.append(Span(position + gap, position + gap + length, kind))
        position += gap + length
    return found, position + draw(st.integers(0, 2))


@st.composite
def any_tags(draw: st.DrawFn) -> tuple[list[str], Scheme]:
    """Tags of a scheme in any order, valid or not."""
    scheme = draw(schemes)
    return draw(st.lists(st.sampled_from(tag_list(TYPES, scheme)), max_size=8)), scheme


def merged(entities: list[Span]) -> list[Span]:
    """What IO can tell: adjacent entities of one type are one."""
    result: list[Span] = []
    for span in entities:
        if result and result[-1].end == span.start and result[-1].type == span.type:
            result[-1] = Span(result[-1].start, span.end, span.type)
        else:
            result.append(span)
    return result


@given(sentences(), schemes)
def test_spans_come_back_from_tags(sentence: tuple[list[Span], int], scheme: Scheme) -> None:
    entities, length = sentence
    tags = tags_from_spans(reversed(entities), length, scheme)
    assert len(tags) == length
    assert violation(tags, scheme) is None
    assert spans(tags, scheme) == (merged(entities) if scheme == "io" else entities)
    assert len(entities) - len(spans(tags, "io" if scheme == "io" else scheme)) == (
        adjacent_pairs(entities) if scheme == "io" else 0
    )


@given(sentences(), st.sampled_from(sorted(SEQEVAL)))
def test_spans_are_those_of_seqeval_strict(sentence: tuple[list[Span], int], scheme: Scheme) -> None:
    tags = tags_from_spans(*sentence, scheme)
    theirs = [Span(e.start, e.end, e.tag) for e in Entities([tags], SEQEVAL[scheme]).entities[0]]
    assert spans(tags, scheme) == theirs


@pytest.mark.parametrize("scheme", ["iob2", "iobes"])
def test_every_short_sequence_that_is_valid_reads_as_in_seqeval(scheme: Scheme) -> None:
    valid = 0
    for tags in itertools.product(tag_list(["A", "B"], scheme), repeat=4):
        if violation(tags, scheme) is None:
            valid += 1
            theirs = Entities([list(tags)], SEQEVAL[scheme]).entities[0]
            assert spans(tags, scheme) == [Span(e.start, e.end, e.tag) for e in theirs], tags
    assert valid > 100


@given(sentences(), schemes, schemes)
def test_conversion_keeps_the_entities(sentence: tuple[list[Span], int], source: Scheme, target: Scheme) -> None:
    tags = tags_from_spans(*sentence, source)
    converted = convert_tags(tags, source, target)
    expected = spans(tags, source)
    assert spans(converted, target) == (merged(expected) if target == "io" else expected)


@given(any_tags())
def test_repair_gives_a_valid_sequence_with_the_same_types(given_tags: tuple[list[str], Scheme]) -> None:
    tags, scheme = given_tags
    repaired, changed = repair_tags(tags, scheme)
    assert violation(repaired, scheme) is None
    assert [tag.partition("-")[2] for tag in repaired] == [tag.partition("-")[2] for tag in tags]
    assert changed == sum(a != b for a, b in zip(tags, repaired, strict=True))
    assert (changed == 0) == (violation(tags, scheme) is None)
    assert spans(repaired, scheme) == spans(tags, scheme)


@pytest.mark.parametrize(
    ("scheme", "tags", "expected"),
    [
        ("iob2", "I-A I-A O I-B", "B-A I-A O B-B"),
        ("iob2", "B-A I-B O", "B-A B-B O"),
        ("iob1", "B-A I-A B-A O B-A", "I-A I-A B-A O I-A"),
        ("iobes", "I-A O B-A B-A E-A O E-B I-B", "S-A O S-A B-A E-A O S-B S-B"),
        ("iobes", "B-A I-A O", "B-A E-A O"),
        ("iobes", "B-A S-A E-A", "S-A S-A S-A"),
    ],
)
def test_repairs(scheme: Scheme, tags: str, expected: str) -> None:
    assert repair_tags(tags.split(), scheme)[0] == expected.split()


@given(any_tags())
def test_transitions_allow_exactly_the_valid_sequences(given_tags: tuple[list[str], Scheme]) -> None:
    tags, scheme = given_tags
    known = tag_list(TYPES, scheme)
    start, transition, end = allowed_transitions(known, scheme)
    path = [known.index(tag) for tag in tags]
    allowed = not path or (
        start[path[0]] and end[path[-1]] and all(transition[a][b] for a, b in itertools.pairwise(path))
    )
    assert allowed == (violation(tags, scheme) is None)


def test_transitions_of_iob2() -> None:
    tags = ["O", "B-A", "I-A", "B-B", "I-B"]
    start, transition, end = allowed_transitions(tags, "iob2")
    assert start == [True, True, False, True, False]
    assert end == [True] * 5
    assert [row[2] for row in transition] == [False, True, True, False, False]
    assert all(row[0] and row[1] and row[3] for row in transition)


def test_transitions_of_iobes() -> None:
    tags = ["O", "B-A", "I-A", "E-A", "S-A", "B-B", "I-B", "E-B", "S-B"]
    start, transition, end = allowed_transitions(tags, "iobes")
    outside, inside_a, inside_b = {"O", "B-A", "S-A", "B-B", "S-B"}, {"I-A", "E-A"}, {"I-B", "E-B"}
    assert {t for t, yes in zip(tags, start, strict=True) if yes} == outside
    assert {t for t, yes in zip(tags, end, strict=True) if yes} == {"O", "E-A", "S-A", "E-B", "S-B"}
    expected = {"O": outside, "B-A": inside_a, "I-A": inside_a, "E-A": outside, "S-A": outside}
    expected |= {"B-B": inside_b, "I-B": inside_b, "E-B": outside, "S-B": outside}
    for tag, row in zip(tags, transition, strict=True):
        assert {t for t, yes in zip(tags, row, strict=True) if yes} == expected[tag], tag


def test_io_allows_everything() -> None:
    start, transition, end = allowed_transitions(tag_list(["A", "B"], "io"), "io")
    assert all(start)
    assert all(end)
    assert all(map(all, transition))


@pytest.mark.parametrize(("scheme", "count"), [("iob1", 5), ("iob2", 5), ("iobes", 9), ("io", 3)])
def test_tag_list(scheme: Scheme, count: int) -> None:
    tags = tag_list(["Gene", "Cell", "Gene"], scheme)
    assert tags[0] == "O"
    assert len(set(tags)) == len(tags) == count
    assert tag_list([], scheme) == ("O",)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tag_list(["A"], "bio2"), "no tag scheme 'bio2'.*iob2"),
        (lambda: spans(["B-A", "E-A"], "iob2"), "'E-A' is outside the scheme iob2"),
        (lambda: spans(["X-A"], "iob2"), "'X-A' is not a tag"),
        (lambda: spans(["B-"], "iob2"), "'B-' is not a tag"),
        (lambda: tags_from_spans([Span(0, 2, "A"), Span(1, 3, "A")], 3, "iob2"), "overlaps"),
        (lambda: tags_from_spans([Span(2, 4, "A")], 3, "iob2"), "does not fit a sentence of 3 tokens"),
        (lambda: tags_from_spans([Span(1, 1, "A")], 3, "iob2"), "does not fit"),
        (lambda: allowed_transitions(["O", "S-A"], "io"), "'S-A' is outside the scheme io"),
    ],
)
def test_mistakes_are_named(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(CorpusError, match=message):
        call()
