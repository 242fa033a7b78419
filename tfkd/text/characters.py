"""What each Unicode code point is to the tokenizer and the sentence splitter, as a table for a TensorFlow graph."""

from __future__ import annotations

import functools
import unicodedata

import numpy as np

SEPARATOR = 1
"""Never part of a token: white space, control characters, and invisible characters that stand between words."""
SINGLE = 2
"""A token of its own: punctuation (categories P*) and symbols (S*)."""
TERMINAL = 4
"""Ends a sentence where the rest of the rule agrees: full stop, exclamation and question marks."""
CLOSER = 8
"""May stand between a terminal and the end of its sentence: closing brackets and quotation marks."""
BEGINS = 16
"""May begin a sentence: a letter that is not lower-case, a digit, an opening bracket or quotation mark."""
BREAK = 32
"""Ends a line."""

CODE_POINTS = 0x110000
BLOCK = 256

TERMINALS = ".!?\u2026\u203c\u203d\u2047\u2048\u2049\u061f\u06d4\u0964\u0965\u055e"
LINE_BREAKS = "\n\r\u0085\u2028\u2029"
INVISIBLE_SEPARATORS = "\u200b\ufeff" + "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Zero-width space, byte-order mark, and the marks that only set the direction of writing."""


_BY_CATEGORY = (
    dict.fromkeys(("Cc", "Zs", "Zl", "Zp"), SEPARATOR)
    | dict.fromkeys(("Lu", "Lt", "Lo", "Nd"), BEGINS)
    | dict.fromkeys(("Pc", "Pd", "Po", "Sc", "Sk", "Sm", "So"), SINGLE)
    | dict.fromkeys(("Ps", "Pi"), SINGLE | BEGINS)
    | dict.fromkeys(("Pe", "Pf"), SINGLE | CLOSER)
)
_BY_CHARACTER = (
    dict.fromkeys(TERMINALS, SINGLE | TERMINAL)
    | dict.fromkeys(LINE_BREAKS, SEPARATOR | BREAK)
    | dict.fromkeys(INVISIBLE_SEPARATORS, SEPARATOR)
    | dict.fromkeys("\"'", SINGLE | CLOSER | BEGINS)
)


def character_flags(character: str) -> int:
    """Say what one character is, as a sum of the flags of this module.

    Args:
        character: A single code point.

    Returns:
        The flags; 0 for what simply continues a word (lower-case letters, combining marks, joiners, soft hyphens,
        unassigned code points).

    Example:
        >>> character_flags("a"), character_flags("-") == SINGLE, character_flags(".") == SINGLE | TERMINAL
        (0, True, True)
    """
    return _BY_CHARACTER.get(character, _BY_CATEGORY.get(unicodedata.category(character), 0))


@functools.cache
def flag_table() -> tuple[np.ndarray, np.ndarray]:
    """Make the flags of all code points as a table of two stages, 50 kB in place of 1.1 MB.

    The Unicode version is that of the running Python; an exported model keeps the table that it was exported with.

    Returns:
        `index`, int32 of shape (4352,), the row that stands for each block of 256 code points, and `blocks`, uint8 of
        shape (rows * 256,): the flags of code point `c` are `blocks[index[c // 256] * 256 + c % 256]`.

    Example:
        >>> index, blocks = flag_table()
        >>> int(blocks[index[ord(".") // 256] * 256 + ord(".") % 256]) == SINGLE | TERMINAL
        True
    """
    get = _BY_CATEGORY.get
    flags = bytearray(get(category, 0) for category in map(unicodedata.category, map(chr, range(CODE_POINTS))))
    for character, value in _BY_CHARACTER.items():
        flags[ord(character)] = value
    rows = [bytes(flags[start : start + BLOCK]) for start in range(0, CODE_POINTS, BLOCK)]
    number = {row: i for i, row in enumerate(dict.fromkeys(rows))}
    index = np.array([number[row] for row in rows], dtype=np.int32)
    return index, np.frombuffer(b"".join(number), dtype=np.uint8)
