"""Conversion between documents of the library `bioc` and ours.

Offsets in BioC count from the beginning of the document. They are read as Unicode code points, and the text at an
entity's offsets is compared with the text that the file gives for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tfkd_base.corpora.column_files import UNTYPED
from tfkd_base.documents.document import KIND, Counts, Document, DocumentError, Entity, FaultError, Passage, unique_ids

if TYPE_CHECKING:
    from bioc import BioCDocument, BioCPassage

LIBRARY = "BioC files need the library bioc, which is not installed: pip install 'tfkd[formats]'"
OTHER_TEXT = "entities dropped, whose text differs from the text at their offsets"
GAP = " "
"""Text between two passages. The files only say that there is some."""


def from_bioc(source: BioCDocument, counts: Counts) -> Document:
    """Convert a document of the library to ours.

    Passages are joined by one space, or by nothing where their offsets leave no room. A passage keeps the offset of the
    file where it differs from the offset in the text.

    Args:
        source: The document.
        counts: Receives the numbers of relations and entities that were dropped. Entities are dropped if they have no
            location, or if their text differs from the text there.

    Raises:
        FaultError: An offset is not a number.
    """
    text = ""
    passages: list[Passage] = []
    held: list[tuple[Any, Passage | None]] = []
    stated_end = 0
    for part in source.passages:
        content = _content(part, counts)
        stated = int(part.offset)
        gap = stated - stated_end
        counts["passages whose offset lies before the end of the previous one"] += bool(passages) and gap < 0
        text += GAP if passages and gap else ""
        infons = dict(part.infons)
        kind = infons.pop("type", None)
        if not isinstance(kind, str) or not kind:
            kind = KIND
        start, stated_end = len(text), stated + len(content)
        text += content
        passages.append(Passage(start, len(text), kind, None if stated == start else stated, infons))
        held += [(annotation, passages[-1]) for annotation in part.annotations]
        held += [(annotation, passages[-1]) for sentence in part.sentences for annotation in sentence.annotations]
        counts["relations dropped"] += len(part.relations) + sum(len(sentence.relations) for sentence in part.sentences)
    counts["relations dropped"] += len(source.relations)
    held += [(annotation, None) for annotation in source.annotations]
    entities = [_entity(annotation, passage, passages, text, counts) for annotation, passage in held]
    kept = tuple(entity for entity in entities if entity is not None)
    try:
        return Document(str(source.id or ""), text, kept, tuple(passages), infons=dict(source.infons))
    except DocumentError as error:
        raise FaultError(str(error)) from None


def _content(passage: BioCPassage, counts: Counts) -> str:
    """Return the text of a passage, or of its sentences with the spaces that their offsets imply."""
    counts["BioC sentences joined to their passages"] += len(passage.sentences)
    if passage.text or not passage.sentences:
        return passage.text or ""
    text = ""
    for sentence in passage.sentences:
        gap = int(sentence.offset) - int(passage.offset) - len(text)
        if not 0 <= gap <= 1 and text:
            raise FaultError(f"a sentence's offset, {sentence.offset}, is not the end of the sentence before it")
        text += GAP * min(max(gap, 0), 1) + (sentence.text or "")
    return text


def _entity(
    annotation: Any, passage: Passage | None, passages: list[Passage], text: str, counts: Counts
) -> Entity | None:
    places = sorted((int(place.offset), int(place.offset) + int(place.length)) for place in annotation.locations)
    if not places:
        counts["entities without a location dropped"] += 1
        return None
    parts: list[tuple[int, int]] = []
    for offset, end in places:
        inside = passage or _passage_at(offset, passages)
        last = passage or _passage_at(end - 1, passages)
        if inside is None or last is None or not offset < end:
            break
        parts.append((_place(offset, inside), _place(end - 1, last) + 1))
    ends = [0, *(end for _, end in parts)]
    in_order = all(before <= start < end for before, (start, end) in zip(ends, parts, strict=False))
    given_text = annotation.text
    actual_text = "".join(text[start:end] for start, end in parts)
    if (
        len(parts) < len(places)
        or not in_order
        or ends[-1] > len(text)
        or (given_text and not _same(given_text, actual_text))
    ):
        counts[OTHER_TEXT] += 1
        return None
    infons = dict(annotation.infons)
    kind, identifier, score = infons.pop("type", None), infons.pop("identifier", None), infons.pop("score", None)
    if not isinstance(kind, str) or not kind:
        counts[f"entities without a type, read as {UNTYPED}"] += 1
        kind = UNTYPED
    if not isinstance(identifier, str | None):
        infons["identifier"], identifier = identifier, None
    number = _number(score)
    if score is not None and number is None:
        infons["score"] = score
    fragments = tuple(parts) if len(parts) > 1 else ()
    return Entity(parts[0][0], parts[-1][1], kind, annotation.id or None, identifier, number, fragments, infons)


def _same(first: str, second: str) -> bool:
    """Tell whether two texts are equal apart from white space, which files put between fragments in different ways."""
    return re.sub(r"\s+", "", first) == re.sub(r"\s+", "", second)


def _passage_at(offset: int, passages: list[Passage]) -> Passage | None:
    for passage in passages:
        start = passage.start if passage.offset is None else passage.offset
        if start <= offset <= start + passage.end - passage.start:
            return passage
    return None


def _place(offset: int, passage: Passage) -> int:
    return offset if passage.offset is None else offset - passage.offset + passage.start


def _number(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, str | float | int) else None
    except ValueError:
        return None


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
        annotation.infons = dict(_infons(entity))
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


def _infons(entity: Entity) -> Iterator[tuple[str, object]]:
    yield "type", entity.type
    if entity.identifier is not None:
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
