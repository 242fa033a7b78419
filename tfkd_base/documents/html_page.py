"""A self-contained HTML page that shows documents with their entities in colour."""

from __future__ import annotations

import html
import itertools
import re
from collections import Counter
from typing import IO

from tfkd_base.documents.document import Counts, Document, Entity, count_infons
from tfkd_base.documents.formats import FORMATS, DocumentFormat, FormatWriter
from tfkd_base.wording import count_of

_HUES = (210, 25, 130, 330, 275, 60, 175, 0, 240, 95, 300, 45)
_NOT_IN_HTML = re.compile("[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufdd0-\ufdef\ufffe\uffff]")

_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Annotated documents</title>
<style>
:root { color-scheme: light dark; --paper: #fff; --ink: #1c1c1e; --faint: #6b6b70; --line: #dcdce0;
  --l: 88%; --s: 85%; --edge: 38% }
@media (prefers-color-scheme: dark) {
  :root { --paper: #17181b; --ink: #e9e9ec; --faint: #9b9ba3; --line: #35363c; --l: 25%; --s: 45%; --edge: 72% }
}
* { box-sizing: border-box }
body { display: flex; flex-direction: column; max-width: 46rem; margin: 0 auto; padding: 1rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.75 system-ui, sans-serif; overflow-wrap: anywhere }
#legend { order: -1; position: sticky; top: 0; padding: .5rem 0; background: var(--paper);
  border-bottom: 1px solid var(--line); font-size: .9rem }
#legend mark { margin-right: .6rem; white-space: nowrap }
#legend small { color: inherit }
.note { font-weight: 600; color: hsl(25 90% var(--edge)) }
article { padding: 1rem 0; border-bottom: 1px solid var(--line) }
h2 { margin: 0; font-size: .85rem; font-weight: 600; color: var(--faint) }
.text { white-space: pre-wrap }
mark { padding: .1em .15em; border-radius: .25em; color: inherit; background: hsl(var(--h) var(--s) var(--l));
  box-decoration-break: clone; -webkit-box-decoration-break: clone;
  border-bottom: 2px solid hsl(var(--h) 60% var(--edge)) }
mark[data-type]::after { content: attr(data-type); margin-left: .3em; font-size: .68em; font-weight: 600;
  letter-spacing: .02em; color: hsl(var(--h) 60% var(--edge)); vertical-align: .1em; user-select: none }
"""
_BODY = "</style>\n</head>\n<body>\n"


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
        self._types: Counter[str] = Counter()
        self._documents = 0
        self._notes: list[str] = []
        hues = "".join(f".t{number} {{ --h: {hue} }}\n" for number, hue in enumerate(_HUES))
        stream.write((_HEAD + hues + _BODY).encode())

    def add_note(self, text: str) -> None:
        """Add a note, which is shown at the top."""
        self._notes.append(text)

    def write(self, document: Document) -> None:
        """Write one document."""
        self._documents += 1
        count_infons(document, self._counts, holds_identifiers=True)
        for entity in document.entities:
            self._types[entity.type] += 1
        self._stream.write(
            f'<article>\n<h2 dir="auto">{self._escape(document.id)}</h2>\n'
            f'<div class="text" dir="auto">{self._mark_entities(document)}</div>\n</article>\n'.encode()
        )

    def _mark_entities(self, document: Document) -> str:
        """Return the text, cut where entities start or end, each piece within the marks of its entities."""
        parts = [(start, end, entity) for entity in document.entities for start, end in entity.parts]
        parts.sort(key=lambda part: (part[0], -part[1]))
        cuts = sorted({0, len(document.text), *(p[0] for p in parts), *(p[1] for p in parts)})
        pieces: list[str] = []
        open_parts: list[tuple[int, int, Entity]] = []
        upcoming = iter([*parts, None])
        upcoming_part = next(upcoming)
        for start, end in itertools.pairwise(cuts):
            open_parts = [part for part in open_parts if part[1] > start]
            while upcoming_part is not None and upcoming_part[0] == start:
                open_parts.append(upcoming_part)
                upcoming_part = next(upcoming)
            # The longest is outermost.
            around = sorted(open_parts, key=lambda part: (part[0] - part[1], part[0]))
            before = "".join(self._mark(entity, last=stop == end) for _, stop, entity in around)
            pieces += [before, self._escape(document.text[start:end]), "</mark>" * len(around)]
        return "".join(pieces)

    def _mark(self, entity: Entity, *, last: bool) -> str:
        number = list(self._types).index(entity.type) % len(_HUES)
        facts = [entity.type, entity.identifier, None if entity.score is None else f"{entity.score:.3f}"]
        title = self._escape(", ".join(fact for fact in facts if fact))
        label = f' data-type="{self._escape(entity.type)}"' if last else ""
        return f'<mark class="t{number}" title="{title}"{label}>'

    def _escape(self, text: str) -> str:
        clean, changes = _NOT_IN_HTML.subn("\ufffd", text)
        self._counts["characters that HTML cannot hold, shown as U+FFFD"] += changes
        # Browsers read a plain carriage return as a line feed.
        return html.escape(clean).replace("\r", "&#13;")

    def close(self) -> None:
        """Write the legend, which the style sheet moves to the top, and end the page."""
        marks = " ".join(
            f'<mark class="t{number % len(_HUES)}">{self._escape(kind)} <small>{count:,}</small></mark>'
            for number, (kind, count) in enumerate(self._types.items())
        )
        size = count_of(self._documents, "document")
        notes = "".join(f'<div class="note">{self._escape(note)}</div>' for note in self._notes)
        self._stream.write(
            f'<div id="legend">{marks or "no entities"} <small>{size}</small>{notes}</div>\n</body>\n</html>\n'.encode()
        )
