"""What a document may be, and what is no document."""

from __future__ import annotations

import json

import pytest

from tfkd_base.documents import BrokenDocument, Counts, Document, DocumentError, Entity, Passage
from tfkd_base.documents.document import unique_ids


@pytest.mark.parametrize(
    ("entity", "message"),
    [
        (Entity(0, 0, "X"), "it is empty or not in the text of 6 characters"),
        (Entity(3, 7, "X"), "it is empty or not in the text"),
        (Entity(-1, 3, "X"), "it is empty or not in the text"),
        (Entity(0, 6, "X", fragments=((0, 3), (2, 6))), "the fragments of an entity are empty, out of order"),
        (Entity(0, 6, "X", fragments=((0, 3), (4, 5))), "the fragments of an entity"),
    ],
)
def test_entities_lie_in_the_text(entity: Entity, message: str) -> None:
    with pytest.raises(DocumentError, match=message):
        Document("1", "Cancer", (entity,))


def test_passages_and_tokens_are_in_order() -> None:
    with pytest.raises(DocumentError, match="lies out of order"):
        Document("1", "Cancer", passages=(Passage(0, 4), Passage(3, 6)))
    with pytest.raises(DocumentError, match="the tokens are"):
        Document("1", "Cancer", sentences=(((0, 3), (2, 4)),))
    assert Document("1", "").passages == (Passage(0, 0),)
    assert hash(Document("1", "", infons={"a": "b"})) == hash(Document("1", ""))


def test_the_text_of_a_discontinuous_entity() -> None:
    entity = Entity(0, 25, "X", fragments=((0, 6), (18, 25)))
    document = Document("1", "breast and ovarian cancers", (entity,))
    assert document.text_of(entity) == "breast  cancer"
    assert document.with_entities(()).entities == ()


def test_ids_are_unique_and_kept_where_they_can_be() -> None:
    names = ["T2", None, "T2", "x", "T1", None]
    counts = Counts()
    made = unique_ids([Entity(0, 1, "X", id=name) for name in names], counts)
    assert made == ["T2", "T3", "T4", "x", "T1", "T5"]
    assert counts.total() == 1


def test_a_broken_document_is_told_in_a_line() -> None:
    broken = BrokenDocument("a.xml", "no offset", b"\xff<x/>", number=3)
    assert str(broken) == "a.xml: document 3: no offset"
    assert json.loads(broken.to_json()) == {
        "source": "a.xml",
        "line": None,
        "document": 3,
        "reason": "no offset",
        "raw": "\\xff<x/>",
    }
    assert BrokenDocument("a", "b").place == "the whole file"
