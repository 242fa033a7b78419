"""Column files: a token and its tag on each line, perhaps with other columns, and a blank line after each sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tfkd_base.corpora.column_parser import DOCUMENT_LINE, ColumnParser, explain_tag
from tfkd_base.corpora.corpus import Sentence
from tfkd_base.corpora.detection import describe_start
from tfkd_base.errors import CorpusError
from tfkd_base.files import read_lines

_PART = 1 << 20


@dataclass(frozen=True, slots=True)
class ColumnFile:
    """The sentences of one file, with unchanged tags."""

    path: Path
    sentences: tuple[Sentence, ...]
    first_lines: tuple[int, ...]
    """the line number, from 1, of each sentence's first token"""
    untyped: bool
    """whether tags without a type, such as a bare B, were given the type Entity"""
    is_bilou: bool = False
    """whether tags of BILOU were read as IOBES: L as E, and U as S"""
    comments: int = 0
    """number of comment lines that were skipped"""


def read_columns(path: str | Path, *, token_column: int | str = 0, tag_column: int | str = -1) -> ColumnFile:
    r"""Read the sentences of a column file, with unchanged tags.

    Columns are separated by tabs if the first line with text has one, else by spaces. A no-break space is not a
    separator, and empty columns at the end of a line are ignored. Lines end as in `tfkd_base.files`, all of a file
    alike: with line feeds, or all with carriage returns alone. A byte order mark is dropped. Blank lines, which may
    contain white space, lines that start with `-DOCSTART-`, and comments end a sentence. A comment is a line that
    starts with `#` and has not the columns of the file with a tag among them. Tags of BILOU are read as IOBES.

    Args:
        path: The file, UTF-8.
        token_column: The column of the token: a number from 0, negative from the last, or a name in the header line.
        tag_column: The column of the tag, likewise. If either is a name, the first line is a header.

    Returns:
        The sentences. Equal tokens and equal sequences of tags are the same objects in memory.

    Raises:
        CorpusError: The file is missing, empty or not UTF-8, or a line has another number of columns than the first
            one, an empty token, or an invalid tag. The message names the file and the line.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "train.tsv"
        >>> _ = path.write_bytes(b"BRCA1\tNN\tB-Gene\r\nbinds\tVB\tO\r\n")
        >>> read_columns(path).sentences
        (Sentence(tokens=('BRCA1', 'binds'), tags=('B-Gene', 'O')),)
    """
    path = Path(path)
    if path.is_dir():
        raise CorpusError(f"{path}: expected a file, got a folder")
    if not path.exists():
        raise CorpusError(f"{path}: there is no such file")
    parser = ColumnParser(path, token_column, tag_column)
    try:
        parser.read(_lines(path))
    except UnicodeDecodeError:
        raise _not_utf8(path) from None
    if not parser.sentences:
        size = path.stat().st_size
        content = f"holds no tokens in {size} bytes" if size else "is empty"
        raise CorpusError(f"{path}: the file {content}; expected a token and its tag on each line")
    sentences, first_lines = tuple(parser.sentences), tuple(parser.first_lines)
    return ColumnFile(path, sentences, first_lines, parser.untyped, parser.is_bilou, parser.comments)


def _lines(path: Path) -> Iterator[str]:
    """Yield the lines of a file, with their line ends and without a byte order mark.

    `read_lines` says what a line is. Without a carriage return alone, the lines of a text file of Python are the same,
    and come twice as fast.
    """
    if not _has_lone_carriage_return(path):
        with path.open(encoding="utf-8-sig", newline="\n") as lines:
            yield from lines
        return
    with path.open("rb") as stream:
        for number, line in enumerate(read_lines(stream)):
            text = line.decode()
            if number or (text := text.removeprefix("\ufeff")):
                yield text


def _has_lone_carriage_return(path: Path) -> bool:
    last = b""
    with path.open("rb") as stream:
        while part := stream.read(_PART):
            part = last + part
            last = b"\r" if part.endswith(b"\r") else b""
            if part.count(b"\r") - len(last) != part.count(b"\r\n"):
                return True
    return bool(last)


def _not_utf8(path: Path) -> CorpusError:
    """Return the error that names the first byte of a file that is not UTF-8."""
    with path.open("rb") as stream:
        if start := describe_start(stream.read(16)):
            return CorpusError(f"{path}: expected text in UTF-8, got {start}")
        stream.seek(0)
        offset = 0
        for number, line in enumerate(read_lines(stream), 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                return CorpusError(
                    f"{path}:{number}: the text is not UTF-8 at byte {offset + error.start} of the file (value "
                    f"0x{line[error.start]:02x}); convert it, as with iconv -f LATIN1 -t UTF-8"
                )
            offset += len(line)
    return CorpusError(f"{path}: the text is not UTF-8")


def write_columns(sentences: Iterable[Sentence], path: str | Path) -> None:
    r"""Write sentences as a column file: token, tab, tag, and a blank line after each sentence.

    Args:
        sentences: The sentences.
        path: The file to write, in UTF-8 with line feeds on every system.

    Raises:
        CorpusError: A column file cannot hold a token: it is empty, contains a tab, a line feed or a carriage return,
            or has a space or a byte order mark at its edge.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "train.tsv"
        >>> write_columns([Sentence(("BRCA1", "binds"), ("B-Gene", "O"))], path)
        >>> path.read_text()
        'BRCA1\tB-Gene\nbinds\tO\n\n'
    """
    with Path(path).open("w", encoding="utf-8", newline="\n") as file:
        for number, sentence in enumerate(sentences, 1):
            file.writelines(column_rows(sentence, number))
            file.write("\n")


def column_rows(sentence: Sentence, number: int) -> Iterator[str]:
    r"""Yield the lines of a sentence, without the blank one after it.

    Args:
        sentence: The sentence.
        number: The number of the sentence in messages.

    Raises:
        CorpusError: A column file cannot hold a token, see `write_columns`.

    Example:
        >>> list(column_rows(Sentence(("BRCA1",), ("B-Gene",)), 1))
        ['BRCA1\tB-Gene\n']
    """
    for token, tag in zip(sentence.tokens, sentence.tags, strict=True):
        edges = token != token.strip(" \ufeff") or token.startswith(DOCUMENT_LINE)
        if not token or "\t" in token or "\n" in token or "\r" in token or edges:
            raise CorpusError(f"sentence {number}: a column file cannot hold the token {token!r}")
        if problem := explain_tag(tag):
            raise CorpusError(f"sentence {number}: a column file cannot hold the tag {tag!r}: {problem}")
        yield f"{token}\t{tag}\n"
