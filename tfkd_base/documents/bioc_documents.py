"""Conversion between documents in the shape of BioC JSON and ours.

BioC in XML is read into the same shape. The text at an entity's offsets is compared with the text that the file gives.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tfkd_base.corpora.column_parser import UNTYPED
from tfkd_base.documents.document import (
    KIND,
    Collection,
    Counts,
    Document,
    DocumentError,
    FaultError,
    Passage,
    unique_ids,
)
from tfkd_base.documents.identifiers import find_identifier
from tfkd_base.documents.offsets import CHARACTERS, Ruler, Unit
from tfkd_base.documents.stated import Layout, Piece, StatedEntity, place_entities

if TYPE_CHECKING:
    from bioc import BioCDocument

    from tfkd_base.documents.document import Entity

LIBRARY = "BioC files need the library bioc, which is not installed: pip install 'tfkd[formats]'"
GAP = " "
"""Text between two passages. The files only say that there is some."""
LONGEST_GAP = 1000
"""Characters between two sentences of a passage, at most"""
BEFORE = "passages whose offset lies before the end of the previous one"
LARGEST = 10**12
"""The largest offset"""
_WHOLE = re.compile(r"\s*-?[0-9]{1,12}\s*")
_DOCUMENT_KEYS = frozenset({"id", "infons", "passages", "annotations", "relations", "bioctype"})
_PASSAGE_KEYS = frozenset({"offset", "text", "infons", "sentences", "annotations", "relations", "bioctype"})
_SENTENCE_KEYS = frozenset({"offset", "text", "infons", "annotations", "relations", "bioctype"})
_ANNOTATION_KEYS = frozenset({"id", "text", "infons", "locations", "bioctype"})


@dataclass(frozen=True, slots=True)
class _Part:
    """A passage or a sentence as the file states it."""

    offset: int
    text: str
    infons: dict[str, Any]
    annotations: list[Any]
    sentences: tuple[_Part, ...] = ()


def from_bioc(
    value: object, counts: Counts, offsets: str = CHARACTERS, collection: Collection | None = None
) -> Document:
    """Convert a document in the shape of BioC JSON to ours.

    Passages are joined by one space, or by nothing where their offsets leave no room. Sentences are joined by as many
    spaces as their offsets leave. A passage keeps the offset of the file where it differs from the offset in the text.

    Args:
        value: The document.
        counts: Receives the numbers of relations, sentences and entities without a location that were dropped.
        offsets: What offsets count, one of `OFFSETS`.
        collection: What the file says about all documents.

    Raises:
        FaultError: A value is missing or has another type than BioC has, or an entity is not at its offsets.
    """
    source = _object(value, "the document", _DOCUMENT_KEYS, counts)
    parts = [
        _part(one, f"passage {number}", counts, is_passage=True)
        for number, one in enumerate(_list(source, "passages", "the document", required=True), 1)
    ]
    _count_relations(source, "the document", counts)
    held: list[tuple[Any, int | None]] = []
    index = 0
    for part in parts:
        held += [(annotation, index) for annotation in part.annotations]
        for number, sentence in enumerate(part.sentences, index + 1):
            held += [(annotation, number) for annotation in sentence.annotations]
        index += 1 + len(part.sentences)
    held += [(annotation, None) for annotation in _list(source, "annotations", "the document")]
    stated = [entity for one, piece in held if (entity := _entity(one, piece, counts)) is not None]
    name = source.get("id")
    if not isinstance(name, str | int) or isinstance(name, bool):
        raise FaultError(f"expected an id of the document that is a string, got {_show(name)}")
    infons = _infons(source, "the document")
    layout, entities = place_entities(lambda unit: _layout(parts, unit), stated, counts, offsets)
    try:
        return Document(
            str(name), layout.text, entities, layout.passages, infons=infons, collection=collection or Collection()
        )
    except DocumentError as error:
        raise FaultError(str(error)) from None


def _show(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)[:60]


def _object(value: object, where: str, keys: frozenset[str], counts: Counts) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise FaultError(f"expected {where} to be an object, got {_show(value)}")
    counts["unknown keys of BioC JSON, dropped"] += len(value.keys() - keys)
    return value


def _list(value: Mapping[str, Any], key: str, where: str, *, required: bool = False) -> list[Any]:
    found = value.get(key, None if required else [])
    if not isinstance(found, list):
        raise FaultError(f"expected {key} of {where} to be a list, got {_show(found)}")
    return found


def _infons(value: Mapping[str, Any], where: str) -> dict[str, Any]:
    infons = value.get("infons", {})
    if not isinstance(infons, dict):
        raise FaultError(f"expected infons of {where} to be an object, got {_show(infons)}")
    return dict(infons)


def _number(value: Mapping[str, Any], key: str, where: str) -> int:
    number = value.get(key)
    if isinstance(number, str) and _WHOLE.fullmatch(number):
        return int(number)
    if type(number) is not int or abs(number) > LARGEST:
        raise FaultError(f"expected {key} of {where} to be a whole number, got {_show(number)}")
    return number


def _count_relations(value: Mapping[str, Any], where: str, counts: Counts) -> None:
    counts["relations dropped"] += len(_list(value, "relations", where))


def _part(value: object, where: str, counts: Counts, *, is_passage: bool) -> _Part:
    source = _object(value, where, _PASSAGE_KEYS if is_passage else _SENTENCE_KEYS, counts)
    _count_relations(source, where, counts)
    sentences = _list(source, "sentences", where) if is_passage else []
    infons = _infons(source, where)
    if not is_passage:
        counts["infons of BioC sentences dropped"] += len(infons)
    counts["BioC sentences joined to their passages"] += len(sentences)
    text = source.get("text", "")
    if text is None and sentences:
        text = ""
    if not isinstance(text, str):
        raise FaultError(f"expected text of {where} to be a string, got {_show(text)}")
    inner = tuple(
        _part(one, f"sentence {number} of {where}", counts, is_passage=False) for number, one in enumerate(sentences, 1)
    )
    offset = _number(source, "offset", where)
    return _Part(offset, text, infons, _list(source, "annotations", where), inner)


def _layout(parts: list[_Part], unit: Unit) -> Layout:
    """Return the text of a document whose offsets count in a unit, and where its passages and sentences are."""
    text = ""
    passages: list[Passage] = []
    pieces: list[Piece] = []
    counts = Counts()
    stated_end = offset_end = 0
    for part in parts:
        content, sentences = _content(part, unit)
        gap = part.offset - stated_end
        counts[BEFORE] += bool(passages) and gap < 0
        text += GAP if passages and gap else ""
        start = len(text)
        text += content
        # An offset in another unit is kept in characters.
        offset = part.offset if unit.widths is None or not passages else offset_end + gap
        infons = dict(part.infons)
        kind = infons.pop("type", None)
        if not isinstance(kind, str) or not kind:
            kind = KIND
        passages.append(Passage(start, len(text), kind, None if offset == start else offset, infons))
        passage = len(pieces)
        pieces.append(Piece(start, len(text), part.offset))
        for sentence, place in zip(part.sentences, sentences, strict=True):
            if place is None:
                pieces.append(Piece(start, len(text), part.offset, passage))
            else:
                end = start + place + len(sentence.text)
                pieces.append(Piece(start + place, end, sentence.offset, passage))
        stated_end, offset_end = part.offset + unit.length(content), offset + len(content)
    return Layout(text, tuple(passages), tuple(pieces), +counts)


def _content(part: _Part, unit: Unit) -> tuple[str, list[int | None]]:
    """Return the text of a passage, or of its sentences with the spaces that their offsets leave, and their starts."""
    if not part.sentences:
        return part.text, []
    # Some files count the offsets of sentences from their passage.
    base = min(part.offset, part.sentences[0].offset)
    if part.text:
        ruler = Ruler(part.text, unit)
        starts = [ruler.start(sentence.offset - base) for sentence in part.sentences]
        ends = [start is not None and start + len(s.text) for start, s in zip(starts, part.sentences, strict=True)]
        fits = [end is not False and end <= len(part.text) for end in ends]
        return part.text, [start if fit else None for start, fit in zip(starts, fits, strict=True)]
    text = ""
    places: list[int | None] = []
    for sentence in part.sentences:
        end = base + unit.length(text)
        gap = sentence.offset - end
        if not 0 <= gap <= LONGEST_GAP:
            where = "lies before" if gap < 0 else "does not follow"
            raise FaultError(f"a sentence's offset, {sentence.offset}, {where} the end of the text before it, {end}")
        text += GAP * gap
        places.append(len(text))
        text += sentence.text
    return text, places


def _entity(value: object, piece: int | None, counts: Counts) -> StatedEntity | None:
    source = _object(value, "an annotation", _ANNOTATION_KEYS, counts)
    name, text = source.get("id"), source.get("text")
    if not isinstance(name, str | int | None) or isinstance(name, bool):
        raise FaultError(f"expected the id of an annotation to be a string, got {_show(name)}")
    where = f"annotation {name!r}"
    if not isinstance(text, str | None):
        raise FaultError(f"expected text of {where} to be a string, got {_show(text)}")
    infons = _infons(source, where)
    places = []
    for place in _list(source, "locations", where):
        if not isinstance(place, dict):
            raise FaultError(f"expected a location of {where} to be an object, got {_show(place)}")
        offset = _number(place, "offset", f"a location of {where}")
        places.append((offset, offset + _number(place, "length", f"a location of {where}")))
    if not places:
        counts["entities without a location dropped"] += 1
        return None
    kind, score = infons.pop("type", None), infons.pop("score", None)
    if not isinstance(kind, str) or not kind:
        counts[f"entities without a type, read as {UNTYPED}"] += 1
        kind = UNTYPED
    identifier = infons.pop("identifier", None)
    if not isinstance(identifier, str | None):
        infons["identifier"], identifier = identifier, None
    number = _score(score)
    if score is not None and number is None:
        infons["score"] = score
    identifier = find_identifier(infons) if identifier is None else identifier
    id = None if name in (None, "") else str(name)
    return StatedEntity(tuple(places), text or None, kind, id, identifier, number, infons, piece)


def _score(value: object) -> float | None:
    try:
        number = float(value) if isinstance(value, str | float | int) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        return None
    return number if number is not None and math.isfinite(number) else None


def to_bioc(document: Document, counts: Counts) -> BioCDocument:
    """Convert a document to one of the library.

    An entity belongs to the passage that contains it, or to the document if it crosses passages. A document with more
    than one space between passages is written as a single passage.

    Args:
        document: The document.
        counts: Receives the number of things that were changed.
    """
    import bioc

    made = bioc.BioCDocument()
    made.id = document.id
    made.infons = dict(document.infons)
    passages = document.passages
    if not _holds(document):
        counts["documents whose passages became one, because of the text between them"] += 1
        counts["infons of passages dropped"] += sum(len(passage.infons) for passage in passages)
        passages = (Passage(0, len(document.text)),)
    for passage in passages:
        one = bioc.BioCPassage()
        one.offset = _stated(passage.start, passage)
        one.text = document.text[passage.start : passage.end]
        one.infons = {"type": passage.kind, **passage.infons}
        made.add_passage(one)
    for entity, name in zip(document.entities, unique_ids(document.entities, counts), strict=True):
        annotation = bioc.BioCAnnotation()
        annotation.id = name
        annotation.infons = dict(_entity_infons(entity))
        annotation.text = document.text_of(entity)
        holder = next((i for i, p in enumerate(passages) if p.start <= entity.start and entity.end <= p.end), None)
        for start, end in entity.parts:
            first = _last_before(start, passages)
            offset = _stated(start, first)
            length = _stated(end - 1, _last_before(end - 1, passages)) + 1 - offset
            annotation.add_location(bioc.BioCLocation(offset, length))
        (made if holder is None else made.passages[holder]).add_annotation(annotation)
    return made


def _holds(document: Document) -> bool:
    """Tell whether the text consists of its passages, joined by nothing or by a space."""
    end = 0
    for index, passage in enumerate(document.passages):
        between = document.text[end : passage.start]
        if between not in ("", GAP) or (between and not index):
            return False
        end = passage.end
    return end == len(document.text)


def _last_before(place: int, passages: tuple[Passage, ...]) -> Passage:
    return next((p for p in reversed(passages) if p.start <= place), passages[0])


def _stated(place: int, passage: Passage) -> int:
    return place if passage.offset is None else place - passage.start + passage.offset


def _entity_infons(entity: Entity) -> Iterator[tuple[str, object]]:
    yield "type", entity.type
    if entity.identifier is not None and find_identifier(entity.infons) != entity.identifier:
        yield "identifier", entity.identifier
    if entity.score is not None:
        yield "score", repr(entity.score)
    yield from entity.infons.items()


def texts_only(infons: Mapping[str, Any], counts: Counts) -> dict[str, str]:
    """Return infons whose values are all text, as XML needs; JSON allows other values."""
    counts["infons that were not text, written as text"] += sum(
        not isinstance(value, str | None) for value in infons.values()
    )
    return {str(key): "" if value is None else str(value) for key, value in infons.items()}


class CollectionCounter:
    """A counter of collections that one output cannot hold, because it has one already.

    Args:
        counts: Receives the numbers.
    """

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._first: Collection | None = None
        self._dropped: list[Collection] = []

    def add(self, collection: Collection) -> None:
        """Count a document's collection, unless it is the first one."""
        if self._first is None:
            self._first = collection
        elif collection not in (self._first, *self._dropped) and collection.size:
            self._dropped.append(collection)
            self._counts["collections whose source, date, key and infons were dropped for those of the first"] += 1
