"""Hashes of sentences, by which text is found again: as a whole, glued, cut, and tokenised in another way.

A sentence is compared by its words: runs of letters and digits, after Unicode compatibility normalisation (NFKC) and
case folding. Punctuation, white space, soft hyphens and other invisible characters do not count.

A hash has 64 bits. That of a window of six words has 48 bits, and the number of words of its sentence in the others.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Hashes: TypeAlias = NDArray[np.uint64]

WINDOW = 6
"""Words of a window. Shorter sentences are only compared as wholes."""
RUN = 8
"""Words in a row that two sentences share, so that one counts as a part of the other."""

_CHUNK = 4096
"""Sentences that are hashed at once."""
_LENGTH_MASK = np.uint64(2**16 - 1)
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_WORD = re.compile(r"[^\W_]+")
# Soft hyphens, zero-width and direction characters. They stand within words, also where a tokeniser cut at them.
_INVISIBLE = re.compile("\\s*[\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff]+\\s*")


class Match(IntEnum):
    """How much of a sentence is known, from nothing to all of it."""

    NONE = 0
    RUN = 1
    """It shares eight words in a row with a known sentence."""
    CONTAINED = 2
    """It is part of a known sentence, or has a known sentence as a part; that part has six words or more."""
    WHOLE = 3
    """It is a known sentence."""


def normalized_words(tokens: Iterable[str]) -> list[str]:
    r"""Return the words of a sentence by which it is compared.

    Args:
        tokens: The tokens, in any tokenisation.

    Example:
        >>> normalized_words(["The", "β-cate\u00adnin", "(", "IL", "-", "2", ")", "."])
        ['the', 'β', 'catenin', 'il', '2']
    """
    return _WORD.findall(_normalize(" ".join(tokens)))


def _normalize(text: str) -> str:
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).casefold()


@dataclass(frozen=True, eq=False)
class SentenceHashes:
    """Set of sentences, of which only hashes are kept: 8 bytes for each sentence and for each of its words.

    Attributes:
        wholes: Hashes of the sentences as wholes, each once, ascending.
        windows: Hashes of their windows, ascending.

    Example:
        >>> known = SentenceHashes.of([["BRCA1", "binds", "to", "DNA", "in", "human", "cells", "."]])
        >>> len(known), known.match([["brca1", "binds", "to", "DNA", "in", "human", "cells"], ["Cells", "."]]).tolist()
        (1, [3, 0])
        >>> Match(known.match([["Here", "BRCA1", "binds", "to", "DNA", "in", "human", "cells", "only", "."]])[0]).name
        'CONTAINED'
    """

    wholes: Hashes
    windows: Hashes

    @classmethod
    def of(cls, sentences: Iterable[Sequence[str]]) -> SentenceHashes:
        """Hash sentences, given by their tokens."""
        return cls.union(map(cls._of_hashed, _hash_sentences(sentences)))

    @classmethod
    def _of_hashed(cls, chunk: HashedSentences) -> SentenceHashes:
        lengths = np.minimum(chunk.lengths, int(_LENGTH_MASK)).astype(np.uint64)
        return cls(chunk.wholes, chunk.windows | lengths[chunk.sentence_of_window])

    @classmethod
    def union(cls, sets: Iterable[SentenceHashes]) -> SentenceHashes:
        """Return all sentences of several sets."""
        sets = list(sets)
        return cls(_unite([each.wholes for each in sets]), _unite([each.windows for each in sets]))

    def __len__(self) -> int:
        """Return the number of different sentences."""
        return len(self.wholes)

    def match(self, sentences: Iterable[Sequence[str]] | HashedSentences) -> NDArray[np.int8]:
        """Tell how much of each sentence is known.

        Args:
            sentences: The tokens of each sentence; or the hashes of some sentences, for several sets to match.

        Returns:
            A `Match` for each sentence, int8 `[sentences]`.
        """
        if isinstance(sentences, HashedSentences):
            return self._match_hashed(sentences)
        return match_all(sentences, [self])[0][0]

    def _match_hashed(self, chunk: HashedSentences) -> NDArray[np.int8]:
        matches = np.where(_is_in(chunk.wholes, self.wholes), Match.WHOLE, Match.NONE).astype(np.int8)
        if not len(self.windows) or not len(chunk.windows):
            return matches
        # The shortest sentence with the window comes first.
        place = np.minimum(np.searchsorted(self.windows, chunk.windows), len(self.windows) - 1)
        nearest = self.windows[place]
        hits = np.flatnonzero((nearest ^ chunk.windows) <= _LENGTH_MASK)
        if not len(hits):
            return matches
        owner = chunk.sentence_of_window[hits]
        starts = np.flatnonzero(np.r_[True, (np.diff(hits) > 1) | (np.diff(owner) > 0)])
        shared = np.diff(np.r_[starts, len(hits)]) + WINDOW - 1
        owner = owner[starts]
        shortest = np.maximum.reduceat((nearest[hits] & _LENGTH_MASK).astype(np.int64), starts)
        is_part = (shared >= shortest) | (shared >= chunk.lengths[owner])
        partial = np.where(is_part, Match.CONTAINED, np.where(shared >= RUN, Match.RUN, Match.NONE))
        np.maximum.at(matches, owner, partial.astype(np.int8))
        return matches


def match_all(sentences: Iterable[Sequence[str]], sets: Sequence[SentenceHashes]) -> tuple[NDArray[np.int8], Hashes]:
    """Tell how much of each sentence is in each of several sets. Each sentence is hashed once.

    Args:
        sentences: The tokens of each sentence.
        sets: The sets.

    Returns:
        A `Match` for each set and sentence, int8 `[sets, sentences]`, and the hash of each sentence, uint64.

    Example:
        >>> genes, cells = SentenceHashes.of([["BRCA1"]]), SentenceHashes.of([["T", "cells"]])
        >>> match_all([["BRCA1", "."], ["cells"]], [genes, cells])[0].tolist()
        [[3, 0], [0, 0]]
    """
    matches, wholes = [np.empty((len(sets), 0), np.int8)], [np.empty(0, np.uint64)]
    for chunk in _hash_sentences(sentences):
        rows = [each._match_hashed(chunk) for each in sets]
        matches.append(np.array(rows, np.int8).reshape(len(sets), len(chunk.wholes)))
        wholes.append(chunk.wholes)
    return np.concatenate(matches, axis=1), np.concatenate(wholes)


class HashedSentences:
    """Hashes of some sentences, in their order. They take about 100 bytes for each word.

    Args:
        sentences: The tokens of each sentence.

    Attributes:
        wholes: The hash of each sentence.
        lengths: Its number of words.
        windows: Hashes of the windows, one sentence after the other, whose lowest bits are zero.
        sentence_of_window: Index of the sentence of each window.
    """

    def __init__(self, sentences: Sequence[Sequence[str]]) -> None:
        words = [normalized_words(tokens) for tokens in sentences]
        self.lengths = np.array([len(each) for each in words], np.int64)
        self.wholes = np.array(
            # A sentence without a letter or a digit is compared by its punctuation.
            [_hash("".join(each or map(_normalize, tokens))) for each, tokens in zip(words, sentences, strict=True)],
            np.uint64,
        )
        hashes = np.array([_hash_word(word) for each in words for word in each], np.uint64)
        ends = np.repeat(np.cumsum(self.lengths), self.lengths)
        first = np.flatnonzero(np.arange(len(hashes)) + WINDOW <= ends)
        self.sentence_of_window = np.repeat(np.arange(len(words)), self.lengths)[first]
        windows = np.zeros(len(first), np.uint64)
        for offset in range(WINDOW):  # wraps at 64 bits
            windows = (windows ^ hashes[first + offset]) * _FACTOR
            windows ^= windows >> np.uint64(32)
        self.windows = windows & ~_LENGTH_MASK


def _hash_sentences(sentences: Iterable[Sequence[str]]) -> Iterator[HashedSentences]:
    remaining = iter(sentences)
    while chunk := list(itertools.islice(remaining, _CHUNK)):
        yield HashedSentences(chunk)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


@lru_cache(2**17)
def _hash_word(word: str) -> int:
    return _hash(word)


def _unite(parts: list[Hashes]) -> Hashes:
    """Return the different hashes, ascending. `numpy.unique` takes up to 60 times as long for integers."""
    hashes = np.sort(np.concatenate([np.empty(0, np.uint64), *parts]))
    return hashes[np.r_[True, hashes[1:] != hashes[:-1]][: len(hashes)]]


def _is_in(hashes: Hashes, ordered: Hashes) -> NDArray[np.bool_]:
    if not len(ordered):
        return np.zeros(len(hashes), bool)
    return ordered[np.minimum(np.searchsorted(ordered, hashes), len(ordered) - 1)] == hashes
