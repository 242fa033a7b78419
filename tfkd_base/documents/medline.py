"""MEDLINE's text format: what PubMed exports as `.nbib` or `pubmed-....txt`, with title and abstract."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO

from tfkd_base.documents.document import BrokenDocument, Counts, Document, FaultError
from tfkd_base.documents.formats import FORMATS, LineFormat
from tfkd_base.documents.json_objects import MARK
from tfkd_base.documents.pubmed import OTHER_ABSTRACTS, UNNAMED
from tfkd_base.documents.sections import join_passages, plain_text
from tfkd_base.files import read_lines

_FIRST = b"PMID-"
_BEGINNING = re.compile(rb"PMID- *\d")
_FIELD = re.compile(r"([A-Z][A-Z0-9]{0,3}) *-(?: (.*))?")
_CONTINUATION = re.compile(r" {6}|\t")
_TITLES = ("TI", "TT", "BTI")
"""Fields of the title: of the article, in its own language, of a book"""

Record = list[tuple[int, bytes]]


@FORMATS.register("medline")
class Medline(LineFormat):
    """MEDLINE or nbib, as PubMed exports a search: a document is a citation, with its title and its abstract."""

    description = "MEDLINE or nbib, as PubMed exports a search"
    endings = (".nbib", ".medline", ".txt")
    has_entities = False
    is_writable = False
    priority = -3

    def recognizes(self, ending: str, content: bytes) -> bool:
        """Recognize a PMID in the first line."""
        return _BEGINNING.match(content) is not None

    def starts_document(self, previous: bytes, line: bytes) -> bool:
        """Tell whether the line is the first after blank ones, or has a PMID."""
        line, previous = line.removeprefix(MARK), previous.removeprefix(MARK)
        return bool(line.strip()) and (not previous.strip() or line.startswith(_FIRST))

    def drop_partial(self, lines: list[bytes]) -> list[bytes]:
        """Drop the lines from the start of the last document on: it may be incomplete."""
        starts = [i for i, line in enumerate(lines) if self.starts_document(lines[i - 1] if i else b"", line)]
        return lines[: starts[-1]] if starts else []

    def read(
        self, stream: IO[bytes], source: str, counts: Counts, first_line: int = 1
    ) -> Iterator[Document | BrokenDocument]:
        r"""Read the citations one by one; a broken one ends at the next blank line or PMID.

        Example:
            >>> import io
            >>> stream = io.BytesIO(b"PMID- 7\nTI  - Loss of\n      BRCA1.\nAB  - It causes cancer.\n")
            >>> next(Medline().read(stream, "x", Counts())).text
            'Loss of BRCA1. It causes cancer.'
        """
        for number, record in enumerate(self._records(stream, first_line), 1):
            try:
                yield _document(record, counts)
            except FaultError as fault:
                raw = b"".join(line for _, line in record)
                yield BrokenDocument(source, fault.reason, raw, line=fault.line, number=number)

    def _records(self, stream: IO[bytes], first_line: int) -> Iterator[Record]:
        """Yield the lines of each record, with their numbers."""
        record: Record = []
        previous = b""
        for number, line in enumerate(read_lines(stream), first_line):
            if number == 1:
                line = line.removeprefix(MARK)
            if record and self.starts_document(previous, line):
                yield record
                record = []
            if line.strip():
                record.append((number, line))
            previous = line
        if record:
            yield record


def _document(record: Record, counts: Counts) -> Document:
    fields: dict[str, list[str]] = {}
    values: list[str] = []
    for number, raw in record:
        try:
            line = raw.rstrip(b"\r\n").decode()
        except UnicodeDecodeError:
            raise FaultError("not UTF-8; convert the file, for example with iconv -t UTF-8", number) from None
        match = _FIELD.fullmatch(line)
        if match:
            values = fields.setdefault(match[1], [])
            values.append(match[2] or "")
        elif values and _CONTINUATION.match(line):
            values[-1] += " " + line
        else:
            raise FaultError(
                f"expected a field such as 'TI  - ', or six spaces and the rest of a field, got {line[:60]!r}", number
            )
    name = plain_text(" ".join(fields.get("PMID", [])[:1]))
    counts[UNNAMED] += not name
    counts[OTHER_ABSTRACTS] += len(fields.get("OAB", []))
    titles = (plain_text(" ".join(fields.get(tag, []))) for tag in _TITLES)
    abstracts = [("abstract", plain_text(text)) for text in fields.get("AB", [])]
    return join_passages(name or str(record[0][0]), [("title", next(filter(None, titles), "")), *abstracts])
