"""Reading documents one by one, from files, folders, standard input and streams."""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from tfkd_base.documents.document import BrokenDocument, Counts, Document, DocumentError
from tfkd_base.documents.files import HEAD, READ_ERRORS, STANDARD, open_file, plain_name, read_error, source_name
from tfkd_base.documents.formats import DocumentFormat, all_formats, detect_format, get_format
from tfkd_base.documents.offsets import CHARACTERS, get_units
from tfkd_base.documents.other_files import TABLES, describe_binary, describe_other, looks_wrapped
from tfkd_base.errors import TfkdWarning

SKIPPED = "files skipped, whose endings are none of the format"


@dataclass(frozen=True, slots=True)
class DocumentFile:
    """A file of documents: for BRAT, the file of the text.

    Attributes:
        path: Its path.
        format: The name of its format.
        offsets: What offsets of entities count in it, one of `OFFSETS`.
        fault: Why it cannot be read, where that is known before it is opened.
    """

    path: Path
    format: str
    offsets: str = CHARACTERS
    fault: str | None = None


class DocumentReader(Iterator[Document | BrokenDocument]):
    """An iterator over documents that counts what was dropped or changed.

    Attributes:
        files: The files that it reads, one after the other; empty if it reads a stream.
    """

    def __init__(
        self, files: list[DocumentFile], documents: Iterator[Document | BrokenDocument], counts: Counts
    ) -> None:
        self.files = files
        self._documents = documents
        self._counts = counts

    @property
    def counts(self) -> Counts:
        """The number of things that were dropped or changed so far, by what they are."""
        return +self._counts

    def __next__(self) -> Document | BrokenDocument:
        return next(self._documents)


def open_documents(
    source: str | os.PathLike[str] | IO[bytes], format: str | None = None, offsets: str = CHARACTERS
) -> DocumentReader:
    r"""Read documents one by one; a broken one is yielded as a `BrokenDocument`, and the next ones follow.

    Args:
        source: A file, plain or gzip; a folder, all of whose files of documents are read; `-` for standard input; or a
            stream of bytes.
        format: The name of the format, one of `FORMATS`. Default: detected from name and content.
        offsets: What offsets of entities count, one of `OFFSETS`: `characters`, or for files of other tools for example
            `bytes`; with `detect`, what fits the entities of each document.

    Returns:
        An iterator, whose attribute `counts` says what was dropped or changed. Files are read only as far as needed,
        apart from the beginnings of files whose format is detected.

    Raises:
        DocumentError: There is nothing at the path, the format cannot be detected, or, when the first document is read,
            the format needs a library that is not installed.
        TfkdError: There is no format of that name.

    Example:
        >>> for document in open_documents(io.BytesIO(b"7|t|Title\n7|a|Abstract\n\n8|a|No title\n")):
        ...     print(document if isinstance(document, BrokenDocument) else document.text)
        Title Abstract
        a stream:4: expected a title, ID|t|text, got '8|a|No title'
    """
    counts = Counts()
    if isinstance(source, str | os.PathLike) and os.fspath(source) != STANDARD:
        files = document_files(Path(source), format, counts, offsets)
        return DocumentReader(files, _read_files(files, counts), counts)
    chosen = get_format(format, offsets) if format is not None else None
    stream = open_file(os.fspath(source) if isinstance(source, str | os.PathLike) else source)
    name = source_name(source)
    chosen = chosen or get_format(detect_format("", stream.peek(HEAD)), offsets)
    if not chosen.is_readable or chosen.companions:
        reason = "is only written" if not chosen.is_readable else "is two files a document"
        raise DocumentError(f"the format {chosen.name} {reason}, and cannot be read from {name}")
    return DocumentReader([], _read_stream(chosen, stream, name, counts), counts)


def read_document_file(file: DocumentFile) -> DocumentReader:
    """Read the documents of a file whose format is known, one by one.

    Args:
        file: The file. If it cannot be opened, it is one broken document.
    """
    counts = Counts()
    return DocumentReader([file], _read_files([file], counts), counts)


def _read_files(files: list[DocumentFile], counts: Counts) -> Iterator[Document | BrokenDocument]:
    for file in files:
        if file.fault is not None:
            yield BrokenDocument(str(file.path), file.fault)
            continue
        try:
            stream = open_file(file.path)
        except (DocumentError, *READ_ERRORS) as error:
            yield BrokenDocument(str(file.path), str(error).removeprefix(f"{file.path}: "))
            continue
        with stream:
            yield from _read_stream(get_format(file.format, file.offsets), stream, str(file.path), counts)


def _read_stream(
    format: DocumentFormat, stream: io.BufferedReader, name: str, counts: Counts
) -> Iterator[Document | BrokenDocument]:
    """Read the documents of a stream; where it cannot be read to its end, the rest is one broken document."""
    number = 0
    try:
        for document in format.read(stream, name, counts):
            number += 1
            yield document
    except READ_ERRORS as error:
        yield BrokenDocument(name, read_error(error), number=number + 1)


