"""The parser of column files: lines in, sentences out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain
from pathlib import Path

from tfkd_base.corpora.corpus import Sentence
from tfkd_base.corpora.detection import describe_line
from tfkd_base.corpora.schemes import BILOU, split_tag
from tfkd_base.errors import CorpusError, nearest

DOCUMENT_LINE = "-DOCSTART-"
UNTYPED = "Entity"
"""The type of entities whose tags are a bare B or I"""

COMMENT = "#"
"""The beginning of a comment line, such as `# sent_id = 1` or `###MEDLINE:95369245`"""
_BLANK = " \t\r\n"
_EDGES = " \r\n"
_MARGIN = frozenset(" \t\r\n\x0b\x0c\x1c\x1d\x1e\x1f\x85\u2028\u2029") | {DOCUMENT_LINE[0], COMMENT}
_SEPARATORS = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_TWO_TAGS = re.compile(r"(?:O|[BIESLU]-.+?)(\s*[|,;/+&]\s*|\s+)(?:O|[BIESLU]-.+)")
_TAG = re.compile(r"O|[BIESLU](-.+)?")
_SETTING = re.compile(r"#\s*\S+ = ")
_BARE = frozenset("BIESLU")
_MOST_KNOWN = 200_000


class ColumnParser:
    """A parser of lines into sentences. The first line that is no comment decides the separator and the columns.

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
        self.comments = 0
        self.is_bilou = False
        self.sentences: list[Sentence] = []
        self.first_lines: list[int] = []
        self.untyped = False
        self._looks_like = ""
        self._line_end = ""
        self._line_end_at = 0
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
        header = None
        if self.separator is None:
            lines, header = self._begin(iter(lines), first)
        for number, line in enumerate(lines, first):
            if line[-1] != self._line_end:
                self._check_line_end(line, number)
            if line[0] in _MARGIN and self._is_outside(line):
                self._end(tokens, tags, number)
                continue
            if number == header:
                continue
            columns = line.split("\t") if self.separator == "\t" else self._columns(line)
            if len(columns) != self.width:
                columns = self._without_empty(columns, line, number)
            if self.width > 2 and _SEPARATORS.search(line):
                self._check_separators(line, number)
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

    def _begin(self, lines: Iterator[str], first: int) -> tuple[Iterable[str], int | None]:
        """Set the separator and the columns from the first line with text that does not start as a comment does.

        Returns:
            All lines, and the number of the header, if there is one.
        """
        head: list[str] = []
        rows: list[tuple[int, str]] = []
        for number, line in enumerate(lines, first):
            head.append(line)
            if not line.strip() or line.startswith(DOCUMENT_LINE):
                continue
            if not line.startswith(COMMENT):
                rows = [(number, line)]
                break
            rows += [(number, line)] if _is_row(line) else []
        if not rows:
            return head, None
        number, line = rows[0]
        self.separator = "\t" if "\t" in line.strip(_BLANK) else " "
        self.first = number
        self._looks_like = describe_line(line, self.path)
        columns = self._columns(line)
        if self.columns[1] == -1:
            columns = _trim(columns)
        self.width = len(columns)
        if _SEPARATORS.search(line):
            self._check_separators(line, number)
        if self.width < 2:
            hint = f", which looks like {self._looks_like}" if self._looks_like else ""
            raise CorpusError(
                f"{self.path}:{number}: expected a token and a tag separated by a tab or a space, got "
                f"{_shorten(line)}{hint}"
            )
        self.token_index, self.tag_index = (self._index(column, columns, number) for column in self.columns)
        if self.token_index == self.tag_index:
            raise CorpusError(f"{self.path}: the token column and the tag column are both column {self.tag_index}")
        has_header = any(isinstance(column, str) for column in self.columns)
        return chain(head, lines), number if has_header else None

    def _is_outside(self, line: str) -> bool:
        """Tell whether a line belongs to no sentence: it is blank, the start of a document, or a comment."""
        if line[0] != COMMENT:
            return not line.strip() or line.startswith(DOCUMENT_LINE)
        if self.separator is not None:
            columns = self._columns(line)
            if self.separator == "\t" and len(columns) > 1 and any(_TAG.fullmatch(column) for column in columns[1:]):
                return False
            has_tag = len(columns) == self.width and _TAG.fullmatch(columns[self.tag_index])
            if has_tag and not (self.separator == " " and _SETTING.match(line)):
                return False
        self.comments += 1
        return True

    def _check_line_end(self, line: str, number: int) -> None:
        """Remember how lines end; refuse a file in which some end with a carriage return alone, and others do not."""
        end = line[-1]
        if end not in "\r\n":
            return
        if self._line_end:
            kinds = {"\r": "a carriage return alone", "\n": "a line feed"}
            raise CorpusError(
                f"{self.path}:{number}: the line ends with {kinds[end]}, but line {self._line_end_at} with "
                f"{kinds[self._line_end]}, so it is not clear where sentences end; give all lines one line end"
            )
        self._line_end, self._line_end_at = end, number

    def _check_separators(self, line: str, number: int) -> None:
        """Refuse a line that is several lines separated by a character that does not end lines."""
        parts = [part for part in _SEPARATORS.split(line) if part.strip()]
        if len(parts) > 1 and all(len(_trim(self._columns(part))) > 1 for part in parts):
            found = _SEPARATORS.search(line)
            raise CorpusError(
                f"{self.path}:{number}: the line looks like {len(parts)} lines separated by U+{ord(found[0]):04X}, "  # type: ignore[index]
                "which does not end a line; replace it by a line feed"
            )

    def _index(self, column: int | str, header: list[str], number: int) -> int:
        if isinstance(column, str):
            if column not in header:
                hint = nearest(column, header)
                raise CorpusError(f"{self.path}:{number}: the header line has no column {column!r}: {hint}")
            if header.count(column) > 1:
                raise CorpusError(
                    f"{self.path}:{number}: the header line has several columns {column!r}; name the column by its "
                    "number, from 0"
                )
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

    def _without_empty(self, columns: list[str], line: str, number: int) -> list[str]:
        """Return the columns of a line without empty ones after the last; refuse another number of columns."""
        if len(columns) > self.width and not any(column.strip(_EDGES) for column in columns[self.width :]):
            return columns[: self.width]
        name = "tabs" if self.separator == "\t" else "spaces"
        raise CorpusError(
            f"{self.path}:{number}: expected {self.width} columns separated by {name}, as in line {self.first}, "
            f"got {len(columns)}: {_shorten(line)}; mend or delete the line"
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
        typed = f"{tag}-{UNTYPED}" if tag in _BARE else tag
        if problem := explain_tag(tag):
            raise CorpusError(f"{self.path}:{number}: {problem}")
        try:
            prefix, kind = split_tag(typed)
        except CorpusError as error:
            raise CorpusError(f"{self.path}:{number}: {error}{self._remedy(tag, number)}") from None
        self.untyped |= typed != tag
        if typed[0] in BILOU:
            self.is_bilou = True
            typed = f"{prefix}-{kind}"
        self._tags[raw] = typed = self._tags.setdefault(tag, typed)
        return typed

    def _remedy(self, tag: str, number: int) -> str:
        if tag == "0":
            return "; outside of entities the tag is the letter O, and this is the digit"
        if number == self.first and self._looks_like:
            return f"; the line looks like {self._looks_like}"
        if number == self.first:
            return f"; if line {number} is a header, name the columns, as in --tag-column {tag or 'NAME'}"
        return "; if the tag is not in the last column, name its column, as in --tag-column 1"


def _is_row(line: str) -> bool:
    """Tell whether a line that starts as a comment does is a token with a tag at the end."""
    columns = [column for column in re.split(r"\t" if "\t" in line else " ", line.strip(_BLANK)) if column]
    return len(columns) > 1 and _TAG.fullmatch(columns[-1].strip()) is not None


def _trim(columns: list[str]) -> list[str]:
    """Return columns without the empty ones at the end."""
    while columns and not columns[-1].strip(_EDGES):
        columns = columns[:-1]
    return columns


def plain_type(kind: str) -> str:
    r"""Return an entity type that a tag can hold: with `_` for white space and hidden characters.

    Args:
        kind: Any text.

    Example:
        >>> plain_type("Cell line"), plain_type("Gene\u200b"), plain_type(""), plain_type("Gene|B-Cell")
        ('Cell_line', 'Gene_', '_', 'Gene_B-Cell')
    """
    plain = "".join("_" if c.isspace() or unicodedata.category(c)[0] in "ZC" else c for c in kind) or "_"
    return re.sub(r"[|,;/+&]", "_", plain) if explain_tag(f"B-{plain}") else plain


@lru_cache(maxsize=4096)
def explain_tag(tag: str) -> str:
    """Return what is wrong with a cell that is more than a tag; an empty text if nothing is.

    Args:
        tag: The cell.

    Example:
        >>> explain_tag("B-Gene"), explain_tag("B-Gene|O").partition(",")[0]
        ('', "the cell 'B-Gene|O' holds two tags")
    """
    if two := _TWO_TAGS.fullmatch(tag):
        return (
            f"the cell {tag!r} holds two tags, separated by {two[1]!r}, and a token has one; write a corpus for each "
            "type, or choose one tag"
        )
    if hidden := next((c for c in tag if c != " " and unicodedata.category(c)[0] in "ZC"), None):
        return f"the tag {tag!r} contains the character U+{ord(hidden):04X}; delete it"
    return ""


def _shorten(line: str) -> str:
    text = line.rstrip("\r\n")
    return repr(text if len(text) <= 60 else text[:57] + "...")
