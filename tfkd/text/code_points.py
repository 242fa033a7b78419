"""Tables of Unicode code points for TensorFlow graphs: for the sentence splitter, BERT and byte-pair encoding.

A table has two stages. The first maps each block of 256 code points to a row, the second holds the rows, each only
once. This takes 50 kB in place of 1.1 MB. The tables follow the Unicode version of the running Python; an exported
model keeps the tables that it was exported with.
"""

from __future__ import annotations

import functools
import unicodedata
from dataclasses import dataclass

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
    rows = [bytes(flags[start : start + BLOCK]) for start in range(0, CODE_POINTS, BLOCK)]
    number = {row: i for i, row in enumerate(dict.fromkeys(rows))}
    index = np.array([number[row] for row in rows], dtype=np.int32)
    return index, np.frombuffer(b"".join(number), dtype=np.uint8)


SEPARATES = 1
"""For BERT: ends a part of a word and belongs to none."""
ALONE = 2
"""For BERT: always a separate part of a word."""

_IDEOGRAPHS = (
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2A6DF), (0x2A700, 0x2CEAF), (0x2F800, 0x2FA1F),
)  # fmt: skip
_REMOVED = ("Cc", "Cf", "Co", "Cs")
_SYMBOLS = "$+<=>^`|~"
"""ASCII symbols, which count as punctuation. Other symbols of Unicode do not."""

_Row = tuple[tuple[tuple[int, int], ...], ...]
"""For each of 256 code points the code points that replace it, as differences, and their kinds."""
_UNCHANGED: _Row = (((0, 0),),) * BLOCK


@dataclass(frozen=True)
class BertTable:
    """Table of the code points, none or several, that replace each code point.

    The replacements of code point `c` are the entries from `ends[k]` to `ends[k + 1]`, where
    `k = 256 * index[c // 256] + c % 256`.

    Attributes:
        index: Row of each block of 256 code points, int32 `[4352]`.
        ends: End of the replacements of each code point, with a 0 in front, int32 `[rows * 256 + 1]`.
        differences: Difference between the replacement and the code point, int32.
        kinds: `SEPARATES`, `ALONE` or 0, int32.
    """

    index: np.ndarray
    ends: np.ndarray
    differences: np.ndarray
    kinds: np.ndarray


@functools.cache
def make_bert_table(lowercase: bool, strip_accents: bool) -> BertTable:
    """Return the table of how BERT's tokenizer normalises characters before it looks for subwords.

    The rules are those of the original release (Devlin et al. 2019). Control characters are removed, white space
    separates, and punctuation and ideographs are separate parts.

    Args:
        lowercase: Whether letters are converted to lower case.
        strip_accents: Whether combining marks are removed.

    Example:
        >>> table = make_bert_table(lowercase=True, strip_accents=True)
        >>> entry = int(table.index[0xC9 // 256]) * 256 + 0xC9
        >>> first, end = table.ends[entry], table.ends[entry + 1]
        >>> [chr(0xC9 + d) for d in table.differences[first:end]]
        ['e']
    """
    rows: dict[_Row, int] = {}
    index = []
    for start in range(0, CODE_POINTS, BLOCK):
        index.append(rows.setdefault(_make_row(start, lowercase, strip_accents), len(rows)))
    entries = [entry for row in rows for entry in row]
    pairs = np.array([pair for entry in entries for pair in entry], np.int32).reshape(-1, 2)
    ends = np.concatenate([[0], np.cumsum([len(entry) for entry in entries])])
    return BertTable(np.array(index, np.int32), ends.astype(np.int32), pairs[:, 0].copy(), pairs[:, 1].copy())


def _make_row(start: int, lowercase: bool, strip_accents: bool) -> _Row:
    """Return the replacements of the code points of a block."""
    block = [chr(point) for point in range(start, start + BLOCK)]
    whole = "".join(block)
    if whole == whole.lower() == unicodedata.normalize("NFD", whole) and not any(map(_is_special, block)):
        return _UNCHANGED
    return tuple(
        tuple((point - start - number, kind) for point, kind in _normalise(character, lowercase, strip_accents))
        for number, character in enumerate(block)
    )


def _is_special(character: str) -> bool:
    """Return whether a character without lower case and decomposition may still be replaced."""
    category = unicodedata.category(character)
    return category[0] in "PZ" or category == "Mn" or category in _REMOVED or _is_ideograph(ord(character))


def _is_ideograph(point: int) -> bool:
    return point >= 0x3400 and any(low <= point <= high for low, high in _IDEOGRAPHS)


def _normalise(character: str, lowercase: bool, strip_accents: bool) -> tuple[tuple[int, int], ...]:
    """Return the code points that replace a character, each with its kind."""
    point, category = ord(character), unicodedata.category(character)
    if character in "\t\n\r" or category == "Zs" or (character.isspace() and category not in _REMOVED):
        return ((ord(" "), SEPARATES),)
    if point == 0xFFFD or category in _REMOVED:
        return ()
    text = character
    if strip_accents and (category == "Mn" or unicodedata.decomposition(character) or 0xAC00 <= point <= 0xD7A3):
        text = "".join(c for c in unicodedata.normalize("NFD", character) if unicodedata.category(c) != "Mn")
    if lowercase:
        text = "".join(c.lower() for c in text)
    return tuple((ord(c), ALONE if _is_ideograph(point) or _is_punctuation(c) else 0) for c in text)


def _is_punctuation(character: str) -> bool:
    return character in _SYMBOLS or unicodedata.category(character).startswith("P")


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
    rows: dict[bytes, int] = {}
    index = []
    for start in range(0, CODE_POINTS, BLOCK):
        row = bytes(map(_classify, range(start, start + BLOCK)))
        index.append(rows.setdefault(row, len(rows)))
    return np.array(index, np.int32), np.frombuffer(b"".join(rows), np.uint8)


def _classify(point: int) -> int:
    character = chr(point)
    category = unicodedata.category(character)[0]
    if category == "Z" or character in _LINE_SPACES:
        return SPACE
    return {"L": LETTER, "N": NUMBER}.get(category, OTHER)
