"""The input in blocks of bounded size, always the same ones for the same files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from tfkd.annotate.items import Item
from tfkd_base.documents import BrokenDocument, DocumentFile, open_documents
from tfkd_base.documents.sources import READ_ERRORS, opened, read_error

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
        if file.format in _STARTS:
            return _cut_bytes(unit, file, block_bytes)
        if file.format in ("columns", "bioc-xml", "bioc-json"):
            return _cut_documents(unit, file, block_bytes)
    names = [[str(one.path), one.format] for one in unit.files]
    return iter([Block(_name(unit, 0), "files", json.dumps(names).encode(), unit.size)])


def _name(unit: Unit, index: int) -> str:
    return f"{unit.number:06d}-{index:06d}"


def _is_text(before: bytes, line: bytes) -> bool:
    return bool(line.strip())


# Whether a document of a format begins at a line, of which the one before is given.
_STARTS: dict[str, Callable[[bytes, bytes], bool]] = {
    "lines": lambda before, line: True,
    "jsonl": _is_text,
    "pubtator": lambda before, line: bool(line.strip()) and not before.strip(),
}


def _cut_bytes(unit: Unit, file: DocumentFile, block_bytes: int) -> Iterator[Block]:
    """Cut before the line at which a document begins."""
    starts, source = _STARTS[file.format], str(file.path)
    index, done = 0, 0
    held: list[bytes] = []
    size, first_line, first_number, number = 0, 1, 1, 0
    with open(source, "rb") as raw:

        def block() -> Block:
            nonlocal done
            done, before = raw.tell(), done
            content = b"".join(held)
            return Block(
                _name(unit, index), "bytes", content, done - before, source, file.format, first_line, first_number
            )

        line_number = 0
        try:
            before = b""
            for line_number, line in enumerate(opened(raw), 1):
                is_start = starts(before, line)
                if is_start and size >= block_bytes:
                    yield block()
                    index, held, size, first_line, first_number = index + 1, [], 0, line_number, number + 1
                number += is_start
                held.append(line)
                size += len(line)
                before = line
        except READ_ERRORS as error:
            if file.format == "pubtator":
                # A document that no blank line ends may be half of one.
                number -= bool(held and held[-1].strip())
                held = _without_last(held)
            if held:
                yield block()
            broken = BrokenDocument(source, read_error(error), number=number + 1)
            content = Item(source, number + 1, broken).to_line()
            yield Block(_name(unit, index + 1), "documents", content, unit.size - done, source, file.format)
            return
        if held:
            yield block()


def _without_last(lines: list[bytes]) -> list[bytes]:
    """Leave out what stands after the last blank line."""
    blank = [number for number, line in enumerate(lines, 1) if not line.strip()]
    return lines[: blank[-1]] if blank else []


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
