"""The formats of documents by name, and which one a file is in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from tfkd_base.corpora.folders import ENDINGS as COLUMN_ENDINGS
from tfkd_base.documents import bioc_json, bioc_xml, brat, columns, html_page, json_lines, plain_text, pubtator
from tfkd_base.documents.document import Counts, Document
from tfkd_base.documents.errors import BrokenDocument, DocumentError
from tfkd_base.documents.sources import plain_name
from tfkd_base.errors import nearest

Read = Callable[[IO[bytes], str, Counts], Iterator[Document | BrokenDocument]]


class FormatWriter(Protocol):
    """What writes documents in a format, one by one."""

    def write(self, document: Document) -> None:
        """Write one document."""

    def close(self) -> None:
        """Write what stands after the last document."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format of documents.

    Attributes:
        name: What it is called in options.
        says: What it is, in a few words.
        endings: Endings of its files, without `.gz`; the first is that of files written.
        read: Reads documents from a stream, of the name given; None if the format is only written.
        writer: Makes what writes documents to a stream; for a folder, to a path.
        folder: Whether documents are written to a folder, with a file or two for each.
        entities: Whether it holds entities.
    """

    name: str
    says: str
    endings: tuple[str, ...]
    read: Read | None
    writer: Callable[[Any, Counts], FormatWriter]
    folder: bool = False
    entities: bool = True


_TEXT = (".txt", ".text")
FORMATS: dict[str, Format] = {
    one.name: one
    for one in (
        Format(
            "lines", "text, a document a line", _TEXT, plain_text.read_lines, plain_text.LinesWriter, entities=False
        ),
        Format("text", "text, a document a file", _TEXT, plain_text.read_text, plain_text.TextWriter, True, False),
        Format("jsonl", "JSON, an object a line", (".jsonl", ".ndjson", ".json"), json_lines.read, json_lines.Writer),
        Format("pubtator", "PubTator", (".pubtator", ".txt"), pubtator.read, pubtator.Writer),
        Format("bioc-xml", "BioC in XML", (".xml", ".bioc"), bioc_xml.read, bioc_xml.Writer),
        Format("bioc-json", "BioC in JSON", (".json",), bioc_json.read, bioc_json.Writer),
        Format("brat", "BRAT standoff, NAME.txt and NAME.ann", (".txt",), brat.read, brat.Writer, folder=True),
        Format("columns", "column files, a token a line", COLUMN_ENDINGS, columns.read, columns.Writer),
        Format("html", "an HTML page, to look at", (".html", ".htm"), None, html_page.Writer),
    )
}
"""Every format by its name."""

_PUBTATOR = re.compile(rb"\s*[^|\t\n]+\|[ta]\|")
_TAGGED = re.compile(r"\S.*[\t ](?:O|[BIESLU](?:-\S+)?)\s*")
_BY_ENDING = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".pubtator": "pubtator",
    ".xml": "bioc-xml",
    ".bioc": "bioc-xml",
    **dict.fromkeys(COLUMN_ENDINGS, "columns"),
}
del _BY_ENDING[".txt"]


def format_named(name: str) -> Format:
    """Return a format by its name.

    Raises:
        DocumentError: There is none of that name; the message has the nearest one.

    Example:
        >>> format_named("pubtater")
        Traceback (most recent call last):
        tfkd_base.documents.errors.DocumentError: there is no format 'pubtater': did you mean 'pubtator'?
    """
    if name not in FORMATS:
        raise DocumentError(f"there is no format {name!r}: {nearest(name, FORMATS)}")
    return FORMATS[name]


def detect_format(name: str, head: bytes) -> str:
    r"""Tell the format of a file by its name and what stands at its beginning.

    An ending that belongs to one format decides. Otherwise the content does: `ID|t|` is PubTator, XML is BioC, JSON is
    BioC if it has a list of documents and JSON lines if not, and lines that all end with a tag are a column
    file. All other text is taken to have a document a line, which for a BRAT file is known by the `.ann` beside it.

    Args:
        name: The name of the file, perhaps with `.gz`.
        head: The first bytes of its content, unpacked.

    Raises:
        DocumentError: It is none of the formats, by all that can be seen.

    Example:
        >>> detect_format("a.txt", b"7|t|Title\n"), detect_format("b.txt", b"Some text.")
        ('pubtator', 'lines')
    """
    plain = plain_name(Path(name))
    ending = Path(plain).suffix
    if ending in _BY_ENDING:
        return _BY_ENDING[ending]
    content = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if ending == ".json" or content[:1] in (b"{", b"["):
        is_bioc = any(word in head for word in (b'"documents"', b'"bioctype"', b'"PubTator3"'))
        return "bioc-json" if is_bioc else "jsonl"
    if content.startswith((b"<?xml", b"<collection", b"<!DOCTYPE collection")):
        return "bioc-xml"
    if _PUBTATOR.match(content):
        return "pubtator"
    if _is_tagged(content):
        return "columns"
    if b"\0" in head or ending not in ("", *_TEXT):
        raise DocumentError(
            f"{name}: cannot tell which format this is, by its name or its content; name one of {', '.join(FORMATS)}"
        )
    return "lines"


def _is_tagged(content: bytes) -> bool:
    lines = content.decode("utf-8", "replace").split("\n")[:50]
    lines = [line for line in (lines[:-1] if len(lines) > 1 else lines) if line.strip()]
    words = [line for line in lines if not line.startswith("-DOCSTART-")]
    return len(words) >= 2 and all(_TAGGED.fullmatch(line) for line in words)
