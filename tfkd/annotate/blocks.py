"""The input in blocks of bounded size, always the same ones for the same files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from tfkd.annotate.items import Item
from tfkd_base.documents import DocumentFile, LineFormat, get_format, open_documents
from tfkd_base.documents.files import open_file

MEBIBYTE = 1 << 20
BLOCK_BYTES = 4 * MEBIBYTE
"""Bytes of input in a block; some 2,500 abstracts."""


@dataclass(frozen=True, slots=True)
class Block:
    """A part of the input that is annotated at once.

    Attributes:
        name: Which one it is; in the order of the names they make up the input.
        kind: What its content is: the `bytes` of a part of a file, `documents` as lines (see `Item`), or the names of
            whole `files`.
        content: The content.
        size: Bytes that it takes of the files of the input.
        source: The file, where it is of one.
        format: The format of that file.
        first_line: The number of its first line in the file, where its content are bytes.
        first_number: The number of its first document in the file.
        counts: What was left out or changed in reading so far, where its content are documents.
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


@dataclass(frozen=True, slots=True)
class Unit:
    """Files that are cut into blocks one after the other: a large one, or several small ones, which make one block.

    Attributes:
        number: Which unit of the input it is, from 0.
        files: The files.
        size: Their bytes.
    """

    number: int
    files: tuple[DocumentFile, ...]
    size: int


def units(files: Iterable[DocumentFile], block_bytes: int) -> list[Unit]:
    """Group files: those as large as a block stand alone, the others together up to a block.

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
    return [Unit(number, tuple(group), size) for number, (group, size) in enumerate(zip(groups, sizes, strict=True))]


def blocks(unit: Unit, block_bytes: int) -> Iterator[Block]:
    """Cut a unit into blocks, reading no further ahead than one.

    Of files of lines, JSON lines and PubTator the bytes are cut, between documents. Of column files and BioC the
    documents are read one by one, and so many of them make a block. What is one document a file is not cut.

    Args:
        unit: The files.
        block_bytes: Bytes of a block, at least; it ends with the document in which they are reached.
    """
    file = unit.files[0]
    if len(unit.files) == 1 and unit.size > block_bytes:
        format = get_format(file.format)
        if isinstance(format, LineFormat):
            return _cut_bytes(unit, file, format, block_bytes)
        if not format.is_one_document:
            return _cut_documents(unit, file, block_bytes)
    names = [[str(one.path), one.format] for one in unit.files]
    return iter([Block(_name(unit, 0), "files", json.dumps(names).encode(), unit.size)])


def _name(unit: Unit, index: int) -> str:
    return f"{unit.number:06d}-{index:06d}"


def _cut_bytes(unit: Unit, file: DocumentFile, format: LineFormat, block_bytes: int) -> Iterator[Block]:
    """Cut a file before the line at which a document starts."""
    source = str(file.path)
    done = 0
    with open(source, "rb") as raw:
        for lines in format.cut(open_file(raw), source, block_bytes):
            name = _name(unit, lines.index)
            if lines.broken is not None:
                content = Item(source, lines.first_number, lines.broken).to_line()
                yield Block(name, "documents", content, unit.size - done, source, file.format)
                return
            done, before = raw.tell(), done
            first = (lines.first_line, lines.first_number)
            yield Block(name, "bytes", lines.content, done - before, source, file.format, *first)


def _cut_documents(unit: Unit, file: DocumentFile, block_bytes: int) -> Iterator[Block]:
    source = str(file.path)
    index, done = 0, 0
    held: list[bytes] = []
    size, first_number = 0, 1
    with open(source, "rb") as raw:
        reader = open_documents(raw, file.format)
        counted = reader.counts

        def block() -> Block:
            nonlocal done, counted
            done, before = raw.tell(), done
            counts, counted = reader.counts - counted, reader.counts
            name, content = _name(unit, index), b"".join(held)
            return Block(name, "documents", content, done - before, source, file.format, 1, first_number, dict(counts))

        number = 0
        for number, document in enumerate(reader, 1):
            if size >= block_bytes:
                yield block()
                index, held, size, first_number = index + 1, [], 0, number
            held.append(Item(source, number, document).to_line())
            size += len(held[-1])
        if held:
            yield block()
