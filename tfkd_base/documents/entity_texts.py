"""Comparison of the text that a file gives for an entity with the text at its offsets."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

Places = tuple[tuple[int, int], ...]
"""Start and end of each fragment"""
DIFFERENT, ALMOST, EQUAL = range(3)
_ELLIPSIS = re.compile(r"\s*(?:\[\s*(?:\.\.\.|\u2026)\s*\]|\.\.\.|\u2026)\s*")
_SPACE = re.compile(r"\s+")


def compare_texts(
    text: str, located: Places, given: str | None, plain: Callable[[str], str] | None = None
) -> tuple[int, Places, int]:
    """Compare the text at some places with the one that a file gives for an entity.

    Args:
        text: The text of the document.
        located: The places, in the order of the file.
        given: The text of the file. None is equal to any text.
        plain: What was done to the text before that of the entity was cut from it.

    Returns:
        Whether the texts are `EQUAL`, `ALMOST` equal (white space, ellipses and normalisation aside) or `DIFFERENT`;
        the places in order, overlapping ones merged; and the number of ellipses that were replaced by fragments.

    Example:
        >>> compare_texts("breast and ovarian cancer", ((0, 25),), "breast ... cancer")
        (1, ((0, 6), (19, 25)), 1)
    """
    in_order = _merge(located)
    if given is None:
        return EQUAL, in_order, 0
    parts = [text[start:end] for start, end in located]
    forms = [" ".join(parts), "".join(parts), " ".join(text[start:end] for start, end in in_order)]
    forms.append(text[in_order[0][0] : in_order[-1][1]])
    if plain is not None:
        normalised = [plain(form) for form in forms]
        is_same = any(_strip(form) == _strip(given) for form in (*normalised, *forms))
        return (ALMOST if is_same else DIFFERENT), in_order, 0
    if given in forms:
        return EQUAL, in_order, 0
    if any(_strip(form) == _strip(given) for form in forms):
        return ALMOST, in_order, 0
    if _ELLIPSIS.search(given):
        pieces = [piece for piece in _ELLIPSIS.split(given) if piece]
        if len(located) > 1 and _strip("".join(pieces)) in {_strip(form) for form in forms}:
            return ALMOST, in_order, 0
        found = _find_pieces(text, in_order[0], pieces) if len(in_order) == 1 else None
        if found is not None:
            return ALMOST, found, 1
    return DIFFERENT, in_order, 0


def _find_pieces(text: str, span: tuple[int, int], pieces: Sequence[str]) -> Places | None:
    """Return where the pieces of a text with ellipses are in a span that they begin and end, or None."""
    start, end = span
    if len(pieces) < 2 or not text.startswith(pieces[0], start) or not text.endswith(pieces[-1], start, end):
        return None
    places = [(start, start + len(pieces[0]))]
    for piece in pieces[1:-1]:
        place = text.find(piece, places[-1][1], end - len(pieces[-1]))
        if place < 0:
            return None
        places.append((place, place + len(piece)))
    last = end - len(pieces[-1])
    return (*places, (last, end)) if places[-1][1] <= last else None


def _merge(places: Places) -> Places:
    """Return places in order, with overlapping ones merged."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(places):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return tuple(merged)


def join_lines(text: str, places: Places) -> Places:
    """Return places in order, with those joined that only line breaks are between."""
    joined = [places[0]]
    for start, end in places[1:]:
        gap = text[joined[-1][1] : start]
        if "\n" in gap and not gap.strip("\r\n"):
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return tuple(joined)


def _strip(text: str) -> str:
    return _SPACE.sub("", text)
