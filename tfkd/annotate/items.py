"""A document on its way: where it came from, and itself, whole, as a line of JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Self

from tfkd_base.documents import BrokenDocument, Document, Entity, Passage


@dataclass(frozen=True, slots=True)
class Item:
    r"""A document, or a broken one, and its place.

    Attributes:
        source: The file that it is from.
        number: Which document of the file it is, from 1.
        document: The document.

    Example:
        >>> item = Item("a.xml", 2, Document("7", "Cancer", (Entity(0, 6, "Disease"),), infons={"year": 2021}))
        >>> Item.from_line(item.to_line()) == item
        True
    """

    source: str
    number: int
    document: Document | BrokenDocument

    @property
    def whole(self) -> Document:
        """The document, which is known not to be broken."""
        assert isinstance(self.document, Document)
        return self.document

    def to_line(self) -> bytes:
        """Write as a line; no format of documents holds all that one can hold."""
        place = {"source": self.source, "number": self.number}
        one = self.document
        value = {"broken": _broken(one)} if isinstance(one, BrokenDocument) else {"document": _plain(one)}
        # Half a surrogate pair is written as an escape.
        return json.dumps(place | value).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        """Read what `to_line` wrote.

        Args:
            line: The line.
        """
        value = json.loads(line)
        if "broken" in value:
            source, reason, raw, number_of_line, number = value["broken"]
            broken = BrokenDocument(source, reason, raw.encode("latin-1"), number_of_line, number)
            return cls(value["source"], value["number"], broken)
        return cls(value["source"], value["number"], _document(value["document"]))


def _broken(one: BrokenDocument) -> list[Any]:
    return [one.source, one.reason, one.raw.decode("latin-1"), one.line, one.number]


def _plain(one: Document) -> list[Any]:
    entities = [
        [m.start, m.end, m.type, m.id, m.identifier, m.score, m.fragments, dict(m.infons)] for m in one.entities
    ]
    passages = [[p.start, p.end, p.kind, p.offset, dict(p.infons)] for p in one.passages]
    return [one.id, one.text, entities, passages, one.sentences, dict(one.infons)]


def _document(value: list[Any]) -> Document:
    name, text, entities, passages, sentences, infons = value
    return Document(
        name,
        text,
        tuple(_entity(*entity) for entity in entities),
        tuple(Passage(*passage) for passage in passages),
        tuple(tuple((start, end) for start, end in sentence) for sentence in sentences),
        infons,
    )


def _entity(
    start: int,
    end: int,
    type: str,
    id: str | None,
    identifier: str | None,
    score: float | None,
    fragments: list[list[int]],
    infons: dict[str, Any],
) -> Entity:
    return Entity(start, end, type, id, identifier, score, tuple((one, two) for one, two in fragments), infons)
