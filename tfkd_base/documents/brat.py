"""BRAT standoff: the text in a file `NAME.txt`, its entities in `NAME.ann` beside it."""

from __future__ import annotations

import io
import math
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
from tfkd_base.documents.files import READ_ERRORS, FileNames, open_file, plain_name
from tfkd_base.documents.formats import FORMATS, DocumentFormat, FormatWriter
from tfkd_base.documents.json_objects import MARK
from tfkd_base.documents.plain_text import document_name
from tfkd_base.documents.stated import StatedEntity, place_entities, whole_text
from tfkd_base.files import read_lines

SCORE = "Score"
"""The attribute for the score of an entity"""
RESOURCE = "ID"
"""The resource of an identifier that names none"""
_ENTITY = re.compile(r"(T[^\t]*)\t(\S+) ([0-9]{1,12} [0-9]{1,12}(?:;[0-9]{1,12} [0-9]{1,12})*)\t(.*)", re.DOTALL)
_EVENT = re.compile(r"E[^\t]*\t[^:\s]+:(\S+)")
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
    companions = (".ann", ".a1", ".a2")
    is_folder = True
    is_one_document = True

    def read(self, stream: IO[bytes], source: str, counts: Counts) -> Iterator[Document | BrokenDocument]:
        """Read one document: the text from a stream, its entities from the `.ann` file beside the source.

        Without an `.ann` file, entities are in the `.a1` and `.a2` files of BioNLP shared tasks. Triggers of events in
        an `.a2` file are dropped and counted. The text is unchanged: offsets count from its first code point, even if
        that is a byte order mark. Fragments with only line breaks between them are joined, because BRAT cuts entities
        at line breaks.
        """
        raw = stream.read()
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            line = raw[: error.start].count(b"\n") + 1
            yield BrokenDocument(source, "not UTF-8; convert the file, for example with iconv -t UTF-8", raw, line)
            return
        files = self.list_companions(Path(source))
        if files and plain_name(files[0]).endswith(self.companions[0]):
            files = files[:1]
        if not files:
            yield BrokenDocument(source, "there is no .ann or .a1 file beside it for its entities", raw)
            return
        found, annotations = Counts(), _Annotations()
        name, lines = files[0], b""
        try:
            for name in files:
                with open_file(name) as file:
                    lines = file.read()
                annotations.add(lines, found, drops_triggers=plain_name(name).endswith(".a2"))
            stated = annotations.entities(found)
            layout, entities = place_entities(whole_text(text), stated, found, self.offsets, joins_lines=True)
            document = Document(document_name(source), layout.text, entities)
        except FaultError as fault:
            if len(files) > 1 and fault.line is not None:  # an entity of several files
                name, line = annotations.place(fault.line, files)
                fault = FaultError(fault.reason, line)
            yield BrokenDocument(str(name), fault.reason, lines, fault.line)
        except (DocumentError, *READ_ERRORS) as error:
            yield BrokenDocument(str(name), str(error), lines)
        else:
            counts.update(found)
            yield document

    def folder_writer(self, folder: Path, counts: Counts) -> FormatWriter:
        """Return a writer of Brat."""
        return _Writer(folder, counts)


class _Annotations:
    """The lines of the files of one document. Line numbers of a later file continue those of the one before."""

    def __init__(self) -> None:
        self._entities: dict[str, StatedEntity] = {}
        self._references: list[tuple[str, str]] = []
        self._scores: list[tuple[str, str]] = []
        self._lines: list[int] = []

    def add(self, raw: bytes, counts: Counts, *, drops_triggers: bool) -> None:
        """Read the lines of one file."""
        first = sum(self._lines)
        lines = [line.rstrip(b"\r\n") for line in read_lines(io.BytesIO(raw.removeprefix(MARK)))]
        self._lines.append(len(lines))
        triggers: set[str] = set()
        before = set(self._entities)
        for number, raw_line in enumerate(lines, first + 1):
            try:
                line = raw_line.decode()
            except UnicodeDecodeError:
                raise FaultError("not UTF-8; convert the file, for example with iconv -t UTF-8", number) from None
            if line.strip():
                self._add_line(line, number, counts)
            if trigger := _EVENT.match(line):
                triggers.add(trigger[1])
        for name in triggers - before if drops_triggers else ():
            counts["triggers of events dropped"] += self._entities.pop(name, None) is not None

    def _add_line(self, line: str, number: int, counts: Counts) -> None:
        if line.startswith("T"):
            entity = _entity(line, number)
            if entity.id in self._entities:
                raise FaultError(f"the id {entity.id} occurs twice in this file", number)
            self._entities[str(entity.id)] = entity
        elif match := _REFERENCE.fullmatch(line):
            prefix = "" if match[2] == RESOURCE else f"{match[2]}:"
            self._references.append((match[1], prefix + match[3]))
        elif match := _SCORE.fullmatch(line):
            self._scores.append((match[1], match[2]))
        elif line[0] in _OTHERS:
            counts[f"{_OTHERS[line[0]]} dropped"] += 1
        else:
            raise FaultError(
                f"expected a line of BRAT standoff, such as T1, type, offsets and text; got {line[:60]!r}", number
            )

    def entities(self, counts: Counts) -> list[StatedEntity]:
        """Return the entities of all files, with identifiers and scores."""
        entities = self._entities
        for name, identifier in self._references:
            if name in entities and entities[name].identifier is None:
                entities[name] = entities[name]._replace(identifier=identifier)
            else:
                counts["references dropped"] += 1
        for name, score in self._scores:
            try:
                value = float(score)
                if not math.isfinite(value):
                    raise ValueError
                entities[name] = entities[name]._replace(score=value)
            except (KeyError, ValueError):
                counts["attributes dropped"] += 1
        return list(entities.values())

    def place(self, line: int, files: list[Path]) -> tuple[Path, int]:
        """Return the file, and the line in it, of a line number of all files."""
        for file, length in zip(files, self._lines, strict=False):
            if line <= length:
                return file, line
            line -= length
        return files[-1], line


def _entity(line: str, number: int) -> StatedEntity:
    match = _ENTITY.fullmatch(line)
    if not match:
        raise FaultError(
            f"expected an id, a tab, a type and offsets separated by spaces, a tab and a text; got {line[:60]!r}",
            number,
        )
    pairs = (place.split(" ") for place in match[3].split(";"))
    places = tuple((int(start), int(end)) for start, end in pairs)
    return StatedEntity(places, match[4], match[2], id=match[1], line=number)


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
        count_infons(document, self._counts, holds_identifiers=True)
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
