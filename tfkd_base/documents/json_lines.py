"""JSON lines: an object a line, with the text and the entities of a document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import IO, Any

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
from tfkd_base.documents.formats import FORMATS, FormatWriter, LineFormat
from tfkd_base.files import read_lines

_KEYS = frozenset({"id", "text", "entities", "passages"})
_ENTITY_KEYS = frozenset({"start", "end", "type", "text", "score", "id", "identifier", "fragments"})


@FORMATS.register("jsonl")
class JsonLines(LineFormat):
    """JSON lines: an object a line, with a document's text, entities and passages."""

    description = "JSON, an object a line"
    endings = (".jsonl", ".ndjson", ".json")
    priority = -2

    def recognizes(self, ending: str, content: bytes) -> bool:
        """Recognize a `.json` file, or content that starts as JSON does."""
        return ending == ".json" or content[:1] in (b"{", b"[")

    def starts_document(self, previous: bytes, line: bytes) -> bool:
        """Tell whether the line is not blank."""
        return bool(line.strip())

    def read(
        self, stream: IO[bytes], source: str, counts: Counts, first_line: int = 1
    ) -> Iterator[Document | BrokenDocument]:
        """Read a document from each line that is not blank.

        An object has `text`, and it may have `id` (default: the number of its line), `entities` and `passages`. An
        entity has `start`, `end` and `type`, and may have `text`, which must be the text at its offsets, `score`, `id`,
        `identifier` and `fragments`, a list of pairs.

        Example:
            >>> import io
            >>> line = b'{"text": "Cancer", "entities": [{"start": 0, "end": 6, "type": "Disease", "text": "Cancer"}]}'
            >>> next(JsonLines().read(io.BytesIO(line), "x.jsonl", Counts())).entities[0].type
            'Disease'
        """
        number = 0
        for line_number, line in enumerate(read_lines(stream), first_line):
            if line_number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")
            if not line.strip():
                continue
            number += 1
            try:
                yield _document(line, line_number, counts)
            except FaultError as fault:
                yield BrokenDocument(source, fault.reason, line, line=line_number, number=number)

    def stream_writer(self, stream: IO[bytes], counts: Counts) -> FormatWriter:
        """Return a writer of JSON lines."""
        return _Writer(stream, counts)


def _document(line: bytes, number: int, counts: Counts) -> Document:
    try:
        value = json.loads(line.decode())
    except UnicodeDecodeError:
        raise FaultError("not UTF-8; convert the file, for example with iconv -t UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise FaultError(f"not a JSON object on one line: {error}") from None
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        raise FaultError('expected an object such as {"text": "...", "entities": [...]}, in which the text is a string')
    text = value["text"]
    name = value.get("id", str(number))
    if isinstance(name, int):
        name = str(name)
    if not isinstance(name, str):
        raise FaultError(f"expected an id that is a string, got {name!r}")
    _check_unicode(text, name)
    counts["unknown JSON keys, dropped"] += len(value.keys() - _KEYS)
    try:
        entities = tuple(_entity(item, text, counts) for item in value.get("entities") or ())
        passages = tuple(
            Passage(item["start"], item["end"], str(item.get("kind", KIND))) for item in value.get("passages") or ()
        )
        return Document(name, text, entities, passages)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, DocumentError):
            raise FaultError(str(error)) from None
        raise FaultError(f"an entity or passage is not as expected: {type(error).__name__} {error}") from None


def _check_unicode(*values: str) -> None:
    for value in values:
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise FaultError(
                f"half a surrogate pair, {value[error.start]!r}, at character {error.start} of a string, which UTF-8 "
                "cannot express"
            ) from None


def _entity(value: Mapping[str, Any], text: str, counts: Counts) -> Entity:
    fragments = tuple((int(start), int(end)) for start, end in value.get("fragments") or ())
    start, end, kind, score = value["start"], value["end"], value["type"], value.get("score")
    strings = [item for item in (kind, value.get("id"), value.get("identifier")) if item is not None]
    if not (type(start) is int and type(end) is int and all(isinstance(item, str) for item in strings)):
        raise FaultError(f"expected an entity with whole numbers start and end, and a type, got {value!r}")
    if score is not None and type(score) not in (int, float):
        raise FaultError(f"expected a score that is a number, got {score!r}")
    _check_unicode(*strings)
    entity = Entity(start, end, kind, value.get("id"), value.get("identifier"), score, fragments)
    given_text = value.get("text")
    actual_text = " ".join(text[first:last] for first, last in entity.parts)
    if given_text is not None and given_text not in (actual_text, text[max(start, 0) : max(end, 0)]):
        raise FaultError(f"expected {given_text!r} at offsets {start} to {end}, but the text there is {actual_text!r}")
    counts["unknown JSON keys, dropped"] += len(value.keys() - _ENTITY_KEYS)
    return entity


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
        count_infons(document, self._counts)
        self._stream.write(json.dumps(value, ensure_ascii=False).encode() + b"\n")


def _entity_json(document: Document, entity: Entity) -> dict[str, Any]:
    value: dict[str, Any] = {"start": entity.start, "end": entity.end, "type": entity.type}
    value["text"] = document.text_of(entity)
    optional = {"score": entity.score, "id": entity.id, "identifier": entity.identifier}
    value |= {key: item for key, item in optional.items() if item is not None}
    if entity.fragments:
        value["fragments"] = entity.fragments
    return value
