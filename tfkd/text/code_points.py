"""Tables of Unicode code points for TensorFlow graphs: for the sentence splitter and byte-pair encoding.

A table has two stages. The first maps each block of 256 code points to a row, the second holds the rows, each only
once. This takes 50 kB in place of 1.1 MB. The tables follow the Unicode version of the running Python; an exported
model keeps the tables that it was exported with.
"""

from __future__ import annotations

import bisect
import functools
import unicodedata

import numpy as np
import tensorflow as tf

from tfkd.tensors import Tensor
from tfkd_runtime.characters import BEGINS, BLOCK, BREAK, CLOSER, CODE_POINTS, SEPARATOR, SINGLE, TERMINAL

TERMINALS = ".!?\u2026\u203c\u203d\u2047\u2048\u2049\u061f\u06d4\u0964\u0965\u055e"
LINE_BREAKS = "\n\r\u0085\u2028\u2029"
INVISIBLE_SEPARATORS = "\u200b\ufeff" + "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""Zero-width space, byte-order mark, and marks that only set the direction of writing."""

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


def get_flags(character: str) -> int:
    """Return the flags of a character for the sentence splitter, as a sum.

    Args:
        character: A single code point.

    Returns:
        The flags; 0 for characters that continue a word (lower-case letters, combining marks, joiners, soft hyphens,
        unassigned code points).

    Example:
        >>> get_flags("a"), get_flags("-") == SINGLE, get_flags(".") == SINGLE | TERMINAL
        (0, True, True)
    """
    return _BY_CHARACTER.get(character, _BY_CATEGORY.get(unicodedata.category(character), 0))


@functools.cache
def make_flag_table() -> tuple[np.ndarray, np.ndarray]:
    """Return the flags of all code points for the sentence splitter.

    Returns:
        `index`, int32 of shape (4352,), the row of each block of 256 code points, and `blocks`, uint8 of shape
        (rows * 256,). The flags of code point `c` are `blocks[index[c // 256] * 256 + c % 256]`.

    Example:
        >>> index, blocks = make_flag_table()
        >>> int(blocks[index[ord(".") // 256] * 256 + ord(".") % 256]) == SINGLE | TERMINAL
        True
    """
    get = _BY_CATEGORY.get
    flags = bytearray(get(category, 0) for category in map(unicodedata.category, map(chr, range(CODE_POINTS))))
    for character, value in _BY_CHARACTER.items():
        flags[ord(character)] = value
    return fold(bytes(flags))


