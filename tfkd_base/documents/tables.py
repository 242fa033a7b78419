"""Tables of entities for spreadsheets: a row for each entity, as CSV or TSV."""

from __future__ import annotations

import codecs
import csv
import io
from bisect import bisect_left, bisect_right
from typing import IO, ClassVar

from tfkd_base.documents.document import Counts, Document, Entity, count_infons
from tfkd_base.documents.formats import FORMATS, DocumentFormat, FormatWriter

HEADER = ("document", "start", "end", "text", "type", "score", "sentence")
FORMULAS = "cells written after an apostrophe, because a spreadsheet could run them as formulas"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class _Table(DocumentFormat):
    """A table of entities, with the sentence of each."""

    is_readable = False
    has_tokens = True
    delimiter: ClassVar[str]
    line_end: ClassVar[str]
    mark: ClassVar[bytes] = b""

    def stream_writer(self, stream: IO[bytes], counts: Counts) -> FormatWriter:
        """Return a writer of a table."""
        return _Writer(stream, counts, self)


@FORMATS.register("csv")
class CsvTable(_Table):
    """CSV as Excel reads it: UTF-8 with a byte order mark, and lines that end with CRLF."""

    description = "CSV, an entity a row"
    endings = (".csv",)
    delimiter = ","
    line_end = "\r\n"
    mark = codecs.BOM_UTF8


@FORMATS.register("tsv")
class TsvTable(_Table):
    """TSV: UTF-8 without a byte order mark, and lines that end with LF."""

    description = "TSV, an entity a row"
    endings = (".tab",)
    delimiter = "\t"
    line_end = "\n"


class _Writer(FormatWriter):
    r"""Writer of a header and a row for each entity. A document without entities has no row.

    Cells with separators, quotes or line breaks are quoted (RFC 4180). A cell that begins with `=`, `+`, `-`, `@`, a
    tab or a carriage return gets an apostrophe before it, so that no spreadsheet takes it for a formula.
    """

    def __init__(self, stream: IO[bytes], counts: Counts, table: _Table) -> None:
        self._stream = stream
        self._counts = counts
        self._table = table
        stream.write(table.mark + self._encode([HEADER]))

    def write(self, document: Document) -> None:
        """Write the rows of one document."""
        sentences = _Sentences(document)
        self._stream.write(self._encode([self._row(document, entity, sentences) for entity in document.entities]))
        counts = self._counts
        counts["discontinuous entities written as one span from first to last character"] += sum(
            bool(entity.fragments) for entity in document.entities
        )
        counts["ids and identifiers of entities dropped"] += sum(
            value is not None for entity in document.entities for value in (entity.id, entity.identifier)
        )
        count_infons(document, counts)

    def _row(self, document: Document, entity: Entity, sentences: _Sentences) -> tuple[str | int | float, ...]:
        text = document.text[entity.start : entity.end]
        sentence = document.text[slice(*sentences.around(entity))]
        score = "" if entity.score is None else entity.score
        id, text, type, sentence = map(self._defuse, (document.id, text, entity.type, sentence))
        return id, entity.start, entity.end, text, type, score, sentence

    def _defuse(self, text: str) -> str:
        if not text.startswith(_FORMULA_STARTS):
            return text
        self._counts[FORMULAS] += 1
        return f"'{text}"

    def _encode(self, rows: list[tuple[str | int | float, ...]]) -> bytes:
        text = io.StringIO(newline="")
        csv.writer(text, delimiter=self._table.delimiter, lineterminator=self._table.line_end).writerows(rows)
        return text.getvalue().encode()


class _Sentences:
    """Start and end of the sentences of a document; of its passages, if it is not cut into tokens."""

    def __init__(self, document: Document) -> None:
        spans = [(tokens[0][0], tokens[-1][1]) for tokens in document.sentences if tokens]
        spans = spans or [(passage.start, passage.end) for passage in document.passages]
        self._starts = [start for start, _ in spans]
        self._ends = [end for _, end in spans]

    def around(self, entity: Entity) -> tuple[int, int]:
        """Return start and end of the sentences that an entity touches, and of the entity if there are none."""
        first, last = bisect_right(self._ends, entity.start), bisect_left(self._starts, entity.end)
        if first >= last:
            return entity.start, entity.end
        return min(self._starts[first], entity.start), max(self._ends[last - 1], entity.end)