def document_files(
    path: str | Path, format: str | None = None, counts: Counts | None = None, offsets: str = CHARACTERS
) -> list[DocumentFile]:
    """Find the files of documents at a path, without reading more than their beginnings.

    In a folder and the folders within it, these are all files with the endings of the format (default: of any format),
    sorted by name. Names that begin with a dot and links to folders are skipped. In a folder with `.ann` or `.a1`
    files, every `.txt` file is BRAT. Other text files of a folder are a document each; a single one has a document a
    line.

    Args:
        path: A file or a folder.
        format: The name of the format. Default: detected for each file from its name and content.
        counts: Receives the number of files that were skipped.
        offsets: What offsets of entities count in these files, one of `OFFSETS`.

    Raises:
        DocumentError: There is nothing at the path, no file of documents in the folder, or the format cannot be
            detected.
        TfkdError: There is no format of that name.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "a.txt").write_text("Some text."), (folder / "a.ann").write_text("")
        >>> [(file.path.name, file.format) for file in document_files(folder)]
        [('a.txt', 'brat')]
    """
    path = Path(path)
    counts = Counts() if counts is None else counts
    get_units(offsets)
    chosen = get_format(format) if format is not None else None
    if chosen is not None and not chosen.is_readable:
        raise DocumentError(f"the format {format} is only written, and cannot be read")
    if not path.exists():
        raise DocumentError(f"{path}: cannot be read: No such file or directory")
    if not path.is_dir():
        return [replace(_find_format(path, chosen, counts), offsets=offsets)]
    files = [file for folder in _walk(path) for file in _list_files(folder, chosen, counts)]
    files = [replace(file, offsets=offsets) for file in files] if offsets != CHARACTERS else files
    if not files:
        endings = chosen.endings if chosen else sorted(_readable_endings())
        raise DocumentError(f"{path}: no documents are in this folder; expected files ending in {', '.join(endings)}")
    return files


def _readable_endings() -> set[str]:
    return {ending for format in all_formats() if format.is_readable for ending in format.endings}


def _walk(path: Path) -> Iterator[Path]:
    for folder, inside, _ in os.walk(path):
        inside[:] = sorted(name for name in inside if not name.startswith("."))
        yield Path(folder)


def _find_format(path: Path, format: DocumentFormat | None, counts: Counts) -> DocumentFile:
    """Find the format of a single file."""
    for other in [format] if format else all_formats():
        if plain_name(path).endswith(other.companions):
            raise DocumentError(
                f"{path}: belongs to a document in the format {other.name}; name its {other.endings[0]} file, or the "
                "folder"
            )
        has_ending = path.name.removesuffix(".gz").endswith(other.endings)
        if format is None and has_ending and other.find_companion(path) is not None:
            return DocumentFile(path, other.name)
    head = _read_head(path)
    if format is not None:
        if binary := describe_binary(str(path), head):
            raise DocumentError(f"{path}: {binary}")
        return DocumentFile(path, format.name)
    detected = get_format(detect_format(str(path), head))
    if detected.folder_format is not None and len(head.split()) > 1 and b"\n" in head.strip():
        counts[f"files in which each line is a document (--from {detected.folder_format}: each file)"] += 1
        if looks_wrapped(head):
            warnings.warn(
                f"{path}: each line is read as a document, but the lines look like one text that is wrapped: read the "
                f"file as one document with the format {detected.folder_format} (--from {detected.folder_format})",
                TfkdWarning,
                stacklevel=3,
            )
    return DocumentFile(path, detected.name)


def _list_files(folder: Path, format: DocumentFormat | None, counts: Counts) -> list[DocumentFile]:
    """List the files of documents that lie directly in a folder."""
    names = sorted(entry.name for entry in os.scandir(folder) if entry.is_file() and not entry.name.startswith("."))
    plain_names = {name: plain_name(Path(name)) for name in names}
    paired = [other for other in all_formats() if any(p.endswith(other.companions) for p in plain_names.values())]
    endings = format.endings if format else _readable_endings()
    files: list[DocumentFile] = []
    for name in names:
        ending = Path(plain_names[name]).suffix
        companion_of = next((other for other in paired if plain_names[name].endswith(other.companions)), None)
        paired_format = next((other for other in paired if ending in other.endings), None)
        if companion_of is not None and (format is None or format.name == companion_of.name):
            continue
        if companion_of is not None or ending not in endings:
            counts[SKIPPED] += 1
        elif format is not None:
            files.append(DocumentFile(folder / name, format.name))
        elif paired_format is not None:
            files.append(DocumentFile(folder / name, paired_format.name))
        else:
            files.append(_detect_in_folder(folder / name, counts))
    return files


def _detect_in_folder(path: Path, counts: Counts) -> DocumentFile:
    """Detect the format of a file among others; one that cannot be read is a broken document later."""
    try:
        detected = get_format(detect_format(str(path), _read_head(path)))
    except DocumentError as error:
        return DocumentFile(path, "text", fault=str(error).removeprefix(f"{path}: "))
    if detected.folder_format is None:
        return DocumentFile(path, detected.name)
    counts[f"files of a folder, each read as one document (--from {detected.name}: each line)"] += 1
    return DocumentFile(path, detected.folder_format)


def describe_file(path: Path) -> str | None:
    """Return what a file looks like that is neither documents nor a table, and what to do with it, or None.

    Args:
        path: The file.
    """
    ending = Path(plain_name(path)).suffix
    if ending in TABLES:
        return describe_binary(str(path), _read_head(path))
    try:
        detect_format(str(path), head := _read_head(path))
    except DocumentError:
        return describe_other(str(path), ending, head)
    return None


def _read_head(path: Path) -> bytes:
    """Return the beginning of a file, as far as it can be read."""
    head = b""
    with contextlib.suppress(*READ_ERRORS), open_file(path) as stream:
        while len(head) < HEAD and (part := stream.read1(HEAD - len(head))):
            head += part
    return head
