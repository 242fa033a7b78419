"""Documents one by one, from files, folders, standard input and streams."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tfkd_base.documents.document import Counts, Document
from tfkd_base.documents.errors import BrokenDocument, DocumentError
from tfkd_base.documents.files import DocumentFile, document_files
from tfkd_base.documents.formats import FORMATS, detect_format, format_named
from tfkd_base.documents.sources import HEAD, READ_ERRORS, STANDARD, opened, read_error, source_name


class DocumentReader(Iterator[Document | BrokenDocument]):
    """An iterator over documents that counts what it leaves out.

    Attributes:
        files: The files that it reads, one after the other; none if it reads a stream.
    """

    def __init__(self, files: list[DocumentFile], found: Iterator[Document | BrokenDocument], counts: Counts) -> None:
        self.files = files
        self._found = found
        self._counts = counts

    @property
    def counts(self) -> Counts:
        """How often something was left out or changed so far, by what it is, in words."""
        return +self._counts

    def __next__(self) -> Document | BrokenDocument:
        return next(self._found)


def open_documents(source: str | os.PathLike[str] | IO[bytes], format: str | None = None) -> DocumentReader:
    r"""Read documents one by one; a broken one comes as a `BrokenDocument`, and the next ones after it.

    Args:
        source: A file, plain or gzip; a folder, of which all files of documents are read; `-` for standard input; or a
            stream of bytes.
        format: The name of the format, one of `FORMATS`; told by name and content if not given.

    Returns:
        An iterator, with what was left out in its attribute `counts`. Nothing is read before it is needed, but for the
        beginnings of files whose format is to be told.

    Raises:
        DocumentError: There is nothing at the path, the format cannot be told, there is none of that name, or, when
            the first document is read, it needs a library that is not installed.

    Example:
        >>> for document in open_documents(io.BytesIO(b"7|t|Title\n7|a|Abstract\n\n8|a|No title\n")):
        ...     print(document if isinstance(document, BrokenDocument) else document.text)
        Title Abstract
        a stream:4: expected a title, ID|t|text, got '8|a|No title'
    """
    counts = Counts()
    if isinstance(source, str | os.PathLike) and os.fspath(source) != STANDARD:
        files = document_files(Path(source), format, counts)
        return DocumentReader(files, _from_files(files, counts), counts)
    named = format_named(format) if format is not None else None
    stream = opened(os.fspath(source) if isinstance(source, str | os.PathLike) else source)
    name = source_name(source)
    chosen = named or FORMATS[detect_format("", stream.peek(HEAD))]
    if chosen.read is None or chosen.name == "brat":
        reason = "is two files a document" if chosen.name == "brat" else "is only written"
        raise DocumentError(f"the format {chosen.name} {reason}, and cannot be read from {name}")
    return DocumentReader([], _guarded(chosen.name, stream, name, counts), counts)


def _from_files(files: list[DocumentFile], counts: Counts) -> Iterator[Document | BrokenDocument]:
    for file in files:
        try:
            stream = opened(file.path)
        except (DocumentError, *READ_ERRORS) as error:
            yield BrokenDocument(str(file.path), str(error).removeprefix(f"{file.path}: "))
            continue
        with stream:
            yield from _guarded(file.format, stream, str(file.path), counts)


def _guarded(format: str, stream: io.BufferedReader, name: str, counts: Counts) -> Iterator[Document | BrokenDocument]:
    """The documents of a stream; where it cannot be read to its end, the rest is broken."""
    read = FORMATS[format].read
    assert read is not None
    number = 0
    try:
        for document in read(stream, name, counts):
            number += 1
            yield document
    except READ_ERRORS as error:
        yield BrokenDocument(name, read_error(error), number=number + 1)
