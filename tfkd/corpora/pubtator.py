"""Documents in PubTator's text format: a title, an abstract, and a line a mention."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tfkd.corpora.documents import Document, Mention
from tfkd.corpora.errors import CorpusError

_TEXT_LINE = re.compile(r"[^|\t]+\|([ta])\|(.*)", re.DOTALL)
_RELATION_COLUMNS = 4


def read_pubtator(path: str | Path) -> list[Document]:
    r"""Read the documents of a file in PubTator format.

    A document is `ID|t|title`, `ID|a|abstract` and tab-separated lines `ID, start, end, text, type, ...`, with a blank
    line after it. Offsets count Unicode code points in the title, one space and the abstract. What the line gives as
    the mention's text must stand there, white space aside. Lines of four columns are relations and carry no mention.

    Args:
        path: The file, UTF-8.

    Returns:
        The documents in the order of the file.

    Raises:
        CorpusError: The file cannot be read, a line has another form, or a mention's text is not what stands at its
            offsets.

    Example:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp(), "one.txt")
        >>> _ = path.write_text("7|t|Breast cancer.\n7|a|It spread.\n7\t0\t13\tBreast cancer\tDisease\tD001943\n")
        >>> read_pubtator(path)
        [Document(id='7', text='Breast cancer. It spread.', entities=(Mention(start=0, end=13, type='Disease'),))]
    """
    path = Path(path)
    documents = [_document(path, block) for block in _blocks(path)]
    if not documents:
        raise CorpusError(f"{path}: the file is empty; expected documents in PubTator format (ID|t|..., ID|a|...)")
    return documents


def _blocks(path: Path) -> Iterator[list[tuple[int, str]]]:
    """Yield each document's lines with their numbers."""
    try:
        lines = path.read_bytes().decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        broken = path.read_bytes()[: error.start].count(b"\n") + 1
        raise CorpusError(f"{path}:{broken}: not UTF-8; convert the file, for example with iconv -t UTF-8") from None
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read: {error.strerror}") from None
    block: list[tuple[int, str]] = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            block.append((number, line.removesuffix("\r")))
        elif block:
            yield block
            block = []
    if block:
        yield block


def _document(path: Path, block: list[tuple[int, str]]) -> Document:
    name = re.split(r"[|\t]", block[0][1], maxsplit=1)[0]
    parts: dict[str, str] = {}
    entities: list[Mention] = []
    for number, line in block:
        found = re.split(r"[|\t]", line, maxsplit=1)[0]
        if found != name:
            raise CorpusError(
                f"{path}:{number}: the line belongs to document {found[:60]!r}, the lines before it to {name!r}; "
                "expected a blank line between documents"
            )
        match = _TEXT_LINE.fullmatch(line)
        if match and match[1] not in parts and not entities:
            parts[match[1]] = match[2]
        elif "t" not in parts:
            raise CorpusError(f"{path}:{number}: expected a title, ID|t|text, got {line[:60]!r}")
        else:
            entities += _mention(path, number, line, _text(parts))
    return Document(name, _text(parts), tuple(entities))


def _text(parts: dict[str, str]) -> str:
    return f"{parts['t']} {parts.get('a', '')}"


def _mention(path: Path, number: int, line: str, text: str) -> list[Mention]:
    columns = line.split("\t")
    if len(columns) == _RELATION_COLUMNS and not columns[1].isdecimal():
        return []
    if len(columns) <= _RELATION_COLUMNS or not (columns[1].isdecimal() and columns[2].isdecimal()):
        raise CorpusError(
            f"{path}:{number}: expected ID, start, end, text and type with tabs between, got {line[:60]!r}"
        )
    start, end = int(columns[1]), int(columns[2])
    if not start < end <= len(text) or text[start:end].split() != columns[3].split():
        raise CorpusError(
            f"{path}:{number}: expected {columns[3]!r} at offsets {start} to {end}, but there stands "
            f"{text[start:end]!r}; offsets count characters of the title, one space and the abstract"
        )
    return [Mention(start, end, columns[4])]
