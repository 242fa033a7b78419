"""What a document format is, the registry of all formats, and the detection of a file's format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar

from tfkd_base.documents.document import BrokenDocument, Counts, Document, DocumentError
from tfkd_base.documents.files import READ_ERRORS, plain_name, read_error
from tfkd_base.documents.offsets import CHARACTERS, get_units
from tfkd_base.documents.other_files import describe_other
from tfkd_base.files import read_lines
from tfkd_base.registry import Registry


class FormatWriter(ABC):
    """Writer of the documents of one output in one format."""

    @abstractmethod
    def write(self, document: Document) -> None:
        """Write one document."""

    def add_note(self, text: str) -> None:  # noqa: B027
        """Add a note on all documents, if the format shows notes: data formats have no place for them."""

    def close(self) -> None:  # noqa: B027
        """Write what follows the last document, if anything does."""


class DocumentFormat(ABC):
    """A format of documents: its name, how to recognize its files, to read and to write them.

    A format is one class, registered with `@FORMATS.register(NAME)`. A user's format is used through `--code FILE` or
    an entry point of the group `tfkd.formats`.

    Class attributes:
        description: What it is, in a few words.
        endings: Endings of its files in lower case, without `.gz`. Output files get the first one.
        companions: Endings of files that belong to a file of documents in the same folder, such as `.ann`.
        has_entities: Whether it holds entities.
        has_tokens: Whether its documents come cut into tokens.
        is_readable: Whether it can be read.
        is_folder: Whether its output is a folder with files for each document.
        is_one_document: Whether a file is always a single document.
        is_writable: Whether it can be written.
        other_endings: Endings of further files that it reads if it recognizes their content.
        folder_format: The name of the format that its files are taken for in a folder. Default: the same.
        priority: Formats of a higher priority are asked first whether they recognize a file's content.

    Attributes:
        offsets: What offsets of entities count, one of `OFFSETS`. Formats that read them pass it to `place_entities`.

    Example:
        >>> class Shouted(DocumentFormat):
        ...     description, endings = "upper-case text, a document a file", (".loud",)
        ...     def read(self, stream, source, counts):
        ...         yield Document(source, stream.read().decode().upper())
        >>> shouted = Shouted()
        >>> shouted.has_entities, shouted.is_folder, shouted.companions
        (True, False, ())
    """

    description: ClassVar[str]
    endings: ClassVar[tuple[str, ...]]
    companions: ClassVar[tuple[str, ...]] = ()
    has_entities: ClassVar[bool] = True
    has_tokens: ClassVar[bool] = False
    is_readable: ClassVar[bool] = True
    is_writable: ClassVar[bool] = True
    other_endings: ClassVar[tuple[str, ...]] = ()
    folder_format: ClassVar[str | None] = None
    is_folder: ClassVar[bool] = False
    is_one_document: ClassVar[bool] = False
    priority: ClassVar[int] = 0
    offsets: str = CHARACTERS

    @property
    def name(self) -> str:
        """The name that the format is registered under."""
        return FORMATS.name_of(type(self))

    def recognizes(self, ending: str, content: bytes) -> bool:
        """Tell whether a file is in this format. It is asked where the ending alone does not decide.

        Args:
            ending: The ending of the file's name in lower case, without `.gz`; empty for a stream.
            content: The beginning of the content, unpacked, without byte order mark and leading white space.
        """
        return False

    def find_companion(self, path: Path) -> Path | None:
        """Return the file beside a file of documents that belongs to it, if there is one.

        Args:
            path: The file of documents.
        """
        return next(iter(self.list_companions(path)), None)

    def list_companions(self, path: Path) -> list[Path]:
        """List the files beside a file of documents that belong to it, in the order of `companions`.

        Args:
            path: The file of documents.
        """
        name = path.name.removesuffix(".gz")
        stem = next((name[: -len(ending)] for ending in self.endings if name.lower().endswith(ending)), name)
        beside = [path.with_name(stem + companion + gz) for companion in self.companions for gz in ("", ".gz")]
        return [file for file in beside if file.is_file()]

    def read(self, stream: IO[bytes], source: str, counts: Counts) -> Iterator[Document | BrokenDocument]:
        """Read documents one by one. A broken document is yielded as such, and the next ones follow.

        Args:
            stream: The content, unpacked.
            source: The name of the file, for messages and ids.
            counts: Receives the number of things that were dropped or changed.

        Raises:
            DocumentError: The format can only be written, or needs a library that is not installed.
        """
        raise DocumentError(f"the format {self.name} is only written: {source} cannot be read")

    def stream_writer(self, stream: IO[bytes], counts: Counts) -> FormatWriter:
        """Return a writer of documents to one file.

        Args:
            stream: The file.
            counts: Receives the number of things that were dropped or changed.

        Raises:
            DocumentError: The format cannot be written to one file.
        """
        raise DocumentError(f"the format {self.name} cannot be written to a file")

    def folder_writer(self, folder: Path, counts: Counts) -> FormatWriter:
        """Return a writer of documents to a folder, for a format whose `is_folder` is true.

        Args:
            folder: An empty folder.
            counts: Receives the number of things that were dropped or changed.

        Raises:
            DocumentError: The format is not written to a folder.
        """
        raise DocumentError(f"the format {self.name} cannot be written to a folder")


@dataclass(frozen=True, slots=True)
class LineBlock:
    """A part of a file: the lines of some whole documents, or the error that ends the file.

    Attributes:
        index: Number of the block in the file, from 0.
        content: The lines.
        first_line: Number of the first line in the file, from 1.
        first_number: Number of the first document in the file, from 1.
        broken: The error, where the rest of the file cannot be read; `content` is empty then.
    """

    index: int
    content: bytes
    first_line: int
    first_number: int
    broken: BrokenDocument | None = None


class LineFormat(DocumentFormat):
    """A format whose files can be cut between two lines without reading the documents."""

    @abstractmethod
    def starts_document(self, previous: bytes, line: bytes) -> bool:
        """Tell whether a document starts at a line.

        Args:
            previous: The line before, empty for the first line of a file.
            line: The line.
        """

    def drop_partial(self, lines: list[bytes]) -> list[bytes]:
        """Return the lines of whole documents, where the file breaks off after the last line.

        Args:
            lines: Lines from the start of a document on.
        """
        return lines

    @abstractmethod
    def read(
        self, stream: IO[bytes], source: str, counts: Counts, first_line: int = 1
    ) -> Iterator[Document | BrokenDocument]:
        """Read documents one by one, from a file or from one of its blocks.

        Args:
            stream: The content, unpacked.
            source: The name of the file, for messages and ids.
            counts: Receives the number of things that were dropped or changed.
            first_line: Number of the first line, above 1 for a later block.
        """

    def cut(self, stream: IO[bytes], source: str, block_bytes: int) -> Iterator[LineBlock]:
        r"""Cut a file into blocks of whole documents, holding one block in memory.

        Args:
            stream: The content, unpacked.
            source: The name of the file.
            block_bytes: Size of a block, at least; a block ends with the document in which it is reached.

        Example:
            >>> import io
            >>> from tfkd_base.documents import get_format
            >>> [block.content for block in get_format("lines").cut(io.BytesIO(b"a\nb\nc\n"), "x", 3)]
            [b'a\nb\n', b'c\n']
        """
        index, size, first_line, first_number, number = 0, 0, 1, 1, 0
        lines: list[bytes] = []
        previous = b""
        try:
            for line_number, line in enumerate(read_lines(stream), 1):
                starts = self.starts_document(previous, line)
                if starts and size >= block_bytes:
                    yield LineBlock(index, b"".join(lines), first_line, first_number)
                    index, lines, size, first_line, first_number = index + 1, [], 0, line_number, number + 1
                number += starts
                lines.append(line)
                size += len(line)
                previous = line
        except READ_ERRORS as error:
            whole = self.drop_partial(lines)
            number -= len(whole) < len(lines)
            if whole:
                yield LineBlock(index, b"".join(whole), first_line, first_number)
            broken = BrokenDocument(source, read_error(error), number=number + 1)
            yield LineBlock(index + 1, b"", 1, number + 1, broken)
            return
        if lines:
            yield LineBlock(index, b"".join(lines), first_line, first_number)


FORMATS: Registry[type[DocumentFormat]] = Registry("document format", "tfkd.formats")
"""Every document format by its name."""


def get_format(name: str, offsets: str = CHARACTERS) -> DocumentFormat:
    """Return a format by its name.

    Args:
        name: The name.
        offsets: What offsets count in the files that it reads, one of `OFFSETS`.

    Raises:
        TfkdError: There is no format or no such option of that name; the message has the nearest one.

    Example:
        >>> get_format("pubtater")
        Traceback (most recent call last):
        tfkd_base.errors.TfkdError: there is no document format 'pubtater': did you mean 'pubtator'?
    """
    get_units(offsets)
    format = FORMATS.get(name)()
    format.offsets = offsets
    return format


def all_formats() -> list[DocumentFormat]:
    """Return every format, sorted by name."""
    return [get_format(name) for name in sorted(FORMATS)]


def detect_format(name: str, head: bytes) -> str:
    r"""Detect the format of a file from its name and the beginning of its content.

    An ending that belongs to one format decides. Otherwise the content does: `ID|t|` is PubTator, the outermost
    element of XML and the keys of JSON tell their formats, and lines that all end with a tag are a column file. All
    other text has a document a line. A BRAT file is recognized by the `.ann` file beside it, see `document_files`.

    Args:
        name: The name of the file, perhaps with `.gz`.
        head: The first bytes of its content, unpacked.

    Raises:
        DocumentError: No format recognizes the file. The message says what it looks like, and what to do.

    Example:
        >>> detect_format("a.txt", b"7|t|Title\n"), detect_format("b.txt", b"Some text.")
        ('pubtator', 'lines')
    """
    ending = Path(plain_name(Path(name))).suffix
    readable = sorted((format for format in all_formats() if format.is_readable), key=lambda format: -format.priority)
    content = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    of_ending = [format for format in readable if ending in format.endings]
    others = readable if len(of_ending) != 1 else [format for format in readable if ending in format.other_endings]
    recognized = next((format for format in (*others, *of_ending) if format.recognizes(ending, content)), None)
    if recognized is not None and recognized.has_entities:
        return recognized.name
    other = describe_other(name, ending, head)
    chosen = recognized or (of_ending[0] if len(of_ending) == 1 else None)
    if other is not None:
        raise DocumentError(f"{name or 'the input'}: {other}")
    if chosen is not None:
        return chosen.name
    names = ", ".join(sorted(format.name for format in readable))
    raise DocumentError(
        f"{name or 'the input'}: the format cannot be detected from the name or the content; name one of {names}"
    )


def detect_output_format(path: Path | str) -> str:
    """Detect the format of a file to write from the ending of its name; `.txt` and `.json` belong to several.

    Args:
        path: The file.

    Raises:
        DocumentError: The ending belongs to no format or to several.

    Example:
        >>> detect_output_format("out/part-1.jsonl.gz")
        'jsonl'
    """
    name = plain_name(Path(path))
    writable = [format for format in all_formats() if format.is_writable]
    matches = [format.name for format in writable if name.endswith(format.endings)]
    if len(matches) != 1:
        choices = ", ".join(matches or (format.name for format in writable))
        raise DocumentError(f"which format is {name or 'the output'} to be in? Name one: {choices}")
    return matches[0]
