"""Column files: a token and its tag on each line, perhaps with other columns, and a blank line after each sentence."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tfkd_base.corpora.corpus import Sentence
from tfkd_base.corpora.schemes import split_tag
from tfkd_base.errors import CorpusError, nearest

DOCUMENT_LINE = "-DOCSTART-"
UNTYPED = "Entity"
"""The type of entities whose tags are a bare B or I"""

_BLANK = " \t\r\n"
_EDGES = " \r\n"
_MARGIN = _BLANK + DOCUMENT_LINE[0]
_MOST_KNOWN = 200_000


@dataclass(frozen=True, slots=True)
class ColumnFile:
    """The sentences of one file, with unchanged tags."""

    path: Path
    sentences: tuple[Sentence, ...]
    first_lines: tuple[int, ...]
    """the line number, from 1, of each sentence's first token"""
    untyped: bool
    """whether tags without a type, such as a bare B, were given the type Entity"""


def read_columns(path: str | Path, *, token_column: int | str = 0, tag_column: int | str = -1) -> ColumnFile:
    r"""Read the sentences of a column file, with unchanged tags.

    Columns are separated by tabs if the first line with text has one, else by spaces. A no-break space is not a
    separator. Only a line feed ends a line, with or without a carriage return before it. A byte order mark is dropped.
    Lines that start with `-DOCSTART-`, and blank lines, which may contain spaces, end a sentence.

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
        with path.open(encoding="utf-8-sig", newline="\n") as lines:
            parser.read(lines)
    except UnicodeDecodeError:
        raise _not_utf8(path) from None
    if not parser.sentences:
        size = path.stat().st_size
        content = f"holds no tokens in {size} bytes" if size else "is empty"
        raise CorpusError(f"{path}: the file {content}; expected a token and its tag on each line")
    return ColumnFile(path, tuple(parser.sentences), tuple(parser.first_lines), parser.untyped)


class ColumnParser:
    """A parser of lines into sentences. The first line with text decides the separator and the columns.

    Args:
        path: The name of the file in messages.
        token_column: The column of the token, see `read_columns`.
        tag_column: The column of the tag.

    Example:
        >>> ColumnParser("genes.tsv").parse(["BRCA1 B-Gene", "binds O"])
        [Sentence(tokens=('BRCA1', 'binds'), tags=('B-Gene', 'O'))]
    """

    def __init__(self, path: str | Path, token_column: int | str = 0, tag_column: int | str = -1) -> None:
        self.path = path
        self.columns = (token_column, tag_column)
        self.separator: str | None = None
        self.width = 0
        self.first = 0
        self.token_index = self.tag_index = 0
        self.sentences: list[Sentence] = []
        self.first_lines: list[int] = []
        self.untyped = False
        self._tokens: dict[str, str] = {}
        self._tags: dict[str, str] = {}
        self._sequences: dict[tuple[str, ...], tuple[str, ...]] = {}

    def parse(self, lines: Iterable[str], first: int = 1) -> list[Sentence]:
        """Return the sentences of a part of a file, and remember only its columns.

        Args:
            lines: The lines of the part.
            first: The number of its first line in the file.

        Raises:
            CorpusError: A line is broken. The parser can continue with another part.
        """
        has_columns = self.separator is not None
        self.sentences, self.first_lines = [], []
        if len(self._tokens) > _MOST_KNOWN:
            self._tokens, self._sequences = {}, {}
        try:
            self.read(lines, first)
        except CorpusError:
            if not has_columns:
                self.separator = None
            raise
        return self.sentences

    def read(self, lines: Iterable[str], first: int = 1) -> None:
        """Add the sentences of some lines; `first` is the number of the first line."""
        tokens: list[str] = []
        tags: list[str] = []
        known_tokens, known_tags = self._tokens, self._tags
        number = first - 1
        for number, line in enumerate(lines, first):
            if line[0] in _MARGIN and (not line.strip(_BLANK) or line.startswith(DOCUMENT_LINE)):
                self._end(tokens, tags, number)
                continue
            if self.separator is None and self._begin(line, number):
                continue
            columns = line.split("\t") if self.separator == "\t" else self._columns(line)
            if len(columns) != self.width:
                raise self._wrong_width(line, len(columns), number)
            token, tag = columns[self.token_index], columns[self.tag_index]
            tokens.append(known_tokens.get(token) or self._new_token(token, number))
            tags.append(known_tags.get(tag) or self._new_tag(tag, number))
        self._end(tokens, tags, number + 1)

    def _end(self, tokens: list[str], tags: list[str], number: int) -> None:
        if tokens:
            sequence = tuple(tags)
            self.sentences.append(Sentence(tuple(tokens), self._sequences.setdefault(sequence, sequence)))
            self.first_lines.append(number - len(tokens))
            tokens.clear()
            tags.clear()

    def _begin(self, line: str, number: int) -> bool:
        """Set the separator and the columns from the first line with text; return whether it is a header."""
        self.separator = "\t" if "\t" in line.strip(_BLANK) else " "
        self.first = number
        columns = self._columns(line)
        self.width = len(columns)
        if self.width < 2:
            raise CorpusError(
                f"{self.path}:{number}: expected a token and a tag separated by a tab or a space, got {_shorten(line)}"
            )
        self.token_index, self.tag_index = (self._index(column, columns, number) for column in self.columns)
        if self.token_index == self.tag_index:
            raise CorpusError(f"{self.path}: the token column and the tag column are both column {self.tag_index}")
        return any(isinstance(column, str) for column in self.columns)

    def _index(self, column: int | str, header: list[str], number: int) -> int:
        if isinstance(column, str):
            if column not in header:
                hint = nearest(column, header)
                raise CorpusError(f"{self.path}:{number}: the header line has no column {column!r}: {hint}")
            return header.index(column)
        if not -self.width <= column < self.width:
            raise CorpusError(
                f"{self.path}:{number}: there is no column {column}; the line has {self.width}, numbered from 0"
            )
        return column % self.width

    def _columns(self, line: str) -> list[str]:
        if self.separator == "\t":
            return [column.strip(_EDGES) for column in line.split("\t")]
        return [column for column in line.rstrip("\r\n").split(" ") if column]

    def _wrong_width(self, line: str, width: int, number: int) -> CorpusError:
        name = "tabs" if self.separator == "\t" else "spaces"
        return CorpusError(
            f"{self.path}:{number}: expected {self.width} columns separated by {name}, as in line {self.first}, "
            f"got {width}: {_shorten(line)}; mend or delete the line"
        )

    def _new_token(self, raw: str, number: int) -> str:
        """Store a token, without white space at its edges; refuse an empty one."""
        token = raw.strip(_EDGES)
        if not token:
            raise CorpusError(f"{self.path}:{number}: the token is empty; delete the line or give it a token")
        self._tokens[raw] = token = self._tokens.setdefault(token, token)
        return token

    def _new_tag(self, raw: str, number: int) -> str:
        """Store a tag, with a type if it had none; refuse an invalid one."""
        tag = raw.strip(_EDGES)
        typed = tag
        if tag in ("B", "I", "E", "S"):
            self.untyped = True
            typed = f"{tag}-{UNTYPED}"
        try:
            split_tag(typed)
        except CorpusError as error:
            raise CorpusError(f"{self.path}:{number}: {error}{self._remedy(tag, number)}") from None
        self._tags[raw] = typed = self._tags.setdefault(tag, typed)
        return typed

    def _remedy(self, tag: str, number: int) -> str:
        if tag[:2] in ("L-", "U-"):
            return "; this looks like BILOU: write E for L and S for U, which makes it IOBES"
        if number == self.first:
            return f"; if line {number} is a header, name the columns, as in --tag-column {tag or 'NAME'}"
        return "; if the tag is not in the last column, name its column, as in --tag-column 1"


def _shorten(line: str) -> str:
    text = line.rstrip("\r\n")
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _not_utf8(path: Path) -> CorpusError:
    """Return the error that names the first byte of a file that is not UTF-8."""
    with path.open("rb") as lines:
        offset = 0
        for number, line in enumerate(lines, 1):
            if number == 1 and line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                return CorpusError(
                    f"{path}: the text is UTF-16, not UTF-8; convert it, as with iconv -f UTF-16 -t UTF-8"
                )
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
        CorpusError: A column file cannot hold a token: it is empty, contains a tab or a line feed, or has a space, a
            carriage return or a byte order mark at its edge.

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
        edges = token != token.strip(" \r\ufeff") or token.startswith(DOCUMENT_LINE)
        if not token or "\t" in token or "\n" in token or edges:
            raise CorpusError(f"sentence {number}: a column file cannot hold the token {token!r}")
        yield f"{token}\t{tag}\n"
