"""Where documents come from: files, plain or gzip, standard input and open streams."""

from __future__ import annotations

import gzip
import io
import os
import sys
import zlib
from pathlib import Path
from typing import IO, cast

from tfkd_base.documents.errors import DocumentError

STANDARD = "-"
"""stands for standard input, or standard output"""
GZIP = b"\x1f\x8b"
HEAD = 1 << 16
"""bytes that are looked at to tell a format"""
READ_ERRORS = (OSError, EOFError, zlib.error)
"""What reading a file may raise, gzip or not."""


def opened(source: str | os.PathLike[str] | IO[bytes]) -> io.BufferedReader:
    """Open a source of documents; what is gzip, by its content, is unpacked.

    Args:
        source: A file, `-` for standard input, or a stream of bytes.

    Returns:
        A stream that can be looked into with `peek`.

    Raises:
        DocumentError: The file cannot be opened.

    Example:
        >>> opened(io.BytesIO(gzip.compress(b"text"))).read()
        b'text'
    """
    if isinstance(source, str | os.PathLike):
        stream: IO[bytes] = sys.stdin.buffer if source == STANDARD else _file(Path(source))
    else:
        stream = source
    buffered = stream if isinstance(stream, io.BufferedReader) else io.BufferedReader(cast(io.RawIOBase, stream), HEAD)
    if buffered.peek(2)[:2] == GZIP:
        unpacked = gzip.GzipFile(fileobj=buffered, mode="rb") if stream is source else _Unpacked(buffered)
        return io.BufferedReader(cast(io.RawIOBase, unpacked), HEAD)
    return buffered


class _Unpacked(gzip.GzipFile):
    """A file of gzip that is closed with what it unpacks."""

    def __init__(self, packed: io.BufferedReader) -> None:
        super().__init__(fileobj=packed, mode="rb")
        self._packed = packed

    def close(self) -> None:
        super().close()
        self._packed.close()


def _file(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise DocumentError(f"{path}: cannot be read: {error.strerror}") from None


def source_name(source: str | os.PathLike[str] | IO[bytes]) -> str:
    """Say what to call a source in messages."""
    if isinstance(source, str | os.PathLike):
        return "standard input" if source == STANDARD else os.fspath(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "a stream"


def plain_name(path: Path) -> str:
    """Return a file's name in small letters without `.gz`, by which its format is told.

    Example:
        >>> plain_name(Path("a/B.XML.gz"))
        'b.xml'
    """
    return path.name.lower().removesuffix(".gz")


def read_error(error: BaseException) -> str:
    """Say why a file could not be read to its end."""
    what = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"cannot be read further: {what}; what stands after this place is left out"
