"""PubTator's text format: a title, an abstract, and a line for each entity."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tfkd_base.documents.document import (
    BrokenDocument,
    Counts,
    Document,
    DocumentError,
    Entity,
    FaultError,
    Passage,
    count_infons,
)
from tfkd_base.documents.files import READ_ERRORS, open_file, read_error
from tfkd_base.documents.formats import FORMATS, FormatWriter, LineFormat
from tfkd_base.documents.stated import StatedEntity, place_entities, whole_text
from tfkd_base.files import read_lines

_BEGINNING = re.compile(rb"\s*[^|\t\n]+\|[ta]\|")
_TITLE = re.compile(rb"([^|\t\r\n]+)\|t\|")
_TEXT_LINE = re.compile(r"[^|\t]+\|([ta])\|(.*)", re.DOTALL)
_RELATION_COLUMNS = 4
_MENTION_COLUMNS = 6
_NUMBER = re.compile(r"-?[0-9]{1,12}")
_SEPARATOR = re.compile(r"[|\t]")
_BREAKS = re.compile(r"[\t\n\r]")

Block = list[tuple[int, bytes]]


@FORMATS.register("pubtator")
class PubTator(LineFormat):
    """PubTator: a title, an abstract, and a line for each entity, see `read_pubtator`."""

    description = "PubTator"
    endings = (".pubtator", ".txt")
    priority = -3

    def recognizes(self, ending: str, content: bytes) -> bool:
        """Recognize `ID|t|` or `ID|a|` at the beginning."""
        return _BEGINNING.match(content) is not None

    def starts_document(self, previous: bytes, line: bytes) -> bool:
        """Tell whether the line is the first after blank ones, or the title of another document."""
        return bool(line.strip()) and (not previous.strip() or _is_next_title(previous, line))

    def drop_partial(self, lines: list[bytes]) -> list[bytes]:
        """Drop the lines after the last blank one: the document may be incomplete."""
        blank = [number for number, line in enumerate(lines, 1) if not line.strip()]
        return lines[: blank[-1]] if blank else []

    def read(
        self, stream: IO[bytes], source: str, counts: Counts, first_line: int = 1
    ) -> Iterator[Document | BrokenDocument]:
        r"""Read documents one by one; a broken one ends at the next blank line.

        Example:
            >>> import io
            >>> stream = io.BytesIO(b"7|a|No title\n\n8|t|Whole\n")
            >>> [str(document)[:21] for document in PubTator().read(stream, "x", Counts())]
            ['x:1: expected a title', "Document(id='8', text"]
        """
        for number, block in enumerate(_blocks(stream, first_line), 1):
            try:
                yield _document(block, counts, self.offsets)
            except FaultError as fault:
                raw = b"".join(line for _, line in block)
                yield BrokenDocument(source, fault.reason, raw, line=fault.line, number=number)

    def stream_writer(self, stream: IO[bytes], counts: Counts) -> FormatWriter:
        """Return a writer of PubTator."""
        return _Writer(stream, counts)


def read_pubtator(path: str | Path) -> list[Document]:
    r"""Read the documents of a file in PubTator format, none of which may be broken.

    A document is `ID|t|title`, `ID|a|abstract` and tab-separated lines `ID, start, end, text, type, identifier`,
    followed by a blank line. Offsets count Unicode code points in the title, one space and the abstract. The text of an
    entity must be the text at its offsets, white space aside. Columns after the identifier, and lines that hold no
    offsets, such as relations, are dropped.

    Args:
        path: The file, UTF-8, plain or gzip.

    Returns:
        The documents in the order of the file.

    Raises:
        DocumentError: The file cannot be read, a line has another form, or the text of an entity is not the text at its
            offsets.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "one.txt")
        >>> _ = path.write_text("7|t|Breast cancer.\n7|a|It spread.\n7\t0\t13\tBreast cancer\tDisease\tD001943\n")
        >>> [(d.text, d.text_of(d.entities[0]), d.entities[0].identifier) for d in read_pubtator(path)]
        [('Breast cancer. It spread.', 'Breast cancer', 'D001943')]
    """
    documents = []
    with open_file(path) as stream:
        try:
            for document in PubTator().read(stream, str(path), Counts()):
                if isinstance(document, BrokenDocument):
                    raise DocumentError(str(document))
                documents.append(document)
        except READ_ERRORS as error:
            raise DocumentError(f"{path}: {read_error(error)}") from None
    if not documents:
        raise DocumentError(f"{path}: the file is empty; expected documents in PubTator format (ID|t|..., ID|a|...)")
    return documents


def _blocks(stream: IO[bytes], first_line: int) -> Iterator[Block]:
    """Yield the lines of each document, with their numbers."""
    block: Block = []
    for number, line in enumerate(read_lines(stream), first_line):
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        is_blank = not line.strip()
        if block and (is_blank or _is_next_title(block[-1][1], line)):
            yield block
            block = []
        if not is_blank:
            block.append((number, line))
    if block:
        yield block


def _is_next_title(previous: bytes, line: bytes) -> bool:
    """Tell whether a line is the title of another document than the one of the line before."""
    match = _TITLE.match(line)
    return match is not None and re.split(rb"[|\t]", previous, maxsplit=1)[0] != match[1]


def _decode(number: int, line: bytes) -> str:
    try:
        return line.rstrip(b"\r\n").decode()
    except UnicodeDecodeError:
        raise FaultError("not UTF-8; convert the file, for example with iconv -t UTF-8", number) from None


def _document(block: Block, counts: Counts, offsets: str) -> Document:
    name = ""
    parts: dict[str, str] = {}
    entities: list[StatedEntity] = []
    found = Counts()
    for number, raw in block:
        line = _decode(number, raw)
        line_name = _SEPARATOR.split(line, maxsplit=1)[0]
        name = name or line_name
        if line_name != name:
            raise FaultError(
                f"the line belongs to document {line_name[:60]!r}, the lines before it to {name!r}; "
                "expected a blank line between documents",
                number,
            )
        match = _TEXT_LINE.fullmatch(line) if not entities else None
        if match and match[1] not in parts:
            parts[match[1]] = match[2]
        elif "t" not in parts:
            raise FaultError(f"expected a title, ID|t|text, got {line[:60]!r}", number)
        else:
            entities += _entity(number, line, found)
    if "t" not in parts:
        raise FaultError(f"expected a title, ID|t|text, got {_decode(*block[0])[:60]!r}", block[0][0])
    passages = _passages(parts["t"], parts.get("a", ""))
    layout, placed = place_entities(whole_text(_text(parts), passages), entities, found, offsets)
    counts.update(found)
    return Document(name, layout.text, placed, passages)


def _passages(title: str, abstract: str) -> tuple[Passage, ...]:
    end = len(title)
    both = (Passage(0, end, "title"), Passage(end + 1, end + 1 + len(abstract), "abstract"))
    return both if abstract else both[:1]


def _text(parts: dict[str, str]) -> str:
    title, abstract = parts.get("t", ""), parts.get("a", "")
    return f"{title} {abstract}" if abstract else title


def _entity(number: int, line: str, counts: Counts) -> list[StatedEntity]:
    columns = line.split("\t")
    has_offset = len(columns) > 1 and _NUMBER.fullmatch(columns[1]) is not None
    has_end = len(columns) > 2 and _NUMBER.fullmatch(columns[2]) is not None
    if len(columns) > 1 and not (has_offset and (has_end or len(columns) > _RELATION_COLUMNS)):
        is_relation = len(columns) >= _RELATION_COLUMNS
        counts["relations dropped" if is_relation else "lines that are no entities, dropped"] += 1
        return []
    if len(columns) <= _RELATION_COLUMNS or not (has_offset and has_end):
        raise FaultError(f"expected ID, start, end, text and type separated by tabs, got {line[:60]!r}", number)
    if len(columns) > _MENTION_COLUMNS:
        counts["columns after the identifier of an entity, dropped"] += len(columns) - _MENTION_COLUMNS
    identifier = columns[5] if len(columns) >= _MENTION_COLUMNS else ""
    if not columns[3] or not columns[4]:
        raise FaultError(f"expected a text and a type in columns 4 and 5, got {line[:60]!r}", number)
    places = ((int(columns[1]), int(columns[2])),)
    return [StatedEntity(places, columns[3], columns[4], identifier=identifier or None, line=number)]


class _Writer(FormatWriter):
    """Writer of documents as title and abstract: the first passage, and the rest.

    The text keeps its length, so that offsets stay valid: each tab and line break becomes one space. A document whose
    first passage is not followed by one white-space character is written as a title only.
    """

    def __init__(self, stream: IO[bytes], counts: Counts) -> None:
        self._stream = stream
        self._counts = counts

    def write(self, document: Document) -> None:
        """Write one document."""
        name = re.sub(r"[|\t\n\r\ufeff]", "_", document.id) or "_"
        if not name.strip():
            name = "_" * len(name)
        self._counts["characters of ids and types replaced by _ or spaces"] += _changes(document.id, name)
        text, title = self._plain(document.text, "tabs and line breaks written as spaces"), len(document.text)
        first = document.passages[0]
        if first.start == 0 and first.end < len(text) - 1 and document.text[first.end].isspace():
            title = first.end
            text = f"{text[:title]} {text[title + 1 :]}"
            other = document.text[title] not in " \t\n\r"
            self._counts["white space between title and abstract written as a space"] += other
        abstract = text[title + 1 :]
        self._count(document, _passages(text[:title], abstract))
        lines = [f"{name}|t|{text[:title]}", f"{name}|a|{abstract}"]
        lines += ["\t".join((name, *self._columns(entity, text))) for entity in document.entities]
        self._stream.write(("\n".join(lines) + "\n\n").encode())

    def _columns(self, entity: Entity, text: str) -> list[str]:
        kind = self._plain(entity.type, "characters of ids and types replaced by _ or spaces")
        columns = [str(entity.start), str(entity.end), text[entity.start : entity.end], kind]
        identifier = self._plain(entity.identifier or "", "characters of ids and types replaced by _ or spaces")
        return [*columns, identifier]

    def _plain(self, text: str, change: str) -> str:
        plain, changes = _BREAKS.subn(" ", text)
        self._counts[change] += changes
        return plain

    def _count(self, document: Document, written: tuple[Passage, ...]) -> None:
        counts = self._counts
        kept = [(p.start, p.end, p.kind) for p in written] == [(p.start, p.end, p.kind) for p in document.passages]
        counts["documents whose passages became title and abstract"] += not kept
        counts["discontinuous entities written as one span from first to last character"] += sum(
            bool(m.fragments) for m in document.entities
        )
        counts["ids of entities dropped"] += sum(m.id is not None for m in document.entities)
        counts["scores of entities dropped"] += sum(m.score is not None for m in document.entities)
        count_infons(document, counts, holds_identifiers=True)


def _changes(before: str, after: str) -> int:
    return sum(old != new for old, new in zip(before, after, strict=False)) + abs(len(before) - len(after))
