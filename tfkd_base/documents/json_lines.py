"""JSON lines: an object a line, with the text and the entities of a document."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import IO, Any, TypeGuard

from tfkd_base.corpora.detection import describe_token_lists
from tfkd_base.documents.document import (
    KIND,
    BrokenDocument,
    Counts,
    Document,
    DocumentError,
    Entity,
    FaultError,
    Passage,
    count_infons,
)
from tfkd_base.documents.entity_texts import Places
from tfkd_base.documents.files import HEAD, READ_ERRORS, read_error
from tfkd_base.documents.formats import FORMATS, FormatWriter, LineBlock, LineFormat
from tfkd_base.documents.json_objects import has_object_per_line, json_shape, read_objects, rewindable
from tfkd_base.documents.offsets import Ruler, Unit
from tfkd_base.documents.stated import Layout, StatedEntity, place_entities, whole_text

LARGEST = 10**12
"""The largest offset"""
_EXPECTED = 'expected an object such as {"text": "...", "entities": [...]}'
_FOREIGN = frozenset({"denotations", "tracks", "annotations"})
_KEYS = frozenset({"id", "text", "entities", "passages"})
_ENTITY_KEYS = frozenset({"start", "end", "type", "text", "score", "id", "identifier", "fragments"})


@FORMATS.register("jsonl")
class JsonLines(LineFormat):
    """JSON lines: an object a line, with a document's text, entities and passages."""

    description = "JSON, an object a line"
    endings = (".jsonl", ".ndjson", ".json")
    priority = -2

    def recognizes(self, ending: str, content: bytes) -> bool:
        """Recognize JSON whose first object has a text or entities."""
        return bool({"text", "entities"} & set(json_shape(content).keys))

    def starts_document(self, previous: bytes, line: bytes) -> bool:
        """Tell whether the line is not blank."""
        return bool(line.strip())

    def read(
        self, stream: IO[bytes], source: str, counts: Counts, first_line: int = 1
    ) -> Iterator[Document | BrokenDocument]:
        """Read a document from each line that is not blank, or from a list of objects, or one object on several lines.

        An object has `text`, and it may have `id` (default: the number of its line), `entities` and `passages`. An
        entity has `start`, `end` and `type`, and may have `text`, which must be the text at its offsets, `score`, `id`,
        `identifier` and `fragments`, a list of pairs.

        Example:
            >>> import io
            >>> line = b'{"text": "Cancer", "entities": [{"start": 0, "end": 6, "type": "Disease", "text": "Cancer"}]}'
            >>> next(JsonLines().read(io.BytesIO(line), "x.jsonl", Counts())).entities[0].type
            'Disease'
        """
        for number, item in enumerate(read_objects(stream, first_line), 1):
            try:
                if item.fault is not None:
                    raise FaultError(item.fault)
                yield _document(item.value, item.line or number, counts, self.offsets)
            except FaultError as fault:
                yield BrokenDocument(source, fault.reason, item.raw, line=item.line, number=number)

    def cut(self, stream: IO[bytes], source: str, block_bytes: int) -> Iterator[LineBlock]:
        """Cut a file into blocks; one that has no object per line is a single block."""
        head, stream = rewindable(stream, HEAD)
        if has_object_per_line(head):
            yield from super().cut(stream, source, block_bytes)
            return
        try:
            yield LineBlock(0, stream.read(), 1, 1)
        except READ_ERRORS as error:
            yield LineBlock(0, b"", 1, 1, BrokenDocument(source, read_error(error), number=1))

    def stream_writer(self, stream: IO[bytes], counts: Counts) -> FormatWriter:
        """Return a writer of JSON lines."""
        return _Writer(stream, counts)


def _document(value: dict[str, Any], number: int, counts: Counts, offsets: str) -> Document:
    text = value.get("text")
    if not isinstance(text, str):
        raise FaultError(f"{_EXPECTED}, in which the text is a string; {_describe(value)}")
    if "entities" not in value and _FOREIGN & value.keys():
        raise FaultError(f"{_EXPECTED}; {_describe(value)}")
    name = value.get("id", str(number))
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)
    if not isinstance(name, str):
        raise FaultError(f"expected an id that is a string, got {name!r}")
    found = Counts({"unknown JSON keys, dropped": len(value.keys() - _KEYS)})
    entities = [_entity(item, found) for item in _list(value, "entities")]
    passages = [_passage(item) for item in _list(value, "passages")]

    def layout(unit: Unit) -> Layout:
        ruler = Ruler(text, unit)
        parts: list[Passage] = []
        for stated in passages:
            start, end = ruler.start(stated.start), ruler.end(stated.end)
            if start is None or end is None or start > end:
                raise FaultError(f"a passage from {stated.start} to {stated.end} is not in the text")
            parts.append(replace(stated, start=start, end=end))
        return whole_text(text, tuple(parts))(unit)

    chosen, placed = place_entities(layout, entities, found, offsets)
    try:
        document = Document(name, text, placed, chosen.passages)
    except DocumentError as error:
        raise FaultError(str(error)) from None
    counts.update(found)
    return document


