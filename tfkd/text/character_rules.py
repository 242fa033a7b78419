"""How subword tokenizers normalise characters and where they split words, as tables for TensorFlow graphs."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tfkd.text.code_points import BLOCK, CODE_POINTS, WORD_CHARACTERS, is_white_space, is_within, is_word_character

SEPARATES = 1
"""Ends a part of a word and belongs to none."""
ALONE = 2
"""Always a separate part of a word."""
_FIRST_CLASS = 4
"""Kinds from here on are classes: a part holds characters of one class."""

TO_SPACE = -CODE_POINTS
"""In place of a difference: the replacement is a space. So, all ideographs share their rows."""

Step = str | tuple[str, str, str]
"""A step of normalisation: a key of `STEPS`, or `("replace", character, text)`."""

_IDEOGRAPHS = (
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2A6DF), (0x2A700, 0x2B81F), (0x2B920, 0x2CEAF),
    (0x2F800, 0x2FA1F),
)  # fmt: skip
_REMOVED = ("Cc", "Cf", "Co", "Cs")
_SYMBOLS = "$+<=>^`|~"
"""ASCII symbols, which count as punctuation. Other symbols of Unicode do not."""
_UNKNOWN_TO_BERT = (
    (0x61D, 0x61D), (0x7FD, 0x7FD), (0x890, 0x8E2), (0x9FD, 0x9FE), (0xA76, 0xA76), (0xAFA, 0xAFF), (0xB55, 0xB55),
    (0xC04, 0xC3C), (0xC77, 0xC77), (0xC84, 0xC84), (0xD00, 0xD00), (0xD3B, 0xD3C), (0xD81, 0xD81), (0xEBA, 0xEBA),
    (0x180F, 0x1886), (0x1ABF, 0x1ACE), (0x1B7D, 0x1B7E), (0x1DF6, 0x1DFB), (0x2E43, 0x2E5D), (0xA82C, 0xA82C),
    (0xA8C5, 0xA8C5), (0xA8FF, 0xA8FF), (0xA9BD, 0xA9BD), (0x10D24, 0x10F89), (0x11070, 0x11074), (0x110C2, 0x110CD),
    (0x111C9, 0x111C9), (0x111CF, 0x111CF), (0x1123E, 0x1123E), (0x1133B, 0x1133B), (0x11438, 0x1145E),
    (0x11660, 0x1166C), (0x116B9, 0x116B9), (0x1182F, 0x11FFF), (0x12FF1, 0x13438), (0x16E97, 0x16F4F),
    (0x16FE2, 0x16FE4), (0x1CF00, 0x1CF46), (0x1E000, 0x1E2EF), (0x1E944, 0x1E95F),
)  # fmt: skip
"""Marks, punctuation and format characters that the tokenizers library does not treat as such for BERT.

