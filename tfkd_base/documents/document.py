"""Documents of raw text with entities at character offsets, as all formats read and write them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from tfkd_base.documents.identifiers import find_identifier
from tfkd_base.errors import CorpusError

Counts = Counter[str]
"""How often something was dropped or changed, by a description in words"""

KIND = "text"
"""The kind of a passage whose source gives none"""


class DocumentError(CorpusError):
    """Documents that cannot be read or written. The message names the place and the remedy."""


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity in a document's text.

    Attributes:
        start: Offset of the first character, in Unicode code points as Python counts them.
        end: Offset after the last character.
        type: The entity type.
        id: The id in the source, such as `T1`.
        identifier: The concept that it names, such as `MESH:D001943`.
        score: The confidence of the model that found it, 0 to 1.
        fragments: Start and end of each part of a discontinuous entity, in order; empty if it is contiguous.
        infons: Further information of the source, by key.

    Example:
        >>> "breast cancer"[Entity(7, 13, "Disease").start :]
        'cancer'
    """

    start: int
    end: int
    type: str
    id: str | None = None
    identifier: str | None = None
    score: float | None = None
    fragments: tuple[tuple[int, int], ...] = ()
    infons: Mapping[str, object] = field(default_factory=dict, hash=False)

    @property
    def parts(self) -> tuple[tuple[int, int], ...]:
        """Start and end of each fragment, or of the whole entity if it is contiguous."""
        return self.fragments or ((self.start, self.end),)


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a document that is annotated on its own, such as the title.

    Attributes:
        start: Offset of the first character in the text of the document, in code points.
        end: Offset after the last character.
        kind: The kind of text, such as `title`, `abstract` or `paragraph`.
        offset: The offset in the source, if it differs from `start`. BioC files are written with it.
        infons: Further information of the source, by key.
    """

    start: int
    end: int
    kind: str = KIND
    offset: int | None = None
    infons: Mapping[str, object] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Collection:
    """What a file says about all its documents.

    Attributes:
        source: Where the documents come from.
        date: When they were collected.
        key: The name of the file that describes them.
        infons: Further information of the source, by key.
    """

    source: str = ""
    date: str = ""
    key: str = ""
    infons: Mapping[str, object] = field(default_factory=dict, hash=False)

    @property
    def size(self) -> int:
        """Number of values that are not empty."""
        return bool(self.source) + bool(self.date) + bool(self.key) + len(self.infons)


@dataclass(frozen=True, slots=True)
class Document:
    """A text with its entities.

    Attributes:
        id: The id in the corpus, such as a PubMed identifier.
        text: The whole text, unchanged.
        entities: The entities, in the order of the corpus; they may overlap.
        passages: The passages that make up the text, in order. Default: one passage for the whole text.
        sentences: For each sentence, start and end of each token; empty if the document is not cut into tokens.
        infons: Further information of the source, by key.
        collection: What the file says about all its documents.

    Raises:
        DocumentError: An entity, passage or token is empty, out of order or outside the text.

    Example:
        >>> document = Document("1", "No breast cancer.", (Entity(3, 16, "Disease"),))
        >>> [document.text_of(entity) for entity in document.entities]
        ['breast cancer']
        >>> document.passages
        (Passage(start=0, end=17, kind='text', offset=None, infons={}),)
    """

    id: str
    text: str
    entities: tuple[Entity, ...] = ()
    passages: tuple[Passage, ...] = ()
    sentences: tuple[tuple[tuple[int, int], ...], ...] = ()
    infons: Mapping[str, object] = field(default_factory=dict, hash=False)
    collection: Collection = field(default=Collection(), hash=False)

    def __post_init__(self) -> None:
        """Check that entities, passages and tokens lie in the text."""
        length = len(self.text)
        if not self.passages:
            object.__setattr__(self, "passages", (Passage(0, length),))
        for entity in self.entities:
            if not 0 <= entity.start < entity.end <= length:
                raise DocumentError(
                    f"document {self.id!r}: an entity of type {entity.type!r} has the offsets {entity.start} to "
                    f"{entity.end}: it is empty or not in the text of {length} characters"
                )
            if entity.fragments:
                _check_order(entity.fragments, entity.start, entity.end, self.id, "the fragments of an entity")
        end = 0
        for passage in self.passages:
            if not end <= passage.start <= passage.end <= length:
                raise DocumentError(
                    f"document {self.id!r}: {passage} lies out of order or not in the text of {length} characters"
                )
            end = passage.end
        tokens = [token for sentence in self.sentences for token in sentence]
        if tokens:
            _check_order(tokens, 0, length, self.id, "the tokens", exact=False)

    def text_of(self, entity: Entity) -> str:
        """Return the text of an entity; fragments are joined by spaces."""
        return " ".join(self.text[start:end] for start, end in entity.parts)

    def with_entities(self, entities: Iterable[Entity]) -> Document:
        """Return the document with other entities.

        Args:
            entities: The entities, for example those that a model found.
        """
        return replace(self, entities=tuple(entities))


@dataclass(frozen=True, slots=True)
class BrokenDocument:
    """A document that could not be read. The reader yields it in place of the document, and continues.

    Attributes:
        source: The file, or the name of the stream.
        reason: What was expected and what was received.
        raw: The bytes of the document in the source, as far as its end could be determined.
        line: The line in the source, from 1, if known.
        number: The number of the document in the source, from 1, if known.

    Example:
        >>> print(BrokenDocument("a.txt", "expected a title", line=7))
        a.txt:7: expected a title
        >>> print(BrokenDocument("a.xml", "no offset", number=2))
        a.xml: document 2: no offset
    """

    source: str
    reason: str
    raw: bytes = b""
    line: int | None = None
    number: int | None = None

    @property
    def place(self) -> str:
        """The place in the source, in words."""
        if self.line is not None:
            return f"line {self.line}"
        return f"document {self.number}" if self.number is not None else "the whole file"

    def __str__(self) -> str:
        if self.line is not None:
            return f"{self.source}:{self.line}: {self.reason}"
        return (
            f"{self.source}: document {self.number}: {self.reason}" if self.number else f"{self.source}: {self.reason}"
        )

    def to_json(self) -> str:
        r"""Return one line of JSON, for a file of errors; bytes that are not UTF-8 are written as `\\xNN`."""
        return json.dumps(
            {
                "source": self.source,
                "line": self.line,
                "document": self.number,
                "reason": self.reason,
                "raw": self.raw.decode("utf-8", "backslashreplace"),
            },
            ensure_ascii=False,
        )


class FaultError(Exception):
    """The reason why a document cannot be read. Readers turn it into a `BrokenDocument`."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


