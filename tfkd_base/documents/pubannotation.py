"""JSON of PubAnnotation, and the output of BERN2 that has nearly the same shape; both are read only."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import IO, Any

from tfkd_base.documents.document import BrokenDocument, Counts, Document, DocumentError, FaultError
from tfkd_base.documents.formats import FORMATS, DocumentFormat
from tfkd_base.documents.json_objects import json_shape, read_objects
from tfkd_base.documents.plain_text import document_name
from tfkd_base.documents.stated import StatedEntity, place_entities, whole_text

_LARGEST = 10**12
_PLACES = ("sourcedb", "project", "target", "divid")


class SpanJson(DocumentFormat):
    """JSON whose entities have `span: {begin, end}` and `obj`: an object, a list, or an object per line."""

    endings = (".json",)
    other_endings = (".jsonl", ".ndjson")
    is_writable = False
    priority = -1

    def read(self, stream: IO[bytes], source: str, counts: Counts) -> Iterator[Document | BrokenDocument]:
        """Read a document from each object. Its text is compared with the texts of entities, where there are some."""
        for number, item in enumerate(read_objects(stream), 1):
            found = Counts()
            try:
                if item.fault is not None:
                    raise FaultError(item.fault)
                document = self._document(item.value, source, number, found)
            except FaultError as fault:
                yield BrokenDocument(source, fault.reason, item.raw, line=item.line, number=number)
            else:
                counts.update(found)
                yield document

    def _document(self, value: Mapping[str, Any], source: str, number: int, counts: Counts) -> Document:
        text = value.get("text")
        if not isinstance(text, str):
            keys = ", ".join(sorted(value)[:8])
            raise FaultError(f"expected an object with a text that is a string; got one with the keys {keys}")
        stem = document_name(source).removesuffix(".json").removesuffix(".jsonl").removesuffix(".ndjson")
        default = stem if number == 1 else f"{stem}-{number}"
        stated = self.stated_entities(value, counts)
        infons = {key: str(value[key]) for key in _PLACES if isinstance(value.get(key), str | int)}
        layout, entities = place_entities(whole_text(text), stated, counts, self.offsets)
        try:
            return Document(self.document_id(value) or default, layout.text, entities, infons=infons)
        except DocumentError as error:
            raise FaultError(str(error)) from None

    @abstractmethod
    def document_id(self, value: Mapping[str, Any]) -> str:
        """Return the id of a document, empty if it has none."""

    @abstractmethod
    def stated_entities(self, value: Mapping[str, Any], counts: Counts) -> list[StatedEntity]:
        """Return the entities of a document.

        Args:
            value: The object of the document.
            counts: Receives the number of things that were dropped.

        Raises:
            FaultError: A value is missing or has another type.
        """


@FORMATS.register("pubannotation")
class PubAnnotation(SpanJson):
    """PubAnnotation: a text with denotations."""

    description = "PubAnnotation JSON"

    def recognizes(self, ending: str, content: bytes) -> bool:
        """Recognize JSON whose first object has denotations, tracks, or a source in PubAnnotation."""
        keys = set(json_shape(content).keys)
        return bool(keys & {"denotations", "tracks"}) or {"text", "sourcedb"} <= keys

    def document_id(self, value: Mapping[str, Any]) -> str:
        """Return the id in the source, with the number of the division if there is one."""
        name, division = value.get("sourceid", value.get("id")), value.get("divid")
        if not isinstance(name, str | int) or isinstance(name, bool):
            return ""
        return f"{name}-{division}" if isinstance(division, str | int) and division != "" else str(name)

    def stated_entities(self, value: Mapping[str, Any], counts: Counts) -> list[StatedEntity]:
        """Return the denotations, those of tracks too."""
        holders = [value, *_list(value, "tracks")]
        stated: list[StatedEntity] = []
        for holder in holders:
            if not isinstance(holder, dict):
                raise FaultError(f"expected a track that is an object, got {str(holder)[:60]!r}")
            for name in ("relations", "attributes", "modifications", "blocks"):
                counts[f"{name} dropped"] += len(_list(holder, name))
            for item in _list(holder, "denotations"):
                entity = _object(item, "a denotation")
                kind = entity.get("obj")
                if not isinstance(kind, str) or not kind:
                    raise FaultError(f"expected obj of a denotation to be a string, got {str(kind)[:60]!r}")
                stated.append(StatedEntity(_places(entity.get("span")), None, kind, id=_id(entity.get("id"))))
        return stated


@FORMATS.register("bern2")
class Bern2(SpanJson):
    """The output of BERN2: a text with annotations that have mentions, identifiers and probabilities."""

    description = "output of BERN2"

    def recognizes(self, ending: str, content: bytes) -> bool:
        """Recognize JSON whose first object has annotations beside a text or a PubMed identifier."""
        keys = set(json_shape(content).keys)
        is_bern = "annotations" in keys and bool(keys & {"text", "pmid"})
        return is_bern and not keys & {"passages", "documents", "denotations", "entities"}

    def document_id(self, value: Mapping[str, Any]) -> str:
        """Return the PubMed identifier."""
        name = value.get("pmid")
        return str(name) if isinstance(name, str | int) and not isinstance(name, bool) else ""

    def stated_entities(self, value: Mapping[str, Any], counts: Counts) -> list[StatedEntity]:
        """Return the annotations. Several identifiers of one are joined by commas."""
        stated: list[StatedEntity] = []
        for item in _list(value, "annotations"):
            entity = _object(item, "an annotation")
            kind, mention, score = entity.get("obj"), entity.get("mention"), entity.get("prob")
            if not isinstance(kind, str) or not kind or not isinstance(mention, str | None):
                raise FaultError(f"expected obj and mention of an annotation to be strings, got {str(item)[:60]!r}")
            names = entity.get("id")
            identifiers = [one for one in (names if isinstance(names, list) else [names]) if isinstance(one, str)]
            identifier = ",".join(one for one in identifiers if one and one != "CUI-less") or None
            is_number = isinstance(score, int | float) and not isinstance(score, bool) and math.isfinite(score)
            number = score if is_number else None
            stated.append(StatedEntity(_places(entity.get("span")), mention, kind, identifier=identifier, score=number))
        return stated


def _object(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise FaultError(f"expected {what} that is an object, got {str(value)[:60]!r}")
    return value


def _list(value: Mapping[str, Any], key: str) -> list[Any]:
    found = value.get(key, [])
    if not isinstance(found, list):
        raise FaultError(f"expected {key} that are a list, got {str(found)[:60]!r}")
    return found


def _id(value: object) -> str | None:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) and value != "" else None


def _places(span: object) -> tuple[tuple[int, int], ...]:
    """Return the fragments of a span: an object with begin and end, a pair of numbers, or a list of spans."""
    if isinstance(span, dict):
        start, end = span.get("begin"), span.get("end")
    elif isinstance(span, list) and len(span) == 2 and not isinstance(span[0], dict | list):
        start, end = span
    elif isinstance(span, list) and span and all(isinstance(part, dict | list) for part in span):
        if any(isinstance(part, list) and part and not isinstance(part[0], int) for part in span):
            raise FaultError(f"expected a span with begin and end, got {str(span)[:60]!r}")
        return tuple(place for part in span for place in _places(part))
    else:
        start = end = None
    if type(start) is not int or type(end) is not int or max(abs(start), abs(end)) > _LARGEST:
        raise FaultError(f"expected a span with whole numbers begin and end, got {str(span)[:60]!r}")
    return ((start, end),)