def fold(values: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Return the two stages of the table of a value for each code point.

    Args:
        values: The values of all code points.

    Returns:
        `index` and `blocks`, as `make_flag_table` returns them.

    Example:
        >>> index, blocks = fold(bytes(CODE_POINTS))
        >>> index.shape, blocks.shape
        ((4352,), (256,))
    """
    rows = [values[start : start + BLOCK] for start in range(0, CODE_POINTS, BLOCK)]
    number = {row: i for i, row in enumerate(dict.fromkeys(rows))}
    return np.array([number[row] for row in rows], np.int32), np.frombuffer(b"".join(number), np.uint8)


def look_up(table: tuple[np.ndarray, np.ndarray], points: Tensor) -> Tensor:
    """Return the values, uint8, of code points, int32, of any shape.

    Args:
        table: A table of two stages, see `fold`.
        points: The code points. Those above U+10FFFF, which stand for added tokens, get the value of U+10FFFF.

    Example:
        >>> look_up(make_flag_table(), tf.constant([ord("a"), ord("-")])).numpy().tolist() == [0, SINGLE]
        True
    """
    index, blocks = table
    points = tf.minimum(points, CODE_POINTS - 1)
    row = tf.gather(tf.constant(index), tf.bitwise.right_shift(points, BLOCK.bit_length() - 1))
    return tf.gather(tf.constant(blocks), row * BLOCK + tf.bitwise.bitwise_and(points, BLOCK - 1))


OTHER, LETTER, NUMBER, SPACE = range(4)
"""Classes of code points in the regular expression of GPT-2."""

_LINE_SPACES = "\t\n\x0b\x0c\r\x85"


@functools.cache
def make_gpt2_table() -> tuple[np.ndarray, np.ndarray]:
    """Return the classes of all code points in the regular expression of GPT-2 (Radford et al. 2019).

    Returns:
        `index` and `blocks`, as `make_flag_table` returns them. The values are `OTHER`, `LETTER`, `NUMBER` or `SPACE`.

    Example:
        >>> index, blocks = make_gpt2_table()
        >>> int(blocks[index[ord("7") // 256] * 256 + ord("7") % 256]) == NUMBER
        True
    """
    return fold(bytes(map(_classify, range(CODE_POINTS))))


def _classify(point: int) -> int:
    character = chr(point)
    category = unicodedata.category(character)[0]
    if category == "Z" or character in _LINE_SPACES:
        return SPACE
    return {"L": LETTER, "N": NUMBER}.get(category, OTHER)


WORD, BLANK = 1, 2
"""Flags of characters beside an added token: `\\w` and `\\s` of a Unicode regular expression."""

_CIRCLED_LETTERS = ((0x24B6, 0x24E9), (0x1F130, 0x1F149), (0x1F150, 0x1F169), (0x1F170, 0x1F189))
_NEWER_WORD_CHARACTERS = (
    (0x897, 0x897), (0xCF3, 0xCF3), (0xECE, 0xECE), (0x1C89, 0x1C8A), (0xA7CB, 0xA7CD), (0xA7DA, 0xA7DC),
    (0x105C0, 0x105F3), (0x10D40, 0x10D65), (0x10D69, 0x10D6D), (0x10D6F, 0x10D85), (0x10EC2, 0x10EC4),
    (0x10EFC, 0x10EFF), (0x1123F, 0x11241), (0x11380, 0x11389), (0x1138B, 0x1138B), (0x1138E, 0x1138E),
    (0x11390, 0x113B5), (0x113B7, 0x113C0), (0x113C2, 0x113C2), (0x113C5, 0x113C5), (0x113C7, 0x113CA),
    (0x113CC, 0x113D3), (0x113E1, 0x113E2), (0x116D0, 0x116E3), (0x11BC0, 0x11BE0), (0x11BF0, 0x11BF9),
    (0x11F00, 0x11F10), (0x11F12, 0x11F3A), (0x11F3E, 0x11F42), (0x11F50, 0x11F5A), (0x1342F, 0x1342F),
    (0x13440, 0x13455), (0x13460, 0x143FA), (0x16100, 0x16139), (0x16D40, 0x16D6C), (0x16D70, 0x16D79),
    (0x18CFF, 0x18CFF), (0x1B132, 0x1B132), (0x1B155, 0x1B155), (0x1CCF0, 0x1CCF9), (0x1DF25, 0x1DF2A),
    (0x1E030, 0x1E06D), (0x1E08F, 0x1E08F), (0x1E4D0, 0x1E4F9), (0x1E5D0, 0x1E5FA), (0x2B739, 0x2B739),
    (0x2EBF0, 0x2EE5D), (0x31350, 0x323AF),
)  # fmt: skip
"""Letters, marks and digits that Unicode 15 and 16 added, which Python 3.11 does not know."""


WORD_CHARACTERS = tuple(sorted(_CIRCLED_LETTERS + _NEWER_WORD_CHARACTERS))
"""Ranges of word characters that their category does not show."""


def is_word_character(character: str) -> bool:
    r"""Return whether `\w` of a Unicode regular expression matches: letters, marks, digits, connectors, joiners.

    Example:
        >>> [is_word_character(character) for character in "a1_-"]
        [True, True, True, False]
    """
    category, point = unicodedata.category(character), ord(character)
    return (
        category[0] in "LM"
        or category in ("Nl", "Nd", "Pc")
        or character in "\u200c\u200d"
        or (category in ("So", "Cn") and is_within(point, WORD_CHARACTERS))
    )


def is_white_space(character: str) -> bool:
    r"""Return whether Unicode gives a character the property `White_Space`.

    Example:
        >>> is_white_space("\x85"), is_white_space("\x1f")
        (True, False)
    """
    return character.isspace() and character not in "\x1c\x1d\x1e\x1f"


@functools.cache
def make_word_table() -> tuple[np.ndarray, np.ndarray]:
    """Return the flags `WORD` and `BLANK` of all code points.

    Returns:
        `index` and `blocks`, as `make_flag_table` returns them.

    Example:
        >>> index, blocks = make_word_table()
        >>> int(blocks[index[ord("7") // 256] * 256 + ord("7") % 256]) == WORD
        True
    """
    characters = map(chr, range(CODE_POINTS))
    return fold(bytes(WORD if is_word_character(c) else BLANK if is_white_space(c) else 0 for c in characters))


def is_within(point: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    """Return whether a code point is in one of the ascending ranges, each with its first and last code point.

    Example:
        >>> is_within(5, ((1, 2), (4, 5)))
        True
    """
    place = bisect.bisect_right(ranges, (point, CODE_POINTS))
    return place > 0 and point <= ranges[place - 1][1]