def _check_order(
    parts: Iterable[tuple[int, int]], start: int, end: int, name: str, what: str, *, exact: bool = True
) -> None:
    """Refuse parts that are empty, overlap, or do not reach from start to end; if not exact, parts outside them."""
    spans = list(parts)
    ends = [start, *(span[1] for span in spans)]
    pairs = zip(ends, spans, strict=False)
    is_wrong = any(not previous <= first < last for previous, (first, last) in pairs) or ends[-1] > end
    if is_wrong or (exact and (spans[0][0], ends[-1]) != (start, end)):
        raise DocumentError(f"document {name!r}: {what} are empty, out of order or out of place")


def unique_ids(entities: Iterable[Entity], counts: Counts, prefix: str = "T") -> list[str]:
    """Return unique ids of the entities of a document. An entity without id, or with a repeated one, gets a number.

    Args:
        entities: The entities of one document.
        counts: Receives the number of repeated ids.
        prefix: Prefix of new ids.

    Example:
        >>> entities = [Entity(0, 1, "Gene"), Entity(1, 2, "Gene", id="T1"), Entity(2, 3, "Gene", id="T1")]
        >>> unique_ids(entities, Counts())
        ['T2', 'T1', 'T3']
    """
    in_order = list(entities)
    given = {entity.id for entity in in_order if entity.id}
    used: set[str] = set()
    names: list[str] = []
    number = 0
    for entity in in_order:
        name = entity.id
        if not name or name in used:
            counts["ids of entities that occurred twice in a document, renumbered"] += bool(name)
            number += 1
            while f"{prefix}{number}" in given:
                number += 1
            name = f"{prefix}{number}"
        used.add(name)
        names.append(name)
    return names


def count_infons(document: Document, counts: Counts, *, holds_identifiers: bool = False) -> None:
    """Count what a document's source says beside text and entities, for a format that cannot hold it.

    These are its infons, the infons and offsets of its passages, the infons of its entities, and its collection.

    Args:
        document: The document.
        counts: Receives the numbers.
        holds_identifiers: Whether identifiers of entities are written, so that infons that give them are not lost.
    """
    held = [document.infons, *(p.infons for p in document.passages), *(m.infons for m in document.entities)]
    written = sum(
        holds_identifiers and m.identifier is not None and find_identifier(m.infons) == m.identifier
        for m in document.entities
        if m.infons
    )
    counts["infons dropped, which this format cannot hold"] += sum(map(len, held)) - written
    counts["offsets of passages in the source dropped"] += sum(p.offset is not None for p in document.passages)
    counts["documents whose collection's source, date, key or infons were dropped"] += bool(document.collection.size)
