"""Plain text: a document a line, or a file a document."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tfkd_base.documents.document import Counts, Document
from tfkd_base.documents.errors import BrokenDocument
from tfkd_base.documents.file_names import FileNames

BYTE_ORDER_MARK = "\ufeff"
REPLACED = "documents with bytes that are not UTF-8, read as U+FFFD"
ENTITIES = "entities left out, which plain text cannot hold"


def decoded(raw: bytes, counts: Counts) -> str:
    """Read bytes as UTF-8; what is not is read as U+FFFD, and counted."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        counts[REPLACED] += 1
        return raw.decode(errors="replace")


def read_lines(
    stream: IO[bytes], source: str, counts: Counts, first_line: int = 1
) -> Iterator[Document | BrokenDocument]:
    r"""Read a document from each line, blank ones too; its number is its id. A part of a file begins at a later line.

    A line ends with a line feed, before which a carriage return may stand, and with nothing else. A byte order mark at
    the beginning is left out.

    Example:
        >>> import io
        >>> [document.text for document in read_lines(io.BytesIO(b"one\r\n\ntwo"), "x", Counts())]
        ['one', '', 'two']
    """
    for number, line in enumerate(stream, first_line):
        text = decoded(line.removesuffix(b"\n").removesuffix(b"\r"), counts)
        yield Document(str(number), text.removeprefix(BYTE_ORDER_MARK) if number == 1 else text)


def read_text(stream: IO[bytes], source: str, counts: Counts) -> Iterator[Document | BrokenDocument]:
    r"""Read a whole file as one document, named as the file is; a byte order mark at the beginning is left out.

    Example:
        >>> import io
        >>> list(read_text(io.BytesIO(b"a\r\nb"), "x/7.txt.gz", Counts()))[0].text
        'a\r\nb'
    """
    yield Document(document_name(source), decoded(stream.read(), counts).removeprefix(BYTE_ORDER_MARK))


def document_name(source: str) -> str:
    """Name a document after its file, without the endings that files of text have.

    Example:
        >>> document_name("corpus/7.txt.gz")
        '7'
    """
    return Path(source).name.removesuffix(".gz").removesuffix(".txt").removesuffix(".text")


class LinesWriter:
    """Writes the text of each document as a line; line breaks in it become spaces, and entities are left out."""

    def __init__(self, stream: IO[bytes], counts: Counts) -> None:
        self._stream = stream
        self._counts = counts
        self._first = True

    def write(self, document: Document) -> None:
        """Write one document."""
        text = document.text.replace("\n", " ")
        if text.endswith("\r"):
            text = text[:-1] + " "
        changed = sum(old != new for old, new in zip(document.text, text, strict=True)) if text != document.text else 0
        self._counts["line breaks written as spaces"] += changed
        self._counts[ENTITIES] += len(document.entities)
        if self._first and text.startswith(BYTE_ORDER_MARK):
            text = BYTE_ORDER_MARK + text  # the reader takes away one
        self._first = False
        self._stream.write(text.encode() + b"\n")

    def close(self) -> None:
        """Nothing stands after the last document."""


class TextWriter:
    """Writes the text of each document as a file of its own, named after its id; entities are left out."""

    def __init__(self, folder: Path, counts: Counts) -> None:
        self._folder = folder
        self._counts = counts
        self._names = FileNames(counts)

    def write(self, document: Document) -> None:
        """Write one document."""
        text = document.text
        self._counts[ENTITIES] += len(document.entities)
        if text.startswith(BYTE_ORDER_MARK):
            text = BYTE_ORDER_MARK + text
        (self._folder / f"{self._names.take(document.id)}.txt").write_bytes(text.encode())

    def close(self) -> None:
        """Each file is whole already."""
