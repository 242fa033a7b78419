"""Documents of raw text with entities at character offsets: what every reader gives and every writer takes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from tfkd_base.errors import CorpusError

Counts = Counter[str]
"""How often something was left out or changed, by what it is, in words"""

KIND = "text"
"""the kind of a passage whose source gives none"""


class DocumentError(CorpusError):
    """Documents that cannot be read or written; the message names the place and the remedy."""


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity in a document's text.

    Attributes:
        start: Its first character, in Unicode code points as Python counts them.
        end: The character after its last.
        type: The entity type.
        id: What the source calls this mention, such as `T1`.
        identifier: The concept it stands for, such as `MESH:D001943`.
        score: How sure the model is, 0 to 1, where a model found it.
        fragments: Start and end of each part of a discontinuous mention, in order; none if it is all in one.
        infons: What else the source says of it, by key.

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
        """Start and end of each fragment, or of the whole where it is all in one."""
        return self.fragments or ((self.start, self.end),)


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a document's text that is annotated for itself, such as the title.

    Attributes:
        start: Its first character in the document's text, in code points.
        end: The character after its last.
        kind: What it is, such as `title`, `abstract` or `paragraph`.
        offset: Where the source says that it starts, if that is not `start`; BioC files are written with it again.
        infons: What else the source says of it, by key.
    """

    start: int
    end: int
    kind: str = KIND
    offset: int | None = None
    infons: Mapping[str, object] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Document:
    """A text with its entities.

    Attributes:
        id: What the corpus calls it, such as a PubMed identifier.
        text: The text whole, as it stands in the corpus.
        entities: The entities, in the order of the corpus; they may overlap.
        passages: The passages that the text is made of, in order; if none are given, the whole text is one.
        sentences: Start and end of each token, sentence by sentence, if the document has been cut into tokens.
        infons: What else the source says of it, by key.

    Raises:
        DocumentError: An entity, passage or token is empty or backwards, out of order or not in the text.

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

    def __post_init__(self) -> None:
        """Check that all of it lies in the text."""
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
        """Return an entity's text; that of a discontinuous one with a space between its fragments."""
        return " ".join(self.text[start:end] for start, end in entity.parts)

    def with_entities(self, entities: Iterable[Entity]) -> Document:
        """Return the document with other entities, and all else as it is.

        Args:
            entities: The entities, for example those that a model has found.
        """
        return replace(self, entities=tuple(entities))


@dataclass(frozen=True, slots=True)
class BrokenDocument:
    """A document that could not be read, in the place of the document: the reader goes on with the next one.

    Attributes:
        source: The file, or what else the documents came from.
        reason: What was expected and what came.
        raw: The document's bytes as they stood in the source, as far as they could be told apart.
        line: The line of the source, from 1, where it is known.
        number: Which document of the source it is, from 1, where it is known.

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
        """Where in the source it stands, in words."""
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
        r"""Write as one line of JSON, for a file of errors; bytes that are not UTF-8 are written as `\\xNN`."""
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
    """Why the document at hand cannot be read; raised within a reader, which makes a `BrokenDocument` of it."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


def _check_order(
    parts: Iterable[tuple[int, int]], start: int, end: int, name: str, what: str, *, exact: bool = True
) -> None:
    """Refuse parts that are empty, overlap, or do not reach from start to end (or, not exactly, lie within)."""
    listed = list(parts)
    ends = [start, *(part[1] for part in listed)]
    wrong = any(not before <= one < two for before, (one, two) in zip(ends, listed, strict=False)) or ends[-1] > end
    if wrong or (exact and (listed[0][0], ends[-1]) != (start, end)):
        raise DocumentError(f"document {name!r}: {what} are empty, out of order or out of place")


def unique_ids(entities: Iterable[Entity], counts: Counts, prefix: str = "T") -> list[str]:
    """Name each entity of a document: as it is named if it is the first of that name, else with a new number.

    Args:
        entities: The entities of one document.
        counts: Takes down how many names had come before.
        prefix: What stands before a new number.

    Example:
        >>> entities = [Entity(0, 1, "Gene"), Entity(1, 2, "Gene", id="T1"), Entity(2, 3, "Gene", id="T1")]
        >>> unique_ids(entities, Counts())
        ['T2', 'T1', 'T3']
    """
    listed = list(entities)
    given = {entity.id for entity in listed if entity.id}
    used: set[str] = set()
    names: list[str] = []
    number = 0
    for entity in listed:
        name = entity.id
        if not name or name in used:
            counts["ids of entities that occurred twice in a document, numbered anew"] += bool(name)
            number += 1
            while f"{prefix}{number}" in given:
                number += 1
            name = f"{prefix}{number}"
        used.add(name)
        names.append(name)
    return names


def count_infons(document: Document, counts: Counts) -> None:
    """Take down how much of what else the source said is left out, in a format that has no place for it."""
    held = [document.infons, *(p.infons for p in document.passages), *(m.infons for m in document.entities)]
    counts["infons left out, which this format cannot hold"] += sum(map(len, held))
