"""Files that are no documents in a known format: what they look like, and what to do with them."""

from __future__ import annotations

import csv
import io
import re
from itertools import pairwise
from pathlib import Path
from statistics import fmean

from tfkd_base.corpora.detection import describe_token_lists
from tfkd_base.documents.json_objects import MARK, json_shape

_EXTRACT = "extract its text"
_STARTS = (
    (b"%PDF-", f"a PDF file: {_EXTRACT}, for example with pdftotext {{name}}"),
    (b"PK\x03\x04", f"a ZIP archive or an Office document: unpack it, or {_EXTRACT}"),
    (b"\xd0\xcf\x11\xe0", f"a Word document: {_EXTRACT}, or save it as text"),
    (b"{\\rtf", f"a rich text document: {_EXTRACT}, or save it as text"),
    (b"BZh", "a bzip2 file: unpack it with bunzip2; gzip is read as it is"),
    (b"\xfd7zXZ", "an xz file: unpack it with unxz; gzip is read as it is"),
    (b"\x28\xb5\x2f\xfd", "a zstd file: unpack it with unzstd; gzip is read as it is"),
    (b"\xff\xfe", "text in UTF-16: convert it, for example with iconv -f UTF-16 -t UTF-8"),
    (b"\xfe\xff", "text in UTF-16: convert it, for example with iconv -f UTF-16 -t UTF-8"),
    (b"\x89PNG", "an image: recognize its text first"),
    (b"\xff\xd8\xff", "an image: recognize its text first"),
)
_HTML = re.compile(
    rb"(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html|head|body|div|p|h1)\b", re.IGNORECASE | re.DOTALL
)
_RIS = re.compile(rb"TY  - ")
TABLES = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
"""What separates the columns of a table, by the ending of its file"""
_JSON = (".json", ".txt", ".text", "")
_MARKDOWN = (".md", ".markdown", ".rst")
_LONG_CELL = 4.0
"""Mean number of words in a cell of a table of texts, at least"""
_NARROWEST = 20
"""Mean number of characters in the lines of a wrapped text, at least"""


def describe_binary(name: str, content: bytes) -> str | None:
    """Return what a file is that is no text in UTF-8, and what to do with it, or None.

    Args:
        name: The name of the file.
        content: Its first bytes.

    Example:
        >>> describe_binary("a.txt", b"%PDF-1.7")
        'this is a PDF file: extract its text, for example with pdftotext a.txt'
    """
    text = next((text for start, text in _STARTS if content.startswith(start)), None)
    return f"this is {text.format(name=Path(name).name or 'FILE')}" if text else None


def describe_other(name: str, ending: str, content: bytes) -> str | None:
    """Return what a file looks like that is in none of the formats of documents, and what to do with it, or None.

    Args:
        name: The name of the file.
        ending: Its ending in lower case, without `.gz`.
        content: Its first bytes.

    Example:
        >>> describe_other("a.md", ".md", b"# Title")
        'this looks like Markdown or reStructuredText: read it as one text with the format text (--from text)'
    """
    binary = describe_binary(name, content)
    if binary is not None:
        return binary
    start = content.removeprefix(MARK).lstrip()
    if is_web_page(start):
        return (
            "this looks like a web page (HTML): extract its text, for example with "
            f"lynx -dump {Path(name).name or 'FILE'}, and read it with the format text (--from text)"
        )
    if _RIS.match(start):
        return "this looks like a list of references (RIS): export it in the format PubMed (.nbib) instead"
    if ending in _MARKDOWN:
        return "this looks like Markdown or reStructuredText: read it as one text with the format text (--from text)"
    shape = json_shape(start)
    if shape.kind is not None and ending in _JSON:
        keys = f" whose objects have the keys {', '.join(shape.keys[:8])}" if shape.keys else ""
        text = next((key for key in ("abstract", "body", "content", "sentence") if key in shape.keys), "abstract")
        each = ".[] | " if shape.kind == "list" else ""
        if token_lists := describe_token_lists(shape.keys, each):
            return f"this is JSON{keys}: {token_lists}"
        return (
            f"this is JSON{keys}, and in none of the formats of documents: write one object per line, such as "
            f"""{{"id": "7", "text": "..."}}, for example with jq -c '{each}{{text: .{text}}}' {Path(name).name}"""
        )
    return _describe_table(name, ending, content)


def is_web_page(content: bytes) -> bool:
    """Tell whether a file is HTML or XHTML.

    Args:
        content: The beginning of the file, without byte order mark and leading white space.
    """
    return _HTML.match(content) is not None


def _describe_table(name: str, ending: str, content: bytes) -> str | None:
    """Describe a table of texts."""
    delimiter = TABLES.get(ending)
    if delimiter is None:
        return None
    text = content.removeprefix(MARK).decode("utf-8", "replace")
    if delimiter == "," and text.split("\n", 1)[0].count(";") > text.split("\n", 1)[0].count(","):
        delimiter = ";"
    try:
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row][:50]
    except csv.Error:
        rows = []
    words = [max(len(cell.split()) for cell in row) for row in rows[1:] or rows]
    if ending != ".csv" and (not words or fmean(words) < _LONG_CELL):
        return None
    header = ", ".join(cell.strip()[:30] for cell in rows[0][:8]) if rows else ""
    argument = "" if delimiter == "," else f", delimiter={delimiter!r}"
    stem = Path(name).name.partition(".")[0] or "documents"
    longest = max(range(len(rows[-1])), key=lambda i: len(rows[-1][i])) if rows else 0
    column = rows[0][longest].strip() if rows and longest < len(rows[0]) and len(rows) > 1 else "text"
    return (
        f"this looks like a table with the columns {header}: write it as JSON lines, for example with python -c "
        f'\'import csv, json, sys; [print(json.dumps({{"text": row[{json_string(column)}]}})) for row in '
        f"csv.DictReader(sys.stdin{argument.replace(chr(39), chr(34))})]' < {Path(name).name or 'FILE'} > {stem}.jsonl"
    )


def json_string(text: str) -> str:
    """Return a text in double quotes for a line of Python in single quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("'", "\\x27") + '"'


def looks_wrapped(content: bytes) -> bool:
    r"""Tell whether lines look like those of a text that is wrapped, and not like a document each.

    Args:
        content: The beginning of the text.

    Example:
        >>> looks_wrapped(b"Loss of BRCA1 was seen in\nmost of the tumours that were\nexamined in this study.\n")
        True
        >>> looks_wrapped(b"Loss of BRCA1 in tumours\nTP53 and nausea\nThe role of IL-2\n")
        False
    """
    lines = [line.strip() for line in content.decode("utf-8", "replace").splitlines()]
    pairs = [(one, two) for one, two in pairwise(lines) if one and two]
    if len(pairs) < 2 or fmean(len(one) for one, _ in pairs) < _NARROWEST:
        return False
    continued = [one[-1] not in ".!?:" and (two[0].islower() or two[0] in "(0123456789") for one, two in pairs]
    open_ends = [one[-1] not in ".!?" for one, _ in pairs]
    return fmean(continued) >= 0.4 and fmean(open_ends) >= 0.6
