"""Features of words, with plain Python, as `tfkd.text.WordFeatures` computes them in a graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from tfkd_runtime.characters import LETTER, LOWER, NUMBER, UPPER, CharacterTables

CASINGS = ("padding", "lower", "upper", "title", "mixed", "number", "with_digit", "punctuation", "other")
"""Casing classes of words, in the order of the ids of the feature `casing`."""
_IDS = {name: number for number, name in enumerate(CASINGS)}


@dataclass(frozen=True)
class WordReader:
    """Turns words into the ids that a model reads.

    Attributes:
        words: The vocabulary in normalised form. Its ids start at 2; 1 is the unknown word, 0 the padding.
        characters: The known characters. Their ids start at 2; 1 is the unknown character, 0 the padding.
        lowercase: Whether words are converted to lower case for the vocabulary.
        normalize_digits: Whether digits are replaced by 0 for the vocabulary.
        max_characters: Number of characters that are kept of each word, half of them at its end.
        tables: The tables of characters.
    """

    words: Sequence[str]
    characters: Sequence[str]
    lowercase: bool
    normalize_digits: bool
    max_characters: int
    tables: CharacterTables

    @cached_property
    def _word_ids(self) -> dict[str, int]:
        return {"": 0} | {word: number for number, word in enumerate(self.words, 2)}

    @cached_property
    def _character_ids(self) -> dict[str, int]:
        return {character: number for number, character in enumerate(self.characters, 2)}

    def word_id(self, word: str) -> int:
        """Return the id of a word."""
        if self.lowercase:
            word = self.tables.lower_case(word)
        if self.normalize_digits:
            word = word.translate(_DIGITS)
        return self._word_ids.get(word, 1)

    def character_ids(self, word: str) -> list[int]:
        """Return the ids of a word's characters, padded to `max_characters`."""
        size = self.max_characters
        if len(word) > size:
            head = size // 2
            word = word[:head] + word[len(word) - size + head :]
        get = self._character_ids.get
        return [get(character, 1) for character in word] + [0] * (size - len(word))

    def casing_id(self, word: str) -> int:
        """Return the index of a word's class in `CASINGS`."""
        return _IDS[self._casing(word)]

    def _casing(self, word: str) -> str:
        if not word:
            return "padding"
        kinds = self.tables.kinds_of(word)
        has = 0
        for kind in kinds:
            has |= kind
        if has & NUMBER:
            if all(kind & NUMBER or character in ".," for kind, character in zip(kinds, word, strict=True)):
                return "number"
            return "other" if "\n" in word else "with_digit"
        if has & UPPER:
            if not has & LOWER:
                return "upper"
            is_title = kinds[0] & UPPER and not any(kind & UPPER for kind in kinds[1:])
            return "title" if is_title else "mixed"
        if has & LOWER:
            return "lower"
        return "other" if has & LETTER else "punctuation"


_DIGITS = dict.fromkeys(range(ord("0"), ord("9") + 1), "0")