Its tables for BERT are those of Unicode 8. Letters and symbols in these ranges are not affected.
"""
NEWER_MARKS = (
    (0x7FD, 0x7FD), (0x898, 0x8D3), (0x9FE, 0x9FE), (0xAFA, 0xAFF), (0xB55, 0xB55), (0xC04, 0xC3C), (0xD00, 0xD00),
    (0xD3B, 0xD3C), (0xD81, 0xD81), (0xEBA, 0xEBA), (0x1715, 0x1715), (0x180F, 0x180F), (0x1ABF, 0x1ACE),
    (0x1CF7, 0x1CF7), (0x1DF6, 0x1DFA), (0xA82C, 0xA82C), (0xA8FF, 0xA8FF), (0x10D24, 0x10F85), (0x11070, 0x11074),
    (0x110C2, 0x110C2), (0x11145, 0x11146), (0x111C9, 0x111C9), (0x111CE, 0x111CF), (0x1133B, 0x1133B),
    (0x1145E, 0x1145E), (0x1182C, 0x11A99), (0x11D31, 0x11EF6), (0x16F4F, 0x16F4F), (0x16F7F, 0x16F87),
    (0x16FE4, 0x16FF1), (0x1CF00, 0x1CF46), (0x1E130, 0x1E2EF),
)  # fmt: skip
"""Marks that are newer than the tables of the tokenizers library: it neither removes nor sorts them."""

_Row = tuple[tuple[tuple[int, int], ...], ...]
"""For each of 256 code points the code points that replace it, as differences, and their kinds."""


@dataclass(frozen=True)
class CharacterTable:
    """Table of the code points, none or several, that replace each code point.

    The replacements of code point `c` are the entries from `ends[k]` to `ends[k + 1]`, where
    `k = 256 * index[c // 256] + c % 256`.

    Attributes:
        index: Row of each block of 256 code points, int32 `[4353]`. The last row is that of all greater code points,
            which stand for added tokens: they are unchanged and `ALONE`.
        ends: End of the replacements of each code point, with a 0 in front, int32 `[rows * 256 + 1]`.
        differences: Difference between the replacement and the code point, int32; `TO_SPACE` for a space.
        kinds: `SEPARATES`, `ALONE`, or the class of the character, int32.
    """

    index: np.ndarray
    ends: np.ndarray
    differences: np.ndarray
    kinds: np.ndarray


def bert_steps(
    lowercase: bool, strip_accents: bool | None = None, clean: bool = True, ideographs: bool = True
) -> tuple[Step, ...]:
    """Return the normalisation of BERT (Devlin et al. 2019).

    Args:
        lowercase: Whether letters are converted to lower case.
        strip_accents: Whether combining marks are removed. Default: the value of `lowercase`.
        clean: Whether control characters are removed.
        ideographs: Whether each ideograph is a separate part.

    Example:
        >>> bert_steps(lowercase=True, strip_accents=False)
        ('clean_text', 'space_ideographs', 'lowercase')
    """
    switches = {
        "clean_text": clean,
        "space_ideographs": ideographs,
        "strip_accents": lowercase if strip_accents is None else strip_accents,
        "lowercase": lowercase,
    }
    return tuple(step for step, switch in switches.items() if switch)


@functools.cache
def make_character_table(steps: tuple[Step, ...], rules: tuple[str, ...]) -> CharacterTable:
    """Return the table of how a tokenizer normalises characters, and of the kinds of the results.

    Args:
        steps: Steps of normalisation, which are applied to each character in this order.
        rules: Names of the rules for splitting words, keys of `RULES`. A word is split where any of them splits it.

    Example:
        >>> table = make_character_table(bert_steps(lowercase=True, strip_accents=True), ("bert",))
        >>> entry = int(table.index[0xC9 // 256]) * 256 + 0xC9
        >>> first, end = table.ends[entry], table.ends[entry + 1]
        >>> [chr(0xC9 + d) for d in table.differences[first:end]]
        ['e']
    """
    rows: dict[_Row, int] = {}
    index = []
    for start in range(0, CODE_POINTS, BLOCK):
        index.append(rows.setdefault(_make_row(start, steps, rules), len(rows)))
    index.append(rows.setdefault((((0, ALONE),),) * BLOCK, len(rows)))
    entries = [entry for row in rows for entry in row]
    pairs = np.array([pair for entry in entries for pair in entry], np.int32).reshape(-1, 2)
    ends = np.concatenate([[0], np.cumsum([len(entry) for entry in entries])])
    return CharacterTable(np.array(index, np.int32), ends.astype(np.int32), pairs[:, 0].copy(), pairs[:, 1].copy())


def normalize(text: str, steps: Sequence[Step]) -> str:
    """Return the normalised text.

    Example:
        >>> normalize("Na\u00efve", ("strip_accents", ("replace", "v", "-"), "lowercase"))
        'nai-e'
    """
    for step in steps:
        whole = isinstance(step, str) and step in DECOMPOSITIONS
        text = unicodedata.normalize(str(step).upper(), text) if whole else _replace_characters(text, step)  # type: ignore[arg-type]
    return text


def get_kind(character: str, rules: Sequence[str]) -> int:
    """Return `SEPARATES`, `ALONE`, or the class of a character under rules for splitting words.

    Example:
        >>> get_kind(" ", ["bert"]) == SEPARATES, get_kind("-", ["bert"]) == ALONE, get_kind("-", ["digits"])
        (True, True, 0)
    """
    kinds = [RULES[rule](character) for rule in rules]
    if SEPARATES in kinds:
        return SEPARATES
    if ALONE in kinds:
        return ALONE
    return sum(kind << number for number, kind in enumerate(kinds))


def _make_row(start: int, steps: tuple[Step, ...], rules: tuple[str, ...]) -> _Row:
    """Return the replacements of the code points of a block."""
    block = [chr(point) for point in range(start, start + BLOCK)]
    if start in _uniform_blocks() and not any(step[1] in block for step in steps if not isinstance(step, str)):
        return (_make_entry(block[0], steps, rules),) * BLOCK
    return tuple(_make_entry(character, steps, rules) for character in block)


@functools.cache
def _uniform_blocks() -> frozenset[int]:
    """Return the starts of the blocks whose characters all steps and rules treat alike."""
    ranges = (*_IDEOGRAPHS, *_UNKNOWN_TO_BERT, *NEWER_MARKS, *WORD_CHARACTERS)
    divided = {point // BLOCK * BLOCK for first, last in ranges for point in (first, last + 1)}
    uniform = set()
    for start in range(0, CODE_POINTS, BLOCK):
        block = "".join(map(chr, range(start, start + BLOCK)))
        if (
            start not in divided
            and block == block.lower() == unicodedata.normalize("NFKD", block)
            and len(set(map(unicodedata.category, block))) == 1
        ):
            uniform.add(start)
    return frozenset(uniform)


def _make_entry(character: str, steps: tuple[Step, ...], rules: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    text = functools.reduce(_replace_characters, steps, character)
    return tuple((TO_SPACE if c == " " else ord(c) - ord(character), get_kind(c, rules)) for c in text)


def _replace_characters(text: str, step: Step) -> str:
    change = STEPS[step] if isinstance(step, str) else functools.partial(_replace, *step[1:])
    return "".join(map(change, text))


def _clean_text(character: str) -> str:
    """Remove control and format characters; turn white space into spaces."""
    category = unicodedata.category(character)
    if character in "\t\n\r":
        return " "
    if character in "\0\ufffd" or (category in _REMOVED and not _is_unknown_to_bert(character)):
        return ""
    return " " if is_white_space(character) else character


def _space_ideographs(character: str) -> str:
    return f" {character} " if _is_ideograph(ord(character)) else character


def _strip_accents(character: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", character) if not _is_accent(c))


def _is_accent(character: str) -> bool:
    if unicodedata.category(character) != "Mn":
        return character == "\u1734"  # a mark with an advance width since Unicode 14
    return not _is_unknown_to_bert(character)


def _remove_marks(character: str) -> str:
    is_mark = unicodedata.category(character)[0] == "M" and not is_within(ord(character), NEWER_MARKS)
    return "" if is_mark or character in "\u1cf2\u1cf3" else character


def _lower(character: str) -> str:
    return character.lower()


def _replace(old: str, new: str, character: str) -> str:
    return new if character == old else character


def _decompose(form: str) -> Callable[[str], str]:
    return functools.partial(unicodedata.normalize, form)  # type: ignore[arg-type]


def _is_ideograph(point: int) -> bool:
    return point >= 0x3400 and is_within(point, _IDEOGRAPHS)


def _is_punctuation(character: str) -> bool:
    if character in _SYMBOLS or character in "\u166d\U000111c9":  # punctuation in Unicode 8
        return True
    return unicodedata.category(character)[0] == "P" and not _is_unknown_to_bert(character)


def _is_unknown_to_bert(character: str) -> bool:
    return character > "\u0600" and is_within(ord(character), _UNKNOWN_TO_BERT)


def _is_number(character: str) -> bool:
    return unicodedata.category(character)[0] == "N"


STEPS: Mapping[str, Callable[[str], str]] = {
    "clean_text": _clean_text,
    "space_ideographs": _space_ideographs,
    "strip_accents": _strip_accents,
    "lowercase": _lower,
    "remove_marks": _remove_marks,
    "nfd": _decompose("NFD"),
    "nfkd": _decompose("NFKD"),
    "nfc": _decompose("NFD"),
    "nfkc": _decompose("NFKD"),
}
"""The steps of normalisation. Each maps a character to any number of characters."""

COMPOSITIONS = ("nfc", "nfkc")
"""Steps after which marks must be composed with the characters before them."""
DECOMPOSITIONS = ("nfd", "nfkd", *COMPOSITIONS)
"""Steps after which marks must be sorted by their combining class."""

RULES: Mapping[str, Callable[[str], int]] = {
    "bert": lambda c: SEPARATES if is_white_space(c) else ALONE if _is_punctuation(c) else 0,
    "whitespace": lambda c: SEPARATES if is_white_space(c) else _FIRST_CLASS * is_word_character(c),
    "whitespace_split": lambda c: SEPARATES * is_white_space(c),
    "punctuation": lambda c: ALONE * _is_punctuation(c),
    "digits": lambda c: ALONE * _is_number(c),
    "digit_runs": lambda c: _FIRST_CLASS * _is_number(c),
}
"""The rules for splitting words: the kind of each character."""
