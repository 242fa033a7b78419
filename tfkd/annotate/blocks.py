"""Cutting the input into blocks of bounded size. The same files always give the same blocks."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self

from tfkd_base.documents import (
    BrokenDocument,
    Counts,
    Document,
    DocumentError,
    DocumentFile,
    Entity,
    Passage,
    open_documents,
)
from tfkd_base.documents.json_lines import read as read_json_lines
from tfkd_base.documents.plain_text import read_lines
from tfkd_base.documents.pubtator import read as read_pubtator
from tfkd_base.documents.sources import READ_ERRORS, opened, read_error


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A part of the input that is annotated at once.

    Attributes:
        name: Its name. Sorted by name, the blocks make up the input.
        kind: What the content is: the `bytes` of a part of a file, `documents` as lines (see `PlacedDocument`), or the
            names of whole `files`.
        content: The content.
        size: Bytes that it takes in the files of the input.
        source: The file that it is part of.
        format: The format of that file.
        first_line: The number of its first line in the file, if its content are bytes.
        first_number: The number of its first document in the file.
        counts: What was dropped or changed in reading, if its content are documents.
    """

    name: str
    kind: Literal["bytes", "documents", "files"]
    content: bytes
    size: int
    source: str = ""
    format: str = ""
    first_line: int = 1
    first_number: int = 1
    counts: Mapping[str, int] = field(default_factory=dict)

    def read(self, counts: Counts) -> Iterator[PlacedDocument]:
        """Read the documents of the block, each with its place in the input.

        Args:
            counts: Receives what is dropped or changed in reading, when all documents have been read.
        """
        if self.kind == "documents":
            counts.update(self.counts)
            yield from map(PlacedDocument.from_line, io.BytesIO(self.content))
        elif self.kind == "files":
            for path, format in json.loads(self.content):
                yield from read_file(DocumentFile(Path(path), format), counts)
        else:
            read = _READERS[self.format]
            documents = read(io.BytesIO(self.content), self.source, counts, self.first_line)
            for number, document in enumerate(documents, self.first_number):
                if isinstance(document, BrokenDocument):
                    document = replace(document, number=number)
                yield PlacedDocument(self.source, number, document)


_READERS = {"lines": read_lines, "jsonl": read_json_lines, "pubtator": read_pubtator}


def read_file(file: DocumentFile, counts: Counts) -> Iterator[PlacedDocument]:
    """Read the documents of a whole file, each with its place.

    Args:
        file: The file.
        counts: Receives what is dropped or changed in reading, when all documents have been read.
    """
    source = str(file.path)
    try:
        reader = open_documents(file.path, file.format)
    except DocumentError as error:
        yield PlacedDocument(source, 1, BrokenDocument(source, str(error).removeprefix(f"{source}: ")))
        return
    for number, document in enumerate(reader, 1):
        yield PlacedDocument(source, number, document)
    counts.update(reader.counts)


@dataclass(frozen=True, slots=True)
class FileGroup:
    """Files that are cut into blocks together: one large file, or several small ones, which make one block.

    Attributes:
        number: Which group of the input it is, from 0.
        files: The files.
        size: Their bytes.
    """

    number: int
    files: tuple[DocumentFile, ...]
    size: int

    def block_name(self, index: int) -> str:
        """Return the name of a block of this group."""
        return f"{self.number:06d}-{index:06d}"


def group_files(files: Iterable[DocumentFile], block_bytes: int) -> list[FileGroup]:
    """Group consecutive files up to the size of a block; a file as large as a block is a group of its own.

    Args:
        files: The files of the input, in their order.
        block_bytes: Bytes of a block.
    """
    groups: list[list[DocumentFile]] = []
    sizes: list[int] = []
    for file in files:
        size = file.path.stat().st_size
        if groups and sizes[-1] + size <= block_bytes:
            groups[-1].append(file)
            sizes[-1] += size
        else:
            groups.append([file])
            sizes.append(size)
    return [
        FileGroup(number, tuple(group), size) for number, (group, size) in enumerate(zip(groups, sizes, strict=True))
    ]


def cut_blocks(files: Sequence[DocumentFile], block_bytes: int) -> Iterator[Block]:
    """Cut files into blocks, reading at most one block ahead.

    A large file of lines, JSON lines or PubTator is cut as bytes, between documents. Documents of a large column file
    or BioC file are read one by one, until they make a block. Files of one document are not cut. Small files
    make a block together, and are read when the block is annotated.

    Args:
        files: The files of the input, in their order.
        block_bytes: Bytes of a block; it ends with the document in which they are reached.
    """
    for group in group_files(files, block_bytes):
        yield from _cut_group(group, block_bytes)


