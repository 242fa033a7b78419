"""Unlabelled sentences to learn from, without those of development and test sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tfkd_base.corpora.corpus import Corpus, Sentence
from tfkd_base.corpora.overlap import hash_held_out
from tfkd_base.corpora.sentence_hashes import Match, SentenceHashes, match_all
from tfkd_base.errors import CorpusError


@dataclass(frozen=True, slots=True)
class TransferReport:
    """Numbers of sentences that were read, dropped and kept."""

    read: int
    """sentences of all sources"""
    held_out: int
    """dropped, because they are in a development or test set, or share eight words in a row with it"""
    repeated: int
    """dropped, because they are labelled or repeated"""
    kept: int
    """the rest, or the sample of it"""
    held_out_parts: int = 0
    """those of `held_out` that only share a part with a development or test sentence"""
    drawn: int = 0
    """those that were drawn, before sentences of `further` sets were dropped"""

    def __str__(self) -> str:
        """Return the numbers in one line."""
        parts = f" ({self.held_out_parts:,} of them in part)" if self.held_out_parts else ""
        return (
            f"{self.kept:,} of {self.read:,} sentences, {self.held_out:,} dropped that are in a development or test "
            f"set{parts}, {self.repeated:,} that are labelled or repeated"
        )


class TransferSentences(Iterable[tuple[str, ...]]):
    """The sentences of some sources that a student may learn from, in order. Each iteration reads the sources again.

    Sentences of a development or test set are dropped, however short, and so are sentences that share a part with one
    of them: eight words in a row, or all words of a sentence of six or seven. Labelled sentences and repetitions are
    dropped too. `SentenceHashes` compares the sentences. Only a hash of each sentence is held in memory, and only
    while the choice is made.

    Args:
        sources: Token sequences of each source; each must restart with every iteration.
        held_out: Corpora whose development and test sets are excluded, or hashes of sentences to exclude.
        labelled: The labelled sentences of the student.
        sentences: Number of sentences to draw at random. Default: all.
        seed: Seed of the draw.
        further: As `held_out`, but excluded after the draw, which does not depend on them.

    Attributes:
        report: Numbers of sentences that were read, dropped and kept.
        drawn: The sentences that are drawn before those of `further` are excluded.

    Raises:
        CorpusError: No sentence remains.

    Example:
        >>> held = Corpus("c", "iob2", {"test": (Sentence(tuple("abcdef"), ("O",) * 6),)})
        >>> sentences = TransferSentences([[tuple("abcdef"), tuple("ghijkl"), tuple("ghijkl")]], [held])
        >>> list(sentences), sentences.report.held_out, sentences.report.repeated
        ([('g', 'h', 'i', 'j', 'k', 'l')], 1, 1)
    """

    def __init__(
        self,
        sources: Sequence[Iterable[Sequence[str]]],
        held_out: Iterable[Corpus | SentenceHashes],
        labelled: Iterable[Sentence] = (),
        sentences: int | None = None,
        seed: int = 1,
        further: Iterable[Corpus | SentenceHashes] = (),
    ) -> None:
        self._sources = sources
        matches, wholes = match_all(self._read(), [hash_held_out(held_out), hash_held_out(further)])
        is_labelled = np.isin(wholes, SentenceHashes.of(sentence.tokens for sentence in labelled).wholes)
        is_repeated = np.ones(len(wholes), bool)
        is_repeated[np.unique(wholes, return_index=True)[1]] = False
        is_empty = wholes == SentenceHashes.of([()]).wholes
        is_barred = matches != Match.NONE
        is_candidate = ~(is_barred[0] | is_labelled | is_repeated | is_empty)
        chosen = np.flatnonzero(is_candidate)
        if sentences is not None and sentences < len(chosen):
            chosen = np.sort(np.random.default_rng(seed).choice(chosen, size=sentences, replace=False))
        kept = chosen[~is_barred[1, chosen]]
        dropped = np.r_[matches[0, is_barred[0]], matches[1, chosen[is_barred[1, chosen]]]]
        self.report = TransferReport(
            read=len(wholes),
            held_out=len(dropped),
            repeated=int(np.sum(~is_barred[0] & ~is_candidate)),
            kept=len(kept),
            held_out_parts=int(np.sum(dropped != Match.WHOLE)),
            drawn=len(chosen),
        )
        if not len(kept):
            raise CorpusError(
                f"there is no sentence to transfer: {self.report.read:,} were read, {self.report.held_out:,} of which "
                f"are in a development or test set and {self.report.repeated:,} are labelled or repeated. Name other "
                "text."
            )
        self._kept = _Chosen(self._read, len(wholes), kept)
        self.drawn: Iterable[tuple[str, ...]] = _Chosen(self._read, len(wholes), chosen)

    def __len__(self) -> int:
        """Return the number of sentences."""
        return self.report.kept

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        """Read the kept sentences one by one."""
        return iter(self._kept)

    def _read(self) -> Iterator[Sequence[str]]:
        for source in self._sources:
            yield from source


class _Chosen(Iterable[tuple[str, ...]]):
    """Sentences of a stream, chosen by their index."""

    def __init__(self, read: Callable[[], Iterator[Sequence[str]]], number: int, chosen: np.ndarray) -> None:
        self._read = read
        self._mask = np.zeros(number, bool)
        self._mask[chosen] = True

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        for chosen, tokens in zip(self._mask, self._read(), strict=True):
            if chosen:
                yield tuple(tokens)
