"""Plain text: a document a line, or a file a document."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tfkd_base.documents.document import BrokenDocument, Counts, Document, count_infons
from tfkd_base.documents.files import FileNames
from tfkd_base.documents.formats import FORMATS, DocumentFormat, FormatWriter, LineFormat
from tfkd_base.files import read_lines

BYTE_ORDER_MARK = "\ufeff"
REPLACED = "documents with bytes that are not UTF-8, read as U+FFFD"
ENTITIES = "entities dropped, which plain text cannot hold"


def _decode(raw: bytes, counts: Counts) -> str:
    """Decode UTF-8; invalid bytes become U+FFFD, and documents with them are counted."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        counts[REPLACED] += 1
        return raw.decode(errors="replace")


@FORMATS.register("lines")
class Lines(LineFormat):
    """Plain text, a document a line."""

    description = "text, a document a line"
    endings = (".txt", ".text")
    has_entities = False
    folder_format = "text"
    priority = -9

    def recognizes(self, ending: str, content: bytes) -> bool:
        """Recognize any text that no other format recognizes."""
        return ending in ("", *self.endings) and b"\0" not in content

    def starts_document(self, previous: bytes, line: bytes) -> bool:
        """Each line is a document."""
        return True

    def read(
        self, stream: IO[bytes], source: str, counts: Counts, first_line: int = 1
    ) -> Iterator[Document | BrokenDocument]:
        r"""Read a document from each line, blank ones too; its number is its id.

        Lines end as in `tfkd_base.files`. A byte order mark at the beginning of the file is dropped.

        Example:
            >>> import io
            >>> [document.text for document in Lines().read(io.BytesIO(b"one\r\n\ntwo"), "x", Counts())]
            ['one', '', 'two']
        """
        for number, line in enumerate(read_lines(stream), first_line):
            text = _decode(line.rstrip(b"\r\n"), counts)
            yield Document(str(number), text.removeprefix(BYTE_ORDER_MARK) if number == 1 else text)

    def stream_writer(self, stream: IO[bytes], counts: Counts) -> FormatWriter:
        """Return a writer of one line a document."""
        return _LinesWriter(stream, counts)


@FORMATS.register("text")
class WholeText(DocumentFormat):
    """Plain text, a document a file."""

    description = "text, a document a file"
    endings = (".txt", ".text")
    has_entities = False
    is_folder = True
    is_one_document = True

    def read(self, stream: IO[bytes], source: str, counts: Counts) -> Iterator[Document | BrokenDocument]:
        r"""Read a whole file as one document, whose id is the name of the file without its ending.

        A byte order mark at the beginning is dropped.

        Example:
            >>> import io
            >>> list(WholeText().read(io.BytesIO(b"a\r\nb"), "x/7.txt.gz", Counts()))[0].text
            'a\r\nb'
        """
        yield Document(document_name(source), _decode(stream.read(), counts).removeprefix(BYTE_ORDER_MARK))

    def folder_writer(self, folder: Path, counts: Counts) -> FormatWriter:
        """Return a writer of one file a document."""
        return _TextWriter(folder, counts)


def document_name(source: str) -> str:
    """Return the id of a document: the name of its file without the endings of text files.

    Example:
        >>> document_name("corpus/7.txt.gz")
        '7'
    """
    return Path(source).name.removesuffix(".gz").removesuffix(".txt").removesuffix(".text")


class _LinesWriter(FormatWriter):
    """Writer of one line for each document; line breaks become spaces, and entities are dropped."""

    def __init__(self, stream: IO[bytes], counts: Counts) -> None:
        self._stream = stream
        self._counts = counts
        self._first = True

    def write(self, document: Document) -> None:
        """Write one document."""
        text = document.text.replace("\n", " ").replace("\r", " ")
        changed = sum(old != new for old, new in zip(document.text, text, strict=True)) if text != document.text else 0
        self._counts["line breaks written as spaces"] += changed
        self._counts[ENTITIES] += len(document.entities)
        count_infons(document, self._counts)
        if self._first and text.startswith(BYTE_ORDER_MARK):
            text = BYTE_ORDER_MARK + text  # the reader drops one
        self._first = False
        self._stream.write(text.encode() + b"\n")


class _TextWriter(FormatWriter):
    """Writer of one file for each document, named after its id; entities are dropped."""

    def __init__(self, folder: Path, counts: Counts) -> None:
        self._folder = folder
        self._counts = counts
        self._names = FileNames(counts)

    def write(self, document: Document) -> None:
        """Write one document."""
        text = document.text
        self._counts[ENTITIES] += len(document.entities)
        count_infons(document, self._counts)
        if text.startswith(BYTE_ORDER_MARK):
            text = BYTE_ORDER_MARK + text
        (self._folder / f"{self._names.take(document.id)}.txt").write_bytes(text.encode())