def _cut_group(group: FileGroup, block_bytes: int) -> Iterator[Block]:
    file = group.files[0]
    if len(group.files) == 1 and group.size > block_bytes:
        if file.format in _IS_START:
            return _cut_bytes(group, file, block_bytes)
        if file.format in ("columns", "bioc-xml", "bioc-json"):
            return _cut_documents(group, file, block_bytes)
    names = json.dumps([[str(one.path), one.format] for one in group.files]).encode()
    return iter([Block(name=group.block_name(0), kind="files", content=names, size=group.size)])


# Whether a document of a format starts at a line, given the line before and the line.
_IS_START: dict[str, Callable[[bytes, bytes], bool]] = {
    "lines": lambda before, line: True,
    "jsonl": lambda before, line: bool(line.strip()),
    "pubtator": lambda before, line: bool(line.strip()) and not before.strip(),
}


def _cut_bytes(group: FileGroup, file: DocumentFile, block_bytes: int) -> Iterator[Block]:
    """Cut a file before lines at which a document starts."""
    is_start, source = _IS_START[file.format], str(file.path)
    index, done = 0, 0
    lines: list[bytes] = []
    size, first_line, first_number, number = 0, 1, 1, 0
    with open(source, "rb") as raw:

        def block() -> Block:
            nonlocal done
            done, before = raw.tell(), done
            return Block(
                name=group.block_name(index),
                kind="bytes",
                content=b"".join(lines),
                size=done - before,
                source=source,
                format=file.format,
                first_line=first_line,
                first_number=first_number,
            )

        try:
            previous = b""
            for line_number, line in enumerate(opened(raw), 1):
                starts = is_start(previous, line)
                if starts and size >= block_bytes:
                    yield block()
                    index, lines, size, first_line, first_number = index + 1, [], 0, line_number, number + 1
                number += starts
                lines.append(line)
                size += len(line)
                previous = line
        except READ_ERRORS as error:
            if file.format == "pubtator":
                # A document that no blank line ends may be incomplete.
                number -= bool(lines and lines[-1].strip())
                lines = _drop_last_document(lines)
            if lines:
                yield block()
            broken = BrokenDocument(source, read_error(error), number=number + 1)
            yield Block(
                name=group.block_name(index + 1),
                kind="documents",
                content=PlacedDocument(source, number + 1, broken).to_line(),
                size=group.size - done,
                source=source,
                format=file.format,
            )
            return
        if lines:
            yield block()


def _drop_last_document(lines: list[bytes]) -> list[bytes]:
    """Drop the lines after the last blank line."""
    blank = [number for number, line in enumerate(lines, 1) if not line.strip()]
    return lines[: blank[-1]] if blank else []


def _cut_documents(group: FileGroup, file: DocumentFile, block_bytes: int) -> Iterator[Block]:
    """Read the documents of a file one by one, until they make a block."""
    source = str(file.path)
    index, done = 0, 0
    lines: list[bytes] = []
    size, first_number = 0, 1
    with open(source, "rb") as raw:
        reader = open_documents(raw, file.format)
        counted = reader.counts

        def block() -> Block:
            nonlocal done, counted
            done, before = raw.tell(), done
            counts, counted = reader.counts - counted, reader.counts
            return Block(
                name=group.block_name(index),
                kind="documents",
                content=b"".join(lines),
                size=done - before,
                source=source,
                format=file.format,
                first_number=first_number,
                counts=dict(counts),
            )

        for number, document in enumerate(reader, 1):
            if size >= block_bytes:
                yield block()
                index, lines, size, first_number = index + 1, [], 0, number
            lines.append(PlacedDocument(source, number, document).to_line())
            size += len(lines[-1])
        if lines:
            yield block()


def _broken_to_json(broken: BrokenDocument) -> list[object]:
    return [broken.source, broken.reason, broken.raw.decode("latin-1"), broken.line, broken.number]


def _document_to_json(document: Document) -> list[object]:
    entities = [
        [e.start, e.end, e.type, e.id, e.identifier, e.score, e.fragments, dict(e.infons)] for e in document.entities
    ]
    passages = [[p.start, p.end, p.kind, p.offset, dict(p.infons)] for p in document.passages]
    return [document.id, document.text, entities, passages, document.sentences, dict(document.infons)]


def _document_from_json(value: list[Any]) -> Document:
    name, text, entities, passages, sentences, infons = value
    return Document(
        name,
        text,
        tuple(_entity_from_json(*entity) for entity in entities),
        tuple(Passage(*passage) for passage in passages),
        tuple(tuple((start, end) for start, end in sentence) for sentence in sentences),
        infons,
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
