"""The units in which a file counts the offsets of its entities, and the functions that measure a text in them."""

from __future__ import annotations

import functools
import html
import itertools
import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from tfkd_base.documents.document import DocumentError

OffsetName = Literal["characters", "detect", "bytes", "utf16", "passage", "ascii", "escaped", "from-one", "joined"]
"""What `offsets` can be: a unit, or `detect` for the one that fits the entities of each document"""
CHARACTERS = "characters"
DETECT = "detect"
_GREEK = re.compile(r"GREEK (SMALL|CAPITAL) LETTER (?:FINAL )?(\w+)")
_QUOTES = {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2032": "'", "\u2033": '"'}


@dataclass(frozen=True, slots=True)
class Unit:
    """A way to count offsets.

    Attributes:
        name: The name of the option that reads it.
        label: What is counted, in words.
        widths: The width of each character of a text. Default: 1 each.
        shift: What is added to the stated start and end before they are looked up.
        gap: Number of characters that are counted between two passages. Default: those of the text.
        relative: Whether offsets start again in each passage, or in each sentence.
        plain: How the text was changed before an entity's text was cut from it. Default: not at all.
    """

    name: str
    label: str
    widths: Callable[[str], Iterable[int]] | None = None
    shift: tuple[int, int] = (0, 0)
    gap: int | None = None
    relative: Literal["", "passage", "sentence"] = ""
    plain: Callable[[str], str] | None = None

    def length(self, text: str) -> int:
        """Return the length of a text in this unit."""
        return len(text) if self.widths is None else sum(self.widths(text))


class Ruler:
    """Conversion of offsets in a text between a unit and characters.

    Args:
        text: The text.
        unit: The unit.

    Example:
        >>> ruler = Ruler("β1 binds", get_units("bytes")[0])
        >>> ruler.start(4), ruler.end(9), ruler.end(1), ruler.stated(3)
        (3, 8, None, 4)
    """

    def __init__(self, text: str, unit: Unit) -> None:
        self._length = len(text)
        # A text of characters of width 1 needs no table.
        widths = None if unit.widths is None else list(unit.widths(text))
        self._places = None if widths is None else list(itertools.accumulate(widths, initial=0))

    def start(self, offset: int) -> int | None:
        """Return the character that starts at an offset, or None."""
        if self._places is None:
            return offset if 0 <= offset <= self._length else None
        place = bisect_right(self._places, offset) - 1
        return place if place >= 0 and self._places[place] == offset else None

    def end(self, offset: int) -> int | None:
        """Return the number of characters before an offset, or None if it is within a character."""
        if self._places is None:
            return offset if 0 <= offset <= self._length else None
        place = bisect_left(self._places, offset)
        return place if place <= self._length and self._places[place] == offset else None

    def stated(self, place: int) -> int:
        """Return the offset of a character."""
        return place if self._places is None else self._places[place]


def _bytes(text: str) -> Iterable[int]:
    return (len(character.encode("utf-8", "surrogatepass")) for character in text)


def _utf16(text: str) -> Iterable[int]:
    return (1 + (character > "\uffff") for character in text)


def _without_returns(text: str) -> Iterable[int]:
    following = itertools.chain(text[1:], " ")
    return (not (one == "\r" and two == "\n") for one, two in zip(text, following, strict=False))


def _with_returns(text: str) -> Iterable[int]:
    previous = itertools.chain(" ", text)
    return (1 + (two == "\n" and one != "\r") for one, two in zip(previous, text, strict=False))


def _without_mark(text: str) -> Iterable[int]:
    return (not (place == 0 and character == "\ufeff") for place, character in enumerate(text))


def _without_mark_and_returns(text: str) -> Iterable[int]:
    return (one and two for one, two in zip(_without_mark(text), _without_returns(text), strict=True))


def _escaped(text: str) -> Iterable[int]:
    return (len(html.escape(character, quote=False)) for character in text)


def _escaped_quotes(text: str) -> Iterable[int]:
    return (len(html.escape(character)) for character in text)


def to_ascii(text: str, greek: Literal["names", "letters"] = "names", other: str = "?") -> str:
    """Return a text in ASCII, as tools write it: accents dropped, Greek letters by name or as a Latin letter.

    Args:
        text: The text.
        greek: Whether a Greek letter becomes its name or the first letter of that.
        other: What any other character becomes.

    Example:
        >>> to_ascii("naïve TNF-α ≤ “5”"), to_ascii("IL-1β", "letters")
        ('naive TNF-alpha ? "5"', 'IL-1b')
    """
    return text if text.isascii() else "".join(_ascii(character, greek, other) for character in text)


def _ascii(character: str, greek: str, other: str) -> str:
    if character.isascii():
        return character
    if character in _QUOTES:
        return _QUOTES[character]
    category = unicodedata.category(character)
    if category in ("Pd", "Zs"):
        return "-" if category == "Pd" else " "
    if category == "Mn":
        return ""
    plain = "".join(c for c in unicodedata.normalize("NFKD", character) if unicodedata.category(c) != "Mn")
    if plain.isascii():
        return plain
    match = _GREEK.match(unicodedata.name(plain[:1] or character, ""))
    if match:
        name = match[2] if match[1] == "CAPITAL" else match[2].lower()
        return name[:1] if greek == "letters" else name.capitalize() if match[1] == "CAPITAL" else name
    return other


def _question_marks(text: str) -> str:
    return text.encode("ascii", "replace").decode()


def _dropped(text: str) -> str:
    return text.encode("ascii", "ignore").decode()


def _letters(text: str) -> str:
    return to_ascii(text, "letters")


def _widths_of(plain: Callable[[str], str]) -> Callable[[str], Iterable[int]]:
    return lambda text: (len(plain(character)) for character in text)


_ASCII = "characters of text normalised to ASCII"
UNITS: tuple[Unit, ...] = (
    Unit(CHARACTERS, "characters"),
    Unit(CHARACTERS, "a carriage return and a line feed as one character", _without_returns),
    Unit(CHARACTERS, "each line feed as two characters", _with_returns),
    Unit(CHARACTERS, "characters without the byte order mark", _without_mark),
    Unit(CHARACTERS, "characters without byte order mark and carriage returns", _without_mark_and_returns),
    Unit("bytes", "UTF-8 bytes", _bytes),
    Unit("utf16", "UTF-16 units", _utf16),
    Unit("passage", "characters from the start of each passage", relative="passage"),
    Unit("passage", "characters from the start of each sentence", relative="sentence"),
    Unit("passage", "UTF-8 bytes from the start of each passage", _bytes, relative="passage"),
    Unit("passage", "UTF-16 units from the start of each passage", _utf16, relative="passage"),
    Unit("from-one", "characters from 1", shift=(-1, -1)),
    Unit("from-one", "characters from 1 to the last one of the entity", shift=(-1, 0)),
    Unit("from-one", "characters from 0 to the last one of the entity", shift=(0, 1)),
    Unit("joined", "characters of passages joined without a space", gap=0),
    Unit("joined", "characters of passages joined by two characters", gap=2),
    Unit("joined", "UTF-8 bytes of passages joined without a space", _bytes, gap=0),
    Unit("escaped", "characters of escaped XML, such as &amp;", _escaped, plain=lambda text: html.escape(text, False)),
    Unit("escaped", "characters of escaped XML, such as &quot;", _escaped_quotes, plain=html.escape),
    Unit("escaped", "characters of escaped XML, such as &amp;", _escaped),
    Unit("escaped", "characters of escaped XML, such as &quot;", _escaped_quotes),
    Unit("ascii", "characters, with the texts of entities in ASCII", plain=to_ascii),
    Unit("ascii", "characters, with the texts of entities in ASCII", plain=_letters),
    Unit("ascii", "characters, with the texts of entities in ASCII", plain=_question_marks),
    Unit("ascii", "characters, with the texts of entities in ASCII", plain=_dropped),
    Unit("ascii", f"{_ASCII}, Greek letters by name", _widths_of(to_ascii), plain=to_ascii),
    Unit("ascii", f"{_ASCII}, Greek letters as Latin ones", _widths_of(_letters), plain=_letters),
    Unit("ascii", f"{_ASCII}, other characters dropped", _widths_of(_dropped), plain=_dropped),
)
"""All units, in the order in which they are tried. Those of one name are read by one option."""
OFFSETS: dict[str, str] = {
    CHARACTERS: "Unicode characters of the text",
    DETECT: "the unit that fits the entities of each document",
    "bytes": "UTF-8 bytes",
    "utf16": "UTF-16 units, as Java and JavaScript count",
    "passage": "from the start of each passage or sentence",
    "from-one": "from 1, or to the last character of the entity",
    "joined": "passages joined by no or by two characters",
    "escaped": "characters of escaped XML",
    "ascii": "characters of text normalised to ASCII",
}
"""What the option `offsets` can be, with a description"""


@functools.cache
def get_units(offsets: str) -> tuple[Unit, ...]:
    """Return the units that an option allows, in the order in which they are tried.

    Args:
        offsets: One of `OFFSETS`.

    Raises:
        DocumentError: There is no such option.
    """
    if offsets not in OFFSETS:
        raise DocumentError(f"expected offsets that are one of {', '.join(OFFSETS)}; got {offsets!r}")
    return UNITS if offsets == DETECT else tuple(unit for unit in UNITS if unit.name == offsets)
