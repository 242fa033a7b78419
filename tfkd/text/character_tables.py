"""Tables of characters for programs without TensorFlow, read off TensorFlow itself.

TensorFlow's lower-casing (ICU) and its regular expressions (RE2) follow a version of Unicode that is not Python's. So
each code point is put through them once, and an exported model carries the answers.
"""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf

from tfkd.text.code_points import make_flag_table
from tfkd_runtime.characters import (
    BLOCK,
    CASED,
    CODE_POINTS,
    FINAL_SIGMA,
    IGNORED,
    LETTER,
    LOWER,
    NUMBER,
    SIGMA,
    UPPER,
    CharacterTables,
)

_SURROGATES = range(0xD800, 0xE000)
_END = "\n|"
"""Two characters that are neither cased nor ignored, and that do not follow one another elsewhere."""


@functools.cache
def make_character_tables() -> CharacterTables:
    """Return the tables of all code points, which take seconds to make.

    Example:
        >>> tables = make_character_tables()
        >>> tables.lower_case("\u0391\u03a3"), tables.is_letter("\u03b1")
        ('\u03b1\u03c2', True)
    """
    index, blocks = make_flag_table()
    flags = blocks.reshape(-1, BLOCK)[index].ravel()
    # UTF-8 cannot express halves of surrogate pairs.
    characters = ["" if point in _SURROGATES else chr(point) for point in range(CODE_POINTS)]
    texts = tf.constant(characters)
    upper, lower, letter, number = (
        tf.strings.regex_full_match(texts, pattern).numpy() for pattern in (r"\p{Lu}", r"\p{Ll}", r"\p{L}", r"\p{N}")
    )
    kinds = UPPER * upper + LOWER * lower + LETTER * (letter & ~upper & ~lower) + NUMBER * number
    # A sigma after a cased character is a final one, and stays one after characters that are ignored.
    cased = _makes_final("", characters)
    ignored = _makes_final("a", characters) & ~cased
    kinds = (kinds + CASED * cased + IGNORED * ignored).astype(np.uint8)
    return CharacterTables(flags, kinds, _lower_cases(characters))


def _lower_cases(characters: list[str]) -> dict[int, str]:
    """Return the lower-case form of each character that has one."""
    forms = tf.strings.lower(tf.constant(characters), encoding="utf-8").numpy().tolist()
    changed = ((point, form.decode()) for point, form in enumerate(forms) if form)
    return {point: form for point, form in changed if form != characters[point]}


def _makes_final(before: str, characters: list[str]) -> np.ndarray:
    """Return whether a sigma after these characters is a final one, bool `[characters]`."""
    final = []
    for start in range(0, len(characters), BLOCK):
        # A null character would end the text.
        block = ["" if character == "\0" else character for character in characters[start : start + BLOCK]]
        text = "".join(f"{before}{character}{SIGMA}{_END}" for character in block)
        lowered = tf.strings.lower(text, encoding="utf-8").numpy().decode()
        final += [part.endswith(FINAL_SIGMA) for part in lowered.split(_END)[:-1]]
    return np.array(final)
