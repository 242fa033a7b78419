"""Entities in colour, as HTML: marks in the text, a legend, and their style sheet."""

from __future__ import annotations

import html
import itertools
import re
from collections import Counter

from tfkd_base.documents.document import Counts, Document, Entity

_HUES = (210, 25, 130, 330, 275, 60, 175, 0, 240, 95, 300, 45)
_NOT_IN_HTML = re.compile("[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufdd0-\ufdef\ufffe\uffff]")

STYLE = """:root { color-scheme: light dark; --paper: #fff; --ink: #1c1c1e; --faint: #6b6b70; --line: #dcdce0;
  --l: 88%; --s: 85%; --edge: 38% }
@media (prefers-color-scheme: dark) {
  :root { --paper: #17181b; --ink: #e9e9ec; --faint: #9b9ba3; --line: #35363c; --l: 25%; --s: 45%; --edge: 72% }
}
* { box-sizing: border-box }
body { display: flex; flex-direction: column; max-width: 46rem; margin: 0 auto; padding: 1rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.75 system-ui, sans-serif; overflow-wrap: anywhere }
#legend mark { margin-right: .6rem; white-space: nowrap }
#legend small { color: inherit }
.note { font-weight: 600; color: hsl(25 90% var(--edge)) }
h2 { margin: 0; font-size: .85rem; font-weight: 600; color: var(--faint) }
.text { white-space: pre-wrap }
mark { padding: .1em .15em; border-radius: .25em; color: inherit; background: hsl(var(--h) var(--s) var(--l));
  box-decoration-break: clone; -webkit-box-decoration-break: clone;
  border-bottom: 2px solid hsl(var(--h) 60% var(--edge)) }
mark[data-type]::after { content: attr(data-type); margin-left: .3em; font-size: .68em; font-weight: 600;
  letter-spacing: .02em; color: hsl(var(--h) 60% var(--edge)); vertical-align: .1em; user-select: none }
""" + "".join(f".t{number} {{ --h: {hue} }}\n" for number, hue in enumerate(_HUES))
"""The style sheet of pages with marks: light or dark, as the reader's system is."""


class EntityMarks:
    """Writer of marks. Each entity type has a colour, in the order in which the types occur.

    Args:
        counts: Receives the number of characters that HTML cannot hold.

    Example:
        >>> marks = EntityMarks(Counts())
        >>> marks.mark(Document("1", "No cancer.", (Entity(3, 9, "X", score=0.9),)))
        'No <mark class="t0" title="X, 0.900" data-type="X">cancer</mark>.'
        >>> marks.legend()
        '<mark class="t0">X <small>1</small></mark>'
    """

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._types: Counter[str] = Counter()

    def escape(self, text: str) -> str:
        """Return a text as it can stand in HTML and in an attribute."""
        clean, changes = _NOT_IN_HTML.subn("\ufffd", text)
        self._counts["characters that HTML cannot hold, shown as U+FFFD"] += changes
        # Browsers read a plain carriage return as a line feed.
        return html.escape(clean).replace("\r", "&#13;")

    def mark(self, document: Document) -> str:
        """Return the text, cut where entities start or end, each piece within the marks of its entities."""
        for entity in document.entities:
            self._types[entity.type] += 1
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
            before = "".join(self._open_mark(entity, last=stop == end) for _, stop, entity in around)
            pieces += [before, self.escape(document.text[start:end]), "</mark>" * len(around)]
        return "".join(pieces)

    def style_class(self, type: str) -> str:
        """Return the class of a type that occurred in a document."""
        return f"t{list(self._types).index(type) % len(_HUES)}"

    def _open_mark(self, entity: Entity, *, last: bool) -> str:
        facts = [entity.type, entity.identifier, None if entity.score is None else f"{entity.score:.3f}"]
        title = self.escape(", ".join(fact for fact in facts if fact))
        label = f' data-type="{self.escape(entity.type)}"' if last else ""
        return f'<mark class="{self.style_class(entity.type)}" title="{title}"{label}>'

    def legend(self) -> str:
        """Return a mark for each type with the number of its entities so far; empty without entities."""
        return " ".join(
            f'<mark class="{self.style_class(type)}">{self.escape(type)} <small>{count:,}</small></mark>'
            for type, count in self._types.items()
        )
