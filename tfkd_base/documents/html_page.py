"""A self-contained HTML page that shows documents with their entities in colour."""

from __future__ import annotations

from typing import IO

from tfkd_base.documents.document import Counts, Document, count_infons
from tfkd_base.documents.formats import FORMATS, DocumentFormat, FormatWriter
from tfkd_base.documents.html_marks import STYLE, EntityMarks
from tfkd_base.wording import count_of

_HEAD = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Annotated documents</title>
<style>
{STYLE}#legend {{ order: -1; position: sticky; top: 0; padding: .5rem 0; background: var(--paper);
  border-bottom: 1px solid var(--line); font-size: .9rem }}
article {{ padding: 1rem 0; border-bottom: 1px solid var(--line) }}
</style>
</head>
<body>
"""


@FORMATS.register("html")
class HtmlPage(DocumentFormat):
    """An HTML page that shows documents with their entities in colour."""

    description = "an HTML page, to look at"
    endings = (".html", ".htm")
    is_readable = False

    def stream_writer(self, stream: IO[bytes], counts: Counts) -> FormatWriter:
        """Return a writer of a page."""
        return _Writer(stream, counts)


class _Writer(FormatWriter):
    """Writer of a page: an article for each document, and a legend with the number of entities of each type.

    The content of `.text` is the text of the document, unchanged; the style sheet adds the labels.
    """

    def __init__(self, stream: IO[bytes], counts: Counts) -> None:
        self._stream = stream
        self._counts = counts
        self._marks = EntityMarks(counts)
        self._documents = 0
        self._notes: list[str] = []
        stream.write(_HEAD.encode())

    def add_note(self, text: str) -> None:
        """Add a note, which is shown at the top."""
        self._notes.append(text)

    def write(self, document: Document) -> None:
        """Write one document."""
        self._documents += 1
        count_infons(document, self._counts, holds_identifiers=True)
        self._stream.write(
            f'<article>\n<h2 dir="auto">{self._marks.escape(document.id)}</h2>\n'
            f'<div class="text" dir="auto">{self._marks.mark(document)}</div>\n</article>\n'.encode()
        )

    def close(self) -> None:
        """Write the legend, which the style sheet moves to the top, and end the page."""
        size = count_of(self._documents, "document")
        notes = "".join(f'<div class="note">{self._marks.escape(note)}</div>' for note in self._notes)
        self._stream.write(
            f'<div id="legend">{self._marks.legend() or "no entities"} <small>{size}</small>{notes}</div>\n'
            "</body>\n</html>\n".encode()
        )
