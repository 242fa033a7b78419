"""Tables of characters that an exported model carries, so that every machine splits and reads text alike."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

CODE_POINTS = 0x110000
BLOCK = 256

SEPARATOR = 1
"""Never part of a token: white space, control characters, and invisible characters between words."""
SINGLE = 2
"""Always a separate token: punctuation (categories P*) and symbols (S*)."""
TERMINAL = 4
"""Ends a sentence if the other conditions hold: full stop, exclamation and question marks."""
CLOSER = 8
"""May follow a terminal at the end of a sentence: closing brackets and quotation marks."""
BEGINS = 16
"""May begin a sentence: a letter that is not lower-case, a digit, an opening bracket or quotation mark."""
BREAK = 32
"""Ends a line."""

UPPER = 1
"""An upper-case letter (category Lu)."""
LOWER = 2
"""A lower-case letter (category Ll)."""
LETTER = 4
"""Any other letter (categories Lt, Lm, Lo)."""
NUMBER = 8
"""A number (categories N*)."""
CASED = 16
"""Makes a capital sigma after it a final one."""
IGNORED = 32
"""Stands between letters without changing whether a capital sigma is a final one."""

SIGMA, FINAL_SIGMA = "\u03a3", "\u03c2"


@dataclass(frozen=True)
class CharacterTables:
    r"""Tables of all code points.

    Attributes:
        flags: Sum of `SEPARATOR`, `SINGLE`, `TERMINAL`, `CLOSER`, `BEGINS` and `BREAK`, uint8 `[code points]`.
        kinds: Sum of `UPPER`, `LOWER`, `LETTER`, `NUMBER`, `CASED` and `IGNORED`, uint8 `[code points]`.
        lower: The lower-case form of each code point that has one. A capital sigma is here never a final one.

    Example:
        >>> tables = CharacterTables(np.zeros(CODE_POINTS, np.uint8), np.zeros(CODE_POINTS, np.uint8), {65: "a"})
        >>> copy = CharacterTables.from_json(tables.to_json())
        >>> copy.lower_case("AB"), (copy.flags == tables.flags).all().item()
        ('aB', True)
    """

    flags: np.ndarray
    kinds: np.ndarray
    lower: dict[int, str]

    def to_json(self) -> dict[str, Any]:
        """Return the tables as plain values for JSON."""
        lower = {chr(point): text for point, text in self.lower.items()}
        return {"flags": _pack(self.flags), "kinds": _pack(self.kinds), "lower": lower}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> CharacterTables:
        """Read what `to_json` wrote."""
        lower = {ord(character): text for character, text in value["lower"].items()}
        return cls(_unpack(value["flags"]), _unpack(value["kinds"]), lower)

    @cached_property
    def latin(self) -> bytes:
        """The flags of the first 256 code points, for `bytes.translate`."""
        return self.flags[:256].tobytes()

    @cached_property
    def _kinds(self) -> bytes:
        return self.kinds.tobytes()

    def kinds_of(self, text: str) -> list[int]:
        """Return the kinds of each character."""
        table = self._kinds
        return [table[ord(character)] for character in text]

    def is_letter(self, text: str) -> bool:
        """Tell whether a text is a single letter."""
        return len(text) == 1 and bool(self._kinds[ord(text)] & (UPPER | LOWER | LETTER))

    def lower_case(self, text: str) -> str:
        """Return a text in lower case, as `tf.strings.lower` converts it: a null character ends the text."""
        text = text.partition("\0")[0]
        if SIGMA in text:
            kinds = self.kinds_of(text)
            text = "".join(
                FINAL_SIGMA if character == SIGMA and _is_final(kinds, place) else character
                for place, character in enumerate(text)
            )
        return text.translate(self.lower)


def _is_final(kinds: list[int], place: int) -> bool:
    """Tell whether a sigma is final: a cased letter stands before it and none after it (Unicode, section 3.13)."""
    return _meets_cased(kinds[place - 1 :: -1] if place else []) and not _meets_cased(kinds[place + 1 :])


def _meets_cased(kinds: list[int]) -> bool:
    for kind in kinds:
        if not kind & IGNORED:
            return bool(kind & CASED)
    return False


def _pack(table: np.ndarray) -> str:
    return base64.b64encode(zlib.compress(table.tobytes(), 9)).decode("ascii")


def _unpack(text: str) -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)
