"""BRAT standoff: the text in a file `NAME.txt`, its entities in `NAME.ann` beside it."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import IO

from tfkd_base.documents.document import (
    BrokenDocument,
    Counts,
    Document,
    DocumentError,
    Entity,
    FaultError,
    count_infons,
    unique_ids,
)
from tfkd_base.documents.files import READ_ERRORS, FileNames, open_file
from tfkd_base.documents.formats import FORMATS, DocumentFormat, FormatWriter
from tfkd_base.documents.plain_text import document_name
from tfkd_base.files import read_lines

SCORE = "Score"
"""The attribute for the score of an entity"""
RESOURCE = "ID"
"""The resource of an identifier that names none"""
_ENTITY = re.compile(r"(T[^\t]*)\t(\S+) (\d+ \d+(?:;\d+ \d+)*)\t(.*)", re.DOTALL)
_REFERENCE = re.compile(r"N[^\t]*\tReference (\S+) (\S+?):(\S+)(?:\t.*)?", re.DOTALL)
_SCORE = re.compile(rf"A[^\t]*\t{SCORE} (\S+) (\S+)")
_OTHERS = {
    "R": "relations",
    "E": "events",
    "*": "relations",
    "A": "attributes",
    "M": "attributes",
    "N": "references",
    "#": "notes",
}


@FORMATS.register("brat")
class Brat(DocumentFormat):
    """BRAT standoff: the text in a file `NAME.txt`, its entities in `NAME.ann` beside it."""

    description = "BRAT standoff, NAME.txt and NAME.ann"
    endings = (".txt",)
    companions = (".ann",)
    is_folder = True
    is_one_document = True

    def read(self, stream: IO[bytes], source: str, counts: Counts) -> Iterator[Document | BrokenDocument]:
        """Read one document: the text from a stream, its entities from the `.ann` file beside the source.

        The text is unchanged: offsets count from its first code point, even if that is a byte order mark. Fragments
        with only line breaks between them are joined, because BRAT cuts entities at line breaks.
        """
        raw = stream.read()
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            line = raw[: error.start].count(b"\n") + 1
            yield BrokenDocument(source, "not UTF-8; convert the file, for example with iconv -t UTF-8", raw, line)
            return
        annotations = self.find_companion(Path(source))
        if annotations is None:
            yield BrokenDocument(source, "there is no .ann file beside it for its entities", raw)
            return
        lines = b""
        try:
            with open_file(annotations) as file:
                lines = file.read()
            yield Document(document_name(source), text, _entities(lines, text, counts))
        except FaultError as fault:
            yield BrokenDocument(str(annotations), fault.reason, lines, fault.line)
        except (DocumentError, *READ_ERRORS) as error:
            yield BrokenDocument(str(annotations), str(error), lines)

    def folder_writer(self, folder: Path, counts: Counts) -> FormatWriter:
        """Return a writer of Brat."""
        return _Writer(folder, counts)


def _entities(raw: bytes, text: str, counts: Counts) -> tuple[Entity, ...]:
    entities: dict[str, Entity] = {}
    references: list[tuple[str, str]] = []
    scores: list[tuple[str, str]] = []
    for number, raw_line in enumerate(read_lines(io.BytesIO(raw)), 1):
        try:
            line = raw_line.rstrip(b"\r\n").decode()
        except UnicodeDecodeError:
            raise FaultError("not UTF-8; convert the file, for example with iconv -t UTF-8", number) from None
        if not line.strip():
            continue
        if line.startswith("T"):
            entity = _entity(line, number, text)
            if entity.id in entities:
                raise FaultError(f"the id {entity.id} occurs twice in this file", number)
            entities[str(entity.id)] = entity
        elif match := _REFERENCE.fullmatch(line):
            prefix = "" if match[2] == RESOURCE else f"{match[2]}:"
            references.append((match[1], prefix + match[3]))
        elif match := _SCORE.fullmatch(line):
            scores.append((match[1], match[2]))
        elif line[0] in _OTHERS:
            counts[f"{_OTHERS[line[0]]} dropped"] += 1
        else:
            raise FaultError(
                f"expected a line of BRAT standoff, such as T1, type, offsets and text; got {line[:60]!r}", number
            )
    for name, identifier in references:
        if name in entities and entities[name].identifier is None:
            entities[name] = replace(entities[name], identifier=identifier)
        else:
            counts["references dropped"] += 1
    for name, score in scores:
        try:
            entities[name] = replace(entities[name], score=float(score))
        except (KeyError, ValueError):
            counts["attributes dropped"] += 1
    return tuple(entities.values())


def _entity(line: str, number: int, text: str) -> Entity:
    match = _ENTITY.fullmatch(line)
    if not match:
        raise FaultError(
            f"expected an id, a tab, a type and offsets separated by spaces, a tab and a text; got {line[:60]!r}",
            number,
        )
    parts: list[tuple[int, int]] = []
    for place in match[3].split(";"):
        start, end = map(int, place.split(" "))
        if not (parts[-1][1] if parts else 0) <= start < end <= len(text):
            raise FaultError(f"the offsets {match[3]} are empty, out of order or outside the text", number)
        if parts and _is_line_break(text[parts[-1][1] : start]):
            parts[-1] = (parts[-1][0], end)
        else:
            parts.append((start, end))
    actual_text = " ".join(text[start:end] for start, end in parts)
    if actual_text.split() != match[4].split():
        raise FaultError(f"expected {match[4]!r} at offsets {match[3]}, but the text there is {actual_text!r}", number)
    return Entity(parts[0][0], parts[-1][1], match[2], id=match[1], fragments=tuple(parts) if len(parts) > 1 else ())


class _Writer(FormatWriter):
    """Writer of two files for each document, named after its id; the text is unchanged."""

    def __init__(self, folder: Path, counts: Counts) -> None:
        self._folder = folder
        self._counts = counts
        self._names = FileNames(counts)

    def write(self, document: Document) -> None:
        """Write one document."""
        path = self._folder / self._names.take(document.id)
        lines: list[str] = []
        renamed = [replace(m, id=m.id if m.id and re.fullmatch(r"T\w+", m.id) else None) for m in document.entities]
        self._counts["ids of entities that BRAT does not allow, renumbered"] += sum(
            old.id not in (None, new.id) for old, new in zip(document.entities, renamed, strict=True)
        )
        for number, (name, entity) in enumerate(zip(unique_ids(renamed, self._counts), renamed, strict=True), 1):
            lines += self._lines(name, number, entity, document.text)
        self._counts["passages dropped"] += len(document.passages) - 1
        count_infons(document, self._counts)
        path.with_name(path.name + ".ann").write_bytes("".join(line + "\n" for line in lines).encode())
        path.with_name(path.name + ".txt").write_bytes(document.text.encode())

    def _lines(self, name: str, number: int, entity: Entity, text: str) -> Iterator[str]:
        parts = [part for start, end in entity.parts for part in _between_breaks(text, start, end)]
        self._count(entity, parts, text)
        places = ";".join(f"{start} {end}" for start, end in parts)
        label = re.sub(r"[\r\n]", " ", " ".join(text[start:end] for start, end in parts))
        yield f"{name}\t{self._word(entity.type)} {places}\t{label}"
        if entity.identifier:
            identifier = self._word(entity.identifier)
            resource = "" if re.fullmatch(r"[^:]+:.+", identifier) else f"{RESOURCE}:"
            yield f"N{number}\tReference {name} {resource}{identifier}\t{label}"
        if entity.score is not None:
            yield f"A{number}\t{SCORE} {name} {entity.score!r}"

    def _count(self, entity: Entity, parts: list[tuple[int, int]], text: str) -> None:
        edges = (parts[0][0], parts[-1][1]) != (entity.start, entity.end)
        self._counts["entities written without the line breaks at their edges"] += edges
        joined = sum(_is_line_break(text[first[1] : second[0]]) for first, second in pairwise(entity.fragments))
        self._counts["fragments with only a line break between them, which are read as one"] += joined

    def _word(self, text: str) -> str:
        word, changes = re.subn(r"\s", "_", text)
        self._counts["white space in types and identifiers written as _"] += changes
        return word or "_"


def _between_breaks(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Cut a span at its line breaks, as BRAT does."""
    pieces = [m.span() for m in re.finditer(r"[^\n]+", text[start:end])]
    return [(start + first, start + last) for first, last in pieces] or [(start, end)]


def _is_line_break(gap: str) -> bool:
    return "\n" in gap and not gap.strip("\r\n")
