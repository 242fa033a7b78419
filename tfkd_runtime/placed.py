"""Documents with their places in the input."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

from tfkd_base.documents import (
    BrokenDocument,
    Collection,
    Counts,
    Document,
    DocumentFile,
    Entity,
    Passage,
    read_document_file,
)


@dataclass(frozen=True, slots=True)
class PlacedDocument:
    r"""A document, or a broken one, with its place in the input.

    Attributes:
        source: The file that it comes from.
        number: Its number in the file, from 1.
        document: The document.

    Example:
        >>> placed = PlacedDocument("a.xml", 2, Document("7", "Cancer", (Entity(0, 6, "X"),), infons={"year": 2021}))
        >>> PlacedDocument.from_line(placed.to_line()) == placed
        True
    """

    source: str
    number: int
    document: Document | BrokenDocument

    @property
    def whole(self) -> Document:
        """The document, which must not be broken."""
        assert isinstance(self.document, Document)
        return self.document

    def to_line(self) -> bytes:
        """Return the document as a line of JSON that holds all of it, which no format of documents does."""
        place = {"source": self.source, "number": self.number}
        document = self.document
        if isinstance(document, BrokenDocument):
            value = {"broken": _broken_to_json(document)}
        else:
            value = {"document": _document_to_json(document)}
        # json.dumps writes half a surrogate pair as an escape.
        return json.dumps(place | value).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        """Read what `to_line` wrote."""
        value = json.loads(line)
        if "broken" in value:
            source, reason, raw, line_number, number = value["broken"]
            broken = BrokenDocument(source, reason, raw.encode("latin-1"), line_number, number)
            return cls(value["source"], value["number"], broken)
        return cls(value["source"], value["number"], _document_from_json(value["document"]))


def read_file(file: DocumentFile, counts: Counts) -> Iterator[PlacedDocument]:
    """Read the documents of a whole file, each with its place.

    Args:
        file: The file.
        counts: Receives what is dropped or changed in reading, when all documents have been read.
    """
    source = str(file.path)
    reader = read_document_file(file)
    for number, document in enumerate(reader, 1):
        yield PlacedDocument(source, number, document)
    counts.update(reader.counts)


def without_broken(
    placed: Iterable[PlacedDocument], set_aside: Callable[[BrokenDocument], None] = lambda broken: None
) -> Iterator[PlacedDocument]:
    """Return the documents that are not broken, in their order.

    Args:
        placed: The documents.
        set_aside: Called with each broken document.
    """
    for one in placed:
        if isinstance(one.document, BrokenDocument):
            set_aside(one.document)
        else:
            yield one


def _broken_to_json(broken: BrokenDocument) -> list[object]:
    return [broken.source, broken.reason, broken.raw.decode("latin-1"), broken.line, broken.number]


def _document_to_json(document: Document) -> list[object]:
    entities = [
        [e.start, e.end, e.type, e.id, e.identifier, e.score, e.fragments, dict(e.infons)] for e in document.entities
    ]
    passages = [[p.start, p.end, p.kind, p.offset, dict(p.infons)] for p in document.passages]
    value: list[object] = [document.id, document.text, entities, passages, document.sentences, dict(document.infons)]
    about = document.collection
    collection = [about.source, about.date, about.key, dict(about.infons)]
    return [*value, collection] if about.size else value


def _document_from_json(value: list[Any]) -> Document:
    name, text, entities, passages, sentences, infons, *collection = value
    return Document(
        name,
        text,
        tuple(_entity_from_json(*entity) for entity in entities),
        tuple(Passage(*passage) for passage in passages),
        tuple(tuple((start, end) for start, end in sentence) for sentence in sentences),
        infons,
        Collection(*collection[0]) if collection else Collection(),
    )


def _entity_from_json(
    start: int,
    end: int,
    type: str,
    id: str | None,
    identifier: str | None,
    score: float | None,
    fragments: list[list[int]],
    infons: dict[str, Any],
) -> Entity:
    return Entity(start, end, type, id, identifier, score, tuple((first, last) for first, last in fragments), infons)
