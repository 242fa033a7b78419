"""The documents of a block that are annotated so far, on disk: after a kill the block resumes behind them."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Self

from tfkd_base.documents import BrokenDocument, Counts
from tfkd_runtime.placed import PlacedDocument

CHUNK_WORDS = 20_000
"""Words of a chunk, about 100 abstracts: a transformer takes some seconds. Only the last chunk is lost in a kill."""


def cut_chunks(placed: Iterable[PlacedDocument], words: int = CHUNK_WORDS) -> Iterator[list[PlacedDocument]]:
    """Cut documents into chunks, which are annotated each by itself: the same documents always give the same chunks.

    Args:
        placed: The documents, read at most one chunk ahead.
        words: Words of a chunk; it ends with the document in which they are reached.

    Example:
        >>> from tfkd_base.documents import Document
        >>> documents = [PlacedDocument("a", n, Document(str(n), "Some text")) for n in (1, 2, 3)]
        >>> [len(chunk) for chunk in cut_chunks(documents, words=3)]
        [2, 1]
    """
    chunk: list[PlacedDocument] = []
    size = 0
    for one in placed:
        chunk.append(one)
        size += 1 if isinstance(one.document, BrokenDocument) else len(one.document.text.split())
        if size >= words:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


@dataclass(frozen=True, slots=True)
class Chunk:
    """Number of documents that were read for a chunk, and what became of them.

    Attributes:
        read: Number of documents.
        lines: Annotated documents and broken ones.
        changes: How often an entity was dropped, added or changed, by its description.
    """

    read: int
    lines: tuple[bytes, ...]
    changes: Mapping[str, int] = field(default_factory=dict)


class PartialBlock:
    """File of the annotated chunks of a block.

    Each process that works on a block has a file of its own, which starts with the chunks of the longest file that an
    earlier process left. So it does no harm if a process that is believed to be dead still writes.

    Args:
        folder: The folder of the annotation run.
        name: The name of the block.

    Attributes:
        read: Number of the block's documents that were read for the chunks.
        changes: How often an entity was dropped, added or changed in the chunks, by its description.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._prefix = folder, f"partial-{name}."
        self.read = 0
        self.changes = Counts()
        self._file: BinaryIO | None = None
        self._path: Path | None = None

    def __enter__(self) -> Self:
        chunks = max((_read_chunks(path) for path in self._others()), key=len, default=[])
        descriptor, path = tempfile.mkstemp(prefix=f"{self._prefix}{os.getpid()}-", dir=self._folder)
        self._path, self._file = Path(path), os.fdopen(descriptor, "wb")
        for chunk in chunks:
            self.append(chunk)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def append(self, chunk: Chunk) -> None:
        """Add a chunk. It is complete when its last line is written."""
        assert self._file is not None
        facts = {"read": chunk.read, "lines": len(chunk.lines), "changes": dict(chunk.changes)}
        end = json.dumps(facts).encode() + b"\n"
        self._file.write(b"".join((*chunk.lines, end)))
        self._file.flush()
        self.read += chunk.read
        self.changes.update(chunk.changes)

    def documents(self) -> Iterator[PlacedDocument]:
        """Read the documents of all chunks, the broken ones among them, in their order."""
        assert self._path is not None
        with self._path.open("rb") as file:
            for line in file:
                if not _is_end(line):
                    yield PlacedDocument.from_line(line)

    def remove(self) -> None:
        """Remove the files of this block."""
        if self._file is not None:
            self._file.close()
        for path in self._others():
            with contextlib.suppress(OSError):  # on Windows, of a process that still writes
                path.unlink()

    def _others(self) -> list[Path]:
        return sorted(self._folder.glob(f"{self._prefix}*"))


def _is_end(line: bytes) -> bool:
    return line.startswith(b'{"read"')


def _read_chunks(path: Path) -> list[Chunk]:
    """Read the complete chunks of a file."""
    chunks: list[Chunk] = []
    lines: list[bytes] = []
    try:
        content = path.read_bytes()
    except OSError:  # removed meanwhile
        return []
    for line in itertools.takewhile(lambda line: line.endswith(b"\n"), content.splitlines(keepends=True)):
        if not _is_end(line):
            lines.append(line)
            continue
        end = json.loads(line)
        if end["lines"] != len(lines):
            break
        chunks.append(Chunk(end["read"], tuple(lines), end.get("changes", {})))
        lines = []
    return chunks
