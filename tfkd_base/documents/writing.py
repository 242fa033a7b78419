"""Writing documents one by one to a file or a folder, which appears complete or not at all."""

from __future__ import annotations

import contextlib
import gzip
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, cast

from tfkd_base.documents.document import Counts, Document, DocumentError
from tfkd_base.documents.files import STANDARD
from tfkd_base.documents.formats import DocumentFormat, FormatWriter, detect_output_format, get_format
from tfkd_base.files import atomic_file, atomic_folder


class DocumentWriter:
    """A writer of documents that counts what their format cannot hold.

    Attributes:
        format: The name of the format.
        needs_tokens: Whether the documents must be cut into tokens, as for column files.
        documents: Number of documents written.
        entities: Number of their entities.
    """

    def __init__(self, format: str, writer: FormatWriter, counts: Counts, *, needs_tokens: bool = False) -> None:
        self.format = format
        self.needs_tokens = needs_tokens
        self.documents = 0
        self.entities = 0
        self._writer = writer
        self._counts = counts

    @property
    def counts(self) -> Counts:
        """The number of things that were dropped or changed so far, by what they are."""
        return +self._counts

    def add_notes(self, notes: Iterable[str]) -> None:
        """Add notes on all documents, which formats to look at show."""
        for note in notes:
            self._writer.add_note(note)

    def write(self, document: Document) -> None:
        """Write one document.

        Raises:
            DocumentError: It holds half a surrogate pair, which no file can hold, or, for a column file, no tokens.
                Nothing of it is written, and other documents may follow.
        """
        strings = [document.id, document.text]
        strings += [text for m in document.entities for text in (m.type, m.id, m.identifier) if text]
        strings += [passage.kind for passage in document.passages]
        held = [document.infons, *(p.infons for p in document.passages), *(m.infons for m in document.entities)]
        strings += [str(text) for infons in held for pair in infons.items() for text in pair]
        try:
            for text in strings:
                text.encode()
        except UnicodeEncodeError as error:
            raise DocumentError(
                f"document {document.id!r} holds half a surrogate pair, {error.object[error.start]!r}, at character "
                f"{error.start} of a string, which UTF-8 cannot express"
            ) from None
        self._writer.write(document)
        self.documents += 1
        self.entities += len(document.entities)


@contextlib.contextmanager
def document_writer(target: str | os.PathLike[str] | IO[bytes], format: str | None = None) -> Iterator[DocumentWriter]:
    r"""Open a file or a folder for writing documents. It appears, complete, when the block ends without an error.

    Args:
        target: A file, compressed if its name ends in `.gz`; for `brat` and `text` a folder; `-` for standard output;
            or a stream of bytes, which stays open. An existing file is replaced; an existing folder must be empty.
        format: The name of the format. Default: detected from the ending of the name.

    Returns:
        A context manager that gives the writer.

    Raises:
        DocumentError: The ending does not decide the format, or the folder is not empty.
        TfkdError: There is no format of that name.
        OSError: The file cannot be written.

    Example:
        >>> import io
        >>> from tfkd_base.documents import Entity
        >>> with document_writer(stream := io.BytesIO(), "pubtator") as writer:
        ...     writer.write(Document("7", "Cancer\tspreads.", (Entity(0, 6, "Disease"),)))
        >>> stream.getvalue().decode().splitlines()[0], dict(writer.counts)["tabs and line breaks written as spaces"]
        ('7|t|Cancer spreads.', 1)
    """
    name = os.fspath(target) if isinstance(target, str | os.PathLike) else ""
    chosen = get_format(format if format is not None else detect_output_format(name))
    counts = Counts()
    if not isinstance(target, str | os.PathLike) or os.fspath(target) == STANDARD:
        if chosen.is_folder:
            raise DocumentError(f"the format {chosen.name} is a folder of files: name a folder to write")
        stream = target if not isinstance(target, str | os.PathLike) else sys.stdout.buffer
        yield from _write(chosen, chosen.stream_writer(stream, counts), counts)
        stream.flush()
        return
    path = Path(target)
    if not path.parent.is_dir():
        raise DocumentError(f"{path}: there is no folder {path.parent}; make it first")
    if chosen.is_folder:
        if path.exists() and not (path.is_dir() and not any(path.iterdir())):
            raise DocumentError(f"{path} exists already; the format {chosen.name} needs a new or an empty folder")
        with atomic_folder(path) as folder:
            yield from _write(chosen, chosen.folder_writer(folder, counts), counts)
        return
    if path.is_dir():
        raise DocumentError(f"{path} is a folder; name a file, such as {path / ('documents' + chosen.endings[0])}")
    with atomic_file(path) as part, contextlib.ExitStack() as files:
        file: IO[bytes] = files.enter_context(part.open("wb"))
        if path.suffix == ".gz":
            # Without name and time in the header, the same documents give the same bytes.
            packed = gzip.GzipFile("", "wb", 6, file, mtime=0)
            files.callback(packed.close)
            file = cast(IO[bytes], packed)
        yield from _write(chosen, chosen.stream_writer(file, counts), counts)


def _write(format: DocumentFormat, writer: FormatWriter, counts: Counts) -> Iterator[DocumentWriter]:
    """Yield a writer, and end what it wrote unless an error occurred."""
    yield DocumentWriter(format.name, writer, counts, needs_tokens=format.has_tokens)
    writer.close()
