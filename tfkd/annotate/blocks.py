"""Cutting the input into blocks of bounded size. The same files always give the same blocks."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from tfkd_base.documents import (
    BrokenDocument,
    Counts,
    DocumentFile,
    LineFormat,
    get_format,
    open_documents,
)
from tfkd_base.documents.files import open_file
from tfkd_base.documents.offsets import CHARACTERS
from tfkd_runtime.placed import PlacedDocument, read_file


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
        offsets: What offsets of entities count in that file, or those files.
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
    offsets: str = CHARACTERS
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
            for path, format, *fault in json.loads(self.content):
                yield from read_file(DocumentFile(Path(path), format, self.offsets, *fault), counts)
        else:
            format = get_format(self.format, self.offsets)
            assert isinstance(format, LineFormat)
            documents = format.read(io.BytesIO(self.content), self.source, counts, self.first_line)
            for number, document in enumerate(documents, self.first_number):
                if isinstance(document, BrokenDocument):
                    document = replace(document, number=number)
                yield PlacedDocument(self.source, number, document)


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

    A large file of a `LineFormat`, such as JSON lines, is cut as bytes, between documents. Documents of another large
    file, such as BioC, are read one by one, until they make a block. A file that is one document is not cut. Small
    files make a block together, and are read when the block is annotated.

    Args:
        files: The files of the input, in their order.
        block_bytes: Bytes of a block; it ends with the document in which they are reached.
    """
    for group in group_files(files, block_bytes):
        yield from _cut_group(group, block_bytes)


def _cut_group(group: FileGroup, block_bytes: int) -> Iterator[Block]:
    file = group.files[0]
    if len(group.files) == 1 and group.size > block_bytes and file.fault is None:
        format = get_format(file.format)
        if isinstance(format, LineFormat):
            return _cut_bytes(group, file, format, block_bytes)
        if not format.is_one_document:
            return _cut_documents(group, file, block_bytes)
    names = json.dumps(
        [[str(one.path), one.format, *([one.fault] if one.fault else [])] for one in group.files]
    ).encode()
    name = group.block_name(0)
    return iter([Block(name=name, kind="files", content=names, size=group.size, offsets=file.offsets)])


def _cut_bytes(group: FileGroup, file: DocumentFile, format: LineFormat, block_bytes: int) -> Iterator[Block]:
    """Cut a file before lines at which a document starts."""
    source = str(file.path)
    done = 0
    with open(source, "rb") as raw:
        for lines in format.cut(open_file(raw), source, block_bytes):
            name = group.block_name(lines.index)
            if lines.broken is not None:
                content = PlacedDocument(source, lines.first_number, lines.broken).to_line()
                size = group.size - done
                yield Block(name=name, kind="documents", content=content, size=size, source=source, format=file.format)
                return
            done, before = raw.tell(), done
            yield Block(
                name=name,
                kind="bytes",
                content=lines.content,
                size=done - before,
                source=source,
                format=file.format,
                offsets=file.offsets,
                first_line=lines.first_line,
                first_number=lines.first_number,
            )


def _cut_documents(group: FileGroup, file: DocumentFile, block_bytes: int) -> Iterator[Block]:
    """Read the documents of a file one by one, until they make a block."""
    source = str(file.path)
    index, done = 0, 0
    lines: list[bytes] = []
    size, first_number = 0, 1
    with open(source, "rb") as raw:
        reader = open_documents(raw, file.format, file.offsets)
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
