"""Files of documents: opened, plain or gzip, and named."""

from __future__ import annotations

import gzip
import io
import os
import re
import sys
import zlib
from pathlib import Path
from typing import IO, cast

from tfkd_base.documents.document import Counts, DocumentError

STANDARD = "-"
"""The name of standard input and standard output"""
GZIP = b"\x1f\x8b"
HEAD = 1 << 16
"""Number of bytes that are read to detect a format"""
READ_ERRORS = (OSError, EOFError, zlib.error)
"""The errors of reading a file, gzip or not"""
_NOT_IN_NAMES = re.compile(r"[^\w.+-]|^\.")
_LONGEST_NAME = 100


def open_file(source: str | os.PathLike[str] | IO[bytes]) -> io.BufferedReader:
    """Open a source of documents; gzip is detected from the content and unpacked.

    Args:
        source: A file, `-` for standard input, or a stream of bytes.

    Returns:
        A stream that has the method `peek`.

    Raises:
        DocumentError: The file cannot be opened.

    Example:
        >>> open_file(io.BytesIO(gzip.compress(b"text"))).read()
        b'text'
    """
    if isinstance(source, str | os.PathLike):
        stream: IO[bytes] = sys.stdin.buffer if source == STANDARD else _file(Path(source))
    else:
        stream = source
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(cast(io.RawIOBase, stream), HEAD)
    if buffered.peek(2)[:2] == GZIP:
        unpacked = _Unpacked(buffered, closes=stream is not source)
        return io.BufferedReader(cast(io.RawIOBase, unpacked), HEAD)
    return buffered


class _Unpacked(gzip.GzipFile):
    """A gzip stream that can be read again only if the packed one can, and that may close it."""

    def __init__(self, packed: io.BufferedReader, *, closes: bool) -> None:
        super().__init__(fileobj=packed, mode="rb")
        self._packed = packed
        self._closes = closes

    def seekable(self) -> bool:
        return self._packed.seekable()

    def close(self) -> None:
        super().close()
        if self._closes:
            self._packed.close()


def _file(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise DocumentError(f"{path}: cannot be read: {error.strerror}") from None


def source_name(source: str | os.PathLike[str] | IO[bytes]) -> str:
    """Return the name of a source for messages."""
    if isinstance(source, str | os.PathLike):
        return "standard input" if source == STANDARD else os.fspath(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "a stream"


def plain_name(path: Path) -> str:
    """Return a file's name in lower case and without `.gz`, from which its format is detected.

    Example:
        >>> plain_name(Path("a/B.XML.gz"))
        'b.xml'
    """
    return path.name.lower().removesuffix(".gz")


def read_error(error: BaseException) -> str:
    """Return the reason why a file could not be read to its end."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"cannot be read further: {reason}; the rest of the file is skipped"


class FileNames:
    """Unique names of files for the documents of a folder, made from their ids.

    Args:
        counts: Receives the number of ids that could not be used unchanged.

    Example:
        >>> names = FileNames(counts := Counts())
        >>> names.take("7"), names.take("a/b"), names.take("7"), counts.total()
        ('7', 'a_b', '7-2', 2)
    """

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._taken: set[str] = set()

    def take(self, id: str) -> str:
        """Return the name, without ending, for the document with an id."""
        stem = _NOT_IN_NAMES.sub("_", id)[:_LONGEST_NAME] or "document"
        name, number = stem, 1
        # Some file systems ignore case.
        while name.lower() in self._taken:
            number += 1
            name = f"{stem}-{number}"
        self._taken.add(name.lower())
        self._counts["ids of documents changed to be names of files"] += name != id
        return name
