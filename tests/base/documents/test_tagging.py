"""Entities to tags: every rule, and that none is lost without a count."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings

from tests.base.documents.nasty import documents
from tfkd_base.corpora import spans
from tfkd_base.documents import Document, Entity, Passage, TaggingReport, tagged

TEXT = "breast and ovarian-cancer cells. They grow."
SENTENCES = (((0, 6), (7, 10), (11, 18), (18, 19), (19, 25), (26, 31), (31, 32)), ((33, 37), (38, 42), (42, 43)))


def tags(*entities: Entity, passages: tuple[Passage, ...] = ()) -> tuple[list[str], dict[str, int]]:
    document = Document("1", TEXT, entities, passages, SENTENCES)
    report = TaggingReport()
    found = list(tagged(document, report=report))
    assert report.dropped == report.entities - report.kept
    changes = {
        name: value
        for name in TaggingReport.__slots__
        if name not in ("documents", "entities", "kept") and (value := getattr(report, name))
    }
    return [" ".join(tag[0] for tag in sentence.tags) for sentence in found], changes


@pytest.mark.parametrize(
    ("entities", "first", "counted"),
    [
        ([Entity(11, 25, "X")], "O O B I I O O", {}),
        ([Entity(12, 15, "X")], "O O B O O O O", {"widened": 1}),
        ([Entity(10, 19, "X")], "O O B I O O O", {"trimmed": 1}),
        ([Entity(6, 7, "X")], "O O O O O O O", {"no_token": 1}),
        ([Entity(0, 25, "X", fragments=((0, 6), (19, 25)))], "B I I I I O O", {"discontinuous": 1}),
        ([Entity(11, 25, "X"), Entity(19, 25, "Y")], "O O B I I O O", {"nested": 1}),
        ([Entity(19, 25, "Y"), Entity(11, 25, "X")], "O O B I I O O", {"nested": 1}),
        ([Entity(0, 18, "X"), Entity(11, 25, "Y")], "B I I O O O O", {"overlapping": 1}),
        ([Entity(0, 10, "X"), Entity(7, 25, "Y")], "O B I I I O O", {"overlapping": 1}),
        ([Entity(0, 6, "X"), Entity(0, 6, "X")], "B O O O O O O", {"repeated": 1}),
        ([Entity(0, 6, "X"), Entity(1, 6, "Y")], "B O O O O O O", {"nested": 1}),
        ([Entity(0, 6, "X"), Entity(7, 10, "X")], "B B O O O O O", {}),
    ],
)
def test_rules(entities: list[Entity], first: str, counted: dict[str, int]) -> None:
    assert tags(*entities) == ([first, "O O O"], {"sentences": 2, **counted})


def test_sentences_are_joined_within_a_passage_only() -> None:
    across = Entity(26, 37, "X")
    assert tags(across) == (["O O O O O B I I O O"], {"sentences": 1, "joined": 1})
    two = (Passage(0, 32), Passage(33, 43))
    assert tags(across, passages=two) == (["O O O O O O O", "O O O"], {"sentences": 2, "between_passages": 1})


@pytest.mark.slow
@settings(max_examples=50)
@given(documents())
def test_every_entity_is_kept_or_counted(document: Document) -> None:
    tokens = tuple(m.span() for m in re.finditer(r"\w+|[^\w\s]", document.text))
    cut = Document(document.id, document.text, document.entities, document.passages, (tokens[:3], tokens[3:]))
    report = TaggingReport()
    found = list(tagged(cut, report=report))
    left = report.no_token + report.between_passages + report.repeated + report.nested + report.overlapping
    assert report.entities == len(document.entities) == report.kept + left
    assert sum(len(spans(sentence.tags, "iob2")) for sentence in found) == report.kept
    assert [token for s in found for token in s.tokens] == [document.text[a:b] for a, b in tokens]
    assert all(sentence.tokens for sentence in found)
