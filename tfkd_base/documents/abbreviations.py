"""Abbreviations that a text defines, such as `Duchenne muscular dystrophy (DMD)`.

The definitions are found by the algorithm of Schwartz and Hearst (2003), "A simple algorithm for identifying
abbreviation definitions in biomedical text", Pacific Symposium on Biocomputing 8, 451-462.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tfkd_base.documents.document import Counts, Document, Entity
from tfkd_base.documents.overlaps import Intervals

Span = tuple[int, int]
"""Start and end, in code points."""

_PARENTHESES = re.compile(r"\(([^()]{1,400})\)|\[([^\[\]]{1,400})\]")
_CUT = re.compile(r"[.,;]\s|\n\s*\n")
"""The end of a sentence, a comma or a paragraph: a long form does not continue across it."""
ADDED = "short forms added as entities"
CHANGED = "short forms that took the type of their long form"
_QUOTES = "\"'`‘’“”"
_WORD = re.compile(r"\S+")
_LONGEST_SHORT = 10
"""Characters of a short form at most."""
_WINDOW = 400
"""Characters before a parenthesis in which its long form may lie: 15 words at most."""


@dataclass(frozen=True, slots=True)
class Abbreviation:
    """A short form and the long form that defines it, as places in a text.

    Attributes:
        short: Start and end of the short form.
        long: Start and end of the long form.
    """

    short: Span
    long: Span


def find_abbreviations(text: str) -> list[Abbreviation]:
    """Find the abbreviations that a text defines, in the order of their parentheses.

    Both `long form (short form)` and `short form (long form)` are definitions. A short form has 2 to 10 characters in
    at most two words, a letter, and a letter or digit first. Its letters and digits occur in the long form in the same
    order, the first at the start of a word. The long form has at most `min(n + 5, 2 n)` words, where `n` is the number
    of letters and digits of the short form.

    Args:
        text: A text, such as a passage of a document.

    Example:
        >>> text = "Heat shock protein (HSP) binds to HSF (heat shock factor)."
        >>> [(text[slice(*a.short)], text[slice(*a.long)]) for a in find_abbreviations(text)]
        [('HSP', 'Heat shock protein'), ('HSF', 'heat shock factor')]
    """
    return list(_find(text))


def _find(text: str) -> Iterator[Abbreviation]:
    for match in _PARENTHESES.finditer(text):
        inner = _strip(text, *match.span(match.lastindex or 0))
        cut = _CUT.search(text, *inner)
        part = _strip(text, inner[0], cut.start() if cut else inner[1])
        before = _words_before(text, match.start())
        if not before:
            continue
        if _is_short_form(text[slice(*part)]):
            short, size = part, _size(text[slice(*part)])
            candidate = before[-min(size + 5, 2 * size) :]
            long = _find_long_form(text, short, (candidate[0][0], candidate[-1][1]))
        else:
            # The other order: the word before the parenthesis is the short form.
            short = _strip(text, *before[-1])
            form = text[slice(*short)]
            has_capital = any(letter.isupper() for letter in form)
            long = _find_long_form(text, short, part) if has_capital and _is_short_form(form) else None
        if long is not None:
            yield Abbreviation(short, long)


def _strip(text: str, start: int, end: int) -> Span:
    """Return a span without white space and quotation marks at its ends."""
    while start < end and (text[start].isspace() or text[start] in _QUOTES):
        start += 1
    while start < end and (text[end - 1].isspace() or text[end - 1] in _QUOTES):
        end -= 1
    return start, end


def _is_short_form(form: str) -> bool:
    return (
        2 <= len(form) <= _LONGEST_SHORT
        and len(form.split()) <= 2
        and form[0].isalnum()
        and any(map(str.isalpha, form))
        and _size(form) >= 2
    )


def _size(form: str) -> int:
    """Return the number of letters and digits of a short form."""
    return sum(map(str.isalnum, form))


def _words_before(text: str, parenthesis: int) -> list[Span]:
    """Return the words before a parenthesis, back to the start of the sentence or of the window."""
    start = max(0, parenthesis - _WINDOW)
    while 0 < start < parenthesis and not text[start - 1].isspace():
        start += 1  # not in the middle of a word
    for cut in _CUT.finditer(text, start, parenthesis):
        start = cut.end()
    return [word.span() for word in _WORD.finditer(text, start, parenthesis)]


def _find_long_form(text: str, short: Span, candidate: Span) -> Span | None:
    """Return the shortest long form at the end of a candidate that has the letters of a short form in their order.

    Letters are matched from the right to the left; the first one must start a word.
    """
    form, (first, end) = text[slice(*short)], candidate
    at = end - 1
    for number in reversed(range(len(form))):
        letter = form[number].lower()
        if not letter.isalnum():
            continue
        while at >= first and (text[at].lower() != letter or (number == 0 and at > first and text[at - 1].isalnum())):
            at -= 1
        if at < first:
            return None
        at -= 1
    start = at + 1
    while start > first and not text[start - 1].isspace():
        start -= 1
    start, end = _strip(text, start, end)
    long = text[start:end]
    words = [word for word in re.split(r"[\s-]+", long) if word]
    fits = len(long) > len(form) and len(words) <= min(_size(form) + 5, 2 * _size(form))
    return (start, end) if fits and form not in long.split() and not long.endswith(form) else None


def type_short_forms(document: Document, entities: Iterable[Entity], counts: Counts) -> list[Entity]:
    """Give short forms the types of their long forms, everywhere in a document.

    A definition counts if its long form is an entity, from the first to the last character. Each occurrence of the
    short form, as a whole word with the same capitals, becomes an entity of the same type and score, unless an entity
    overlaps it. An entity of another type at the very place of a short form takes the type of the long form. If a short
    form is defined twice, the first definition with an entity counts.

    Args:
        document: The document.
        entities: The entities found in it.
        counts: Receives the number of entities that are added, and of those that get another type.

    Returns:
        The entities, sorted by their place if one was added.

    Example:
        >>> document = Document("1", "Duchenne muscular dystrophy (DMD) is rare. DMD is severe.")
        >>> entities = type_short_forms(document, [Entity(0, 27, "Disease", score=0.9)], counts := Counts())
        >>> [document.text_of(entity) for entity in entities]
        ['Duchenne muscular dystrophy', 'DMD', 'DMD']
        >>> dict(counts)
        {'short forms added as entities': 2, 'short forms that took the type of their long form': 0}
    """
    found = list(entities)
    definitions = _entities_of_long_forms(document, found)
    if not definitions:
        return found
    by_place: defaultdict[Span, list[Entity]] = defaultdict(list)
    for entity in found:
        by_place[entity.start, entity.end].append(entity)
    covered = Intervals(part for entity in found for part in entity.parts)
    forms = "|".join(re.escape(form) for form in sorted(definitions, key=len, reverse=True))
    new: list[Entity] = []
    changed: set[int] = set()
    for match in re.finditer(rf"(?<![^\W_])(?:{forms})(?![^\W_])", document.text):
        start, end = match.span()
        typed = {entity.type: Entity(start, end, entity.type, score=entity.score) for entity in definitions[match[0]]}
        in_place = by_place.get((start, end), [])
        others = [entity for entity in in_place if entity.type not in typed]
        if others:
            changed.update(map(id, others))
            new += [entity for type, entity in typed.items() if type not in {other.type for other in in_place}]
        elif not covered.overlaps(start, end):
            new += typed.values()
            counts[ADDED] += len(typed)
    counts[CHANGED] += len(changed)
    if not new and not changed:
        return found
    return sorted(
        [*(entity for entity in found if id(entity) not in changed), *new], key=lambda e: (e.start, e.end, e.type)
    )


def _entities_of_long_forms(document: Document, entities: Iterable[Entity]) -> dict[str, list[Entity]]:
    """Return the entities that are the long form of each short form."""
    by_place: defaultdict[Span, list[Entity]] = defaultdict(list)
    for entity in entities:
        by_place[entity.start, entity.end].append(entity)
    definitions: dict[str, list[Entity]] = {}
    for passage in document.passages:
        shift = passage.start
        for abbreviation in find_abbreviations(document.text[passage.start : passage.end]):
            (start, end), long = abbreviation.short, abbreviation.long
            of_long = by_place.get((shift + long[0], shift + long[1]))
            if of_long:
                definitions.setdefault(document.text[shift + start : shift + end], of_long)
    return definitions
