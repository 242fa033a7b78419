"""Splitting of raw text into tokens and sentences, with NumPy, as the graph of a SavedModel splits it.

`tfkd.text.segmentation` documents the rules, and gives the model file its patterns. `docs/serving.md` describes them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from tfkd_runtime.characters import BEGINS, BREAK, CLOSER, SEPARATOR, SINGLE, TERMINAL, CharacterTables


class Segments(NamedTuple):
    """The tokens of a batch of passages, with the limits of sentences and passages.

    Attributes:
        tokens: The tokens of all passages.
        starts: Start of each token in its passage, in code points, int64 `[tokens]`.
        ends: End of each token, exclusive, int64 `[tokens]`.
        sentences: Index of the token's sentence within its passage, int64 `[tokens]`.
        sentence_splits: Sentence `s` of the batch has the tokens `splits[s]` to `splits[s + 1]`, int64.
        passage_splits: The same for passages. A passage without tokens has no sentence.
    """

    tokens: list[str]
    starts: np.ndarray
    ends: np.ndarray
    sentences: np.ndarray
    sentence_splits: np.ndarray
    passage_splits: np.ndarray


@dataclass(frozen=True)
class SentenceRules:
    """The rules by which text is split.

    Attributes:
        characters: The tables of characters.
        never_last: Pattern of abbreviations that never end a sentence.
        seldom_last: Pattern of abbreviations that end a sentence only before one of `openers`; single letters do, too.
        openers: Pattern of words that often start a sentence.
    """

    characters: CharacterTables
    never_last: str
    seldom_last: str
    openers: str

    @cached_property
    def _never_last(self) -> re.Pattern[str]:
        return re.compile(self.never_last)

    @cached_property
    def _seldom_last(self) -> re.Pattern[str]:
        return re.compile(self.seldom_last)

    @cached_property
    def _openers(self) -> re.Pattern[str]:
        return re.compile(self.openers)

    def goes_on(self, word: str, next_word: str) -> bool:
        """Tell whether a sentence goes on after a word and a full stop."""
        if self._never_last.fullmatch(word):
            return True
        is_short = self.characters.is_letter(word) or self._seldom_last.fullmatch(word) is not None
        return is_short and self._openers.fullmatch(next_word) is None

    def segment(self, passages: Sequence[str]) -> Segments:
        """Split passages into tokens and sentences.

        Args:
            passages: Texts without halves of surrogate pairs; they may be empty.
        """
        # With a line feed after each passage, the later steps need not check whether a passage has ended.
        text = "".join([part for passage in passages for part in (passage, "\n")])
        origins = np.fromiter(accumulate((len(passage) + 1 for passage in passages), initial=0), np.int64)
        points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        flags = np.frombuffer(text.encode("latin-1", "replace").translate(self.characters.latin), np.uint8)
        beyond = np.flatnonzero(points > 255)
        if beyond.size:
            flags = flags.copy()
            flags[beyond] = self.characters.flags[points[beyond]]

        single = flags & SINGLE != 0
        word = flags & (SINGLE | SEPARATOR) == 0
        first, last = single.copy(), single
        first[:1] |= word[:1]
        first[1:] |= word[1:] & ~word[:-1]
        last[:-1] |= word[:-1] & ~word[1:]
        firsts, ends = np.flatnonzero(first), np.flatnonzero(last) + 1
        tokens = [text[start:end] for start, end in zip(firsts.tolist(), ends.tolist(), strict=True)]

        passage_splits = np.searchsorted(firsts, origins)
        sizes = np.diff(passage_splits)
        is_end = self._ends_sentence(tokens, flags[firsts], firsts, ends, passage_splits)
        is_end[passage_splits[1:][sizes > 0] - 1] = True
        is_end |= _has_break_after(points, flags, firsts)
        numbers = np.cumsum(is_end) - is_end
        starts_of_passages = np.repeat(origins[:-1], sizes)
        first_numbers = numbers[np.minimum(passage_splits[:-1], max(len(tokens) - 1, 0))] if tokens else numbers
        return Segments(
            tokens=tokens,
            starts=firsts - starts_of_passages,
            ends=ends - starts_of_passages,
            sentences=numbers - np.repeat(first_numbers, sizes) if tokens else numbers,
            sentence_splits=np.concatenate([[0], np.flatnonzero(is_end) + 1]),
            passage_splits=passage_splits,
        )

    def _ends_sentence(
        self,
        tokens: Sequence[str],
        flags: np.ndarray,
        firsts: np.ndarray,
        ends: np.ndarray,
        passage_splits: np.ndarray,
    ) -> np.ndarray:
        """Return for each token whether a sentence ends with it by the rule for terminals.

        Args:
            tokens: The tokens.
            flags: Flags of the first character of each token.
            firsts: Index of the first code point of each token in the batch.
            ends: Index behind the last code point of each token.
            passage_splits: The limits of passages.
        """
        is_end = np.zeros(len(tokens), bool)
        gap_after = np.zeros(len(tokens), bool)
        gap_after[:-1] = firsts[1:] > ends[:-1]
        # A closer, such as a bracket, belongs to the token before it if nothing lies between.
        is_anchor = flags & CLOSER == 0
        is_anchor[:1] = True
        is_anchor[1:] |= gap_after[:-1]
        anchors = np.flatnonzero(is_anchor)
        terminals = anchors[np.cumsum(is_anchor) - 1]
        begins_next = np.zeros(len(tokens), bool)
        begins_next[:-1] = flags[1:] & BEGINS != 0
        candidates = np.flatnonzero((flags[terminals] & TERMINAL != 0) & gap_after & begins_next)
        heads = set(passage_splits.tolist())
        for candidate, terminal in zip(candidates.tolist(), terminals[candidates].tolist(), strict=True):
            is_full_stop = tokens[terminal] == "." and terminal not in heads
            is_end[candidate] = not (is_full_stop and self.goes_on(tokens[terminal - 1], tokens[candidate + 1]))
        return is_end


def _has_break_after(points: np.ndarray, flags: np.ndarray, firsts: np.ndarray) -> np.ndarray:
    """Return for each token whether a blank line (at least two line breaks) follows it."""
    breaks = np.flatnonzero(flags & BREAK)
    is_second = (points[breaks] == ord("\n")) & (points[np.maximum(breaks - 1, 0)] == ord("\r"))
    next_tokens = np.searchsorted(firsts, breaks[~is_second])
    return np.bincount(next_tokens, minlength=len(firsts) + 1)[1:] >= 2