def _describe(value: Mapping[str, Any]) -> str:
    """Describe an object of another shape, and what to do with it."""
    keys = ", ".join(sorted(map(str, value))[:8])
    if "denotations" in value or "tracks" in value:
        return "this looks like PubAnnotation: read it with the format pubannotation (--from pubannotation)"
    if "annotations" in value and "passages" not in value:
        return "this looks like the output of BERN2: read it with the format bern2 (--from bern2)"
    if "passages" in value:
        return "this looks like BioC: read it with the format bioc-json (--from bioc-json)"
    remedy = describe_token_lists(value) or (
        "write one object per line, for example with jq -c '{id: .id, text: .abstract}'"
    )
    return f"got an object with the keys {keys}; {remedy}" if keys else f"got an empty object; {remedy}"


def _list(value: Mapping[str, Any], key: str) -> list[Any]:
    items = value.get(key)
    if not isinstance(items, list | None):
        raise FaultError(f"expected {key} that are a list, got {str(items)[:60]!r}")
    return items or []


def _passage(value: object) -> Passage:
    if not isinstance(value, dict) or type(value.get("start")) is not int or type(value.get("end")) is not int:
        raise FaultError(f"expected a passage with whole numbers start and end, got {str(value)[:60]!r}")
    return Passage(value["start"], value["end"], str(value.get("kind", KIND)))


def _entity(value: object, counts: Counts) -> StatedEntity:
    if not isinstance(value, dict):
        raise FaultError(f"expected an entity that is an object, got {str(value)[:60]!r}")
    start, end, kind, score = (value.get(key) for key in ("start", "end", "type", "score"))
    id, identifier = value.get("id"), value.get("identifier")
    has_names = isinstance(id, str | None) and isinstance(identifier, str | None)
    if not (isinstance(kind, str) and has_names and _is_offset(start) and _is_offset(end)):
        raise FaultError(f"expected an entity with whole numbers start and end, and a type, got {value!r}")
    if score is not None and not (type(score) in (int, float) and math.isfinite(score)):
        raise FaultError(f"expected a score that is a number, got {score!r}")
    given = value.get("text")
    if not isinstance(given, str | None):
        raise FaultError(f"expected the text of an entity to be a string, got {given!r}")
    fragments = _list(value, "fragments")
    places = _fragments(fragments, start, end) if fragments else ((start, end),)
    counts["unknown JSON keys, dropped"] += len(value.keys() - _ENTITY_KEYS)
    return StatedEntity(places, given, kind, id, identifier, score)


def _fragments(values: list[Any], start: int, end: int) -> Places:
    if not all(isinstance(item, list) and len(item) == 2 and all(map(_is_offset, item)) for item in values):
        raise FaultError(f"expected fragments that are pairs of whole numbers, got {str(values)[:60]}")
    if (min(first for first, _ in values), max(last for _, last in values)) != (start, end):
        raise FaultError(f"expected fragments from {start} to {end}, got {str(values)[:60]}")
    return tuple((first, last) for first, last in values)


def _is_offset(value: object) -> TypeGuard[int]:
    return type(value) is int and abs(value) <= LARGEST


class _Writer(FormatWriter):
    """Writer of an object a line: `id`, `text`, `entities`, and `passages` unless the text is one plain passage."""

    def __init__(self, stream: IO[bytes], counts: Counts) -> None:
        self._stream = stream
        self._counts = counts

    def write(self, document: Document) -> None:
        """Write one document."""
        value: dict[str, Any] = {"id": document.id, "text": document.text}
        value["entities"] = [_entity_json(document, entity) for entity in document.entities]
        if document.passages != (Passage(0, len(document.text)),):
            value["passages"] = [{"start": p.start, "end": p.end, "kind": p.kind} for p in document.passages]
        count_infons(document, self._counts, holds_identifiers=True)
        self._stream.write(json.dumps(value, ensure_ascii=False).encode() + b"\n")


def _entity_json(document: Document, entity: Entity) -> dict[str, Any]:
    value: dict[str, Any] = {"start": entity.start, "end": entity.end, "type": entity.type}
    value["text"] = document.text_of(entity)
    optional = {"score": entity.score, "id": entity.id, "identifier": entity.identifier}
    value |= {key: item for key, item in optional.items() if item is not None}
    if entity.fragments:
        value["fragments"] = entity.fragments
    return value
