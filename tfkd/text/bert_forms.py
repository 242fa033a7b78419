"""What BERT's tokenizer makes of each Unicode code point before it looks for pieces, as a table for a graph.

The rules are those of the original release (Devlin et al. 2019): control characters vanish, white space separates,
punctuation and ideographs stand alone, and, where asked for, accents are taken off and letters brought to lower case.
"""

from __future__ import annotations

import functools
import unicodedata
from dataclasses import dataclass

import numpy as np

from tfkd.text.characters import BLOCK, CODE_POINTS

SEPARATES = 1
"""Ends a sub-word, and belongs to none."""
ALONE = 2
"""A sub-word of its own."""

_IDEOGRAPHS = (
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2A6DF), (0x2A700, 0x2CEAF), (0x2F800, 0x2FA1F),
)  # fmt: skip
_VANISHING = ("Cc", "Cf", "Co", "Cs")
_SYMBOLS = "$+<=>^`|~"
"""Those of ASCII, which count as punctuation; Unicode's other symbols do not."""

_Row = tuple[tuple[tuple[int, int], ...], ...]
"""For each of 256 code points the code points it becomes, as differences, and what each of them is."""
_UNCHANGED: _Row = (((0, 0),),) * BLOCK


@dataclass(frozen=True)
class Forms:
    """The code points that each code point becomes, none to some.

    Those of code point `c` are rows `ends[k - 1]` to `ends[k]` with `k = 256 * index[c // 256] + c % 256`.

    Attributes:
        index: Number of the row of blocks of each 256 code points, int32 `[4352]`.
        ends: Where the outputs of a code point end, after a 0, int32 `[rows * 256 + 1]`.
        differences: What is added to the code point, int32.
        kinds: `SEPARATES`, `ALONE` or 0, int32.
    """

    index: np.ndarray
    ends: np.ndarray
    differences: np.ndarray
    kinds: np.ndarray


@functools.cache
def bert_forms(lowercase: bool, strip_accents: bool) -> Forms:
    """Make the table; the Unicode version is that of the running Python.

    Args:
        lowercase: Whether letters are brought to lower case.
        strip_accents: Whether combining marks are taken off.

    Example:
        >>> forms = bert_forms(lowercase=True, strip_accents=True)
        >>> at = int(forms.index[0xC9 // 256]) * 256 + 0xC9
        >>> first, end = forms.ends[at], forms.ends[at + 1]
        >>> [chr(0xC9 + d) for d in forms.differences[first:end]]
        ['e']
    """
    rows: dict[_Row, int] = {}
    index = []
    for start in range(0, CODE_POINTS, BLOCK):
        index.append(rows.setdefault(_row(start, lowercase, strip_accents), len(rows)))
    flat = [form for row in rows for form in row]
    every = np.array([pair for form in flat for pair in form], np.int32).reshape(-1, 2)
    ends = np.concatenate([[0], np.cumsum([len(form) for form in flat])])
    return Forms(np.array(index, np.int32), ends.astype(np.int32), every[:, 0].copy(), every[:, 1].copy())


def _row(start: int, lowercase: bool, strip_accents: bool) -> _Row:
    """Return what the code points of a block become."""
    block = [chr(point) for point in range(start, start + BLOCK)]
    whole = "".join(block)
    if whole == whole.lower() == unicodedata.normalize("NFD", whole) and not any(map(_is_special, block)):
        return _UNCHANGED
    return tuple(
        tuple((point - start - number, kind) for point, kind in _form(character, lowercase, strip_accents))
        for number, character in enumerate(block)
    )


def _is_special(character: str) -> bool:
    """Tell whether a character that has neither a lower case nor a decomposition may become something else."""
    category = unicodedata.category(character)
    return category[0] in "PZ" or category == "Mn" or category in _VANISHING or _is_ideograph(ord(character))


def _is_ideograph(point: int) -> bool:
    return point >= 0x3400 and any(low <= point <= high for low, high in _IDEOGRAPHS)


def _form(character: str, lowercase: bool, strip_accents: bool) -> tuple[tuple[int, int], ...]:
    """Return the code points that a character becomes, with what each of them is."""
    point, category = ord(character), unicodedata.category(character)
    if character in "\t\n\r" or category == "Zs" or (character.isspace() and category not in _VANISHING):
        return ((ord(" "), SEPARATES),)
    if point == 0xFFFD or category in _VANISHING:
        return ()
    form = character
    if strip_accents and (category == "Mn" or unicodedata.decomposition(character) or 0xAC00 <= point <= 0xD7A3):
        form = "".join(c for c in unicodedata.normalize("NFD", character) if unicodedata.category(c) != "Mn")
    if lowercase:
        form = "".join(c.lower() for c in form)
    return tuple((ord(c), ALONE if _is_ideograph(point) or _is_punctuation(c) else 0) for c in form)


def _is_punctuation(character: str) -> bool:
    return character in _SYMBOLS or unicodedata.category(character).startswith("P")
