"""Unlabelled sentences to learn from, without those of development and test sets."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tfkd_base.corpora.corpus import Corpus, Sentence
from tfkd_base.corpora.overlap import held_out_keys, sentence_key
from tfkd_base.errors import CorpusError


@dataclass(frozen=True, slots=True)
class TransferReport:
    """Numbers of sentences that were read, dropped and kept."""

    read: int
    """sentences of all sources"""
    held_out: int
    """dropped, because they are in a development or test set"""
    repeated: int
    """dropped, because they are labelled or repeated"""
    kept: int
    """the rest, or the sample of it"""

    def __str__(self) -> str:
        """Return the numbers in one line."""
        return (
            f"{self.kept:,} of {self.read:,} sentences, {self.held_out:,} dropped that are in a development or test "
            f"set, {self.repeated:,} that are labelled or repeated"
        )


class TransferSentences(Iterable[tuple[str, ...]]):
    """The sentences of some sources that a student may learn from, in order. Each iteration reads the sources again.

    Sentences of a development or test set, labelled sentences and repetitions are dropped, however short, by
    `sentence_key`. Only 16 bytes of each sentence are held in memory, and only while the choice is made.

    Args:
        sources: Token sequences of each source; each must restart with every iteration.
        corpora: Corpora whose development and test sets are excluded.
        labelled: The labelled sentences of the student.
        sentences: Number of sentences to draw at random. Default: all.
        seed: Seed of the draw.
        further: Corpora whose development and test sets are excluded after the draw, which does not depend on them.

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
        corpora: Iterable[Corpus],
        labelled: Iterable[Sentence] = (),
        sentences: int | None = None,
        seed: int = 1,
        further: Iterable[Corpus] = (),
    ) -> None:
        self._sources = sources
        # Short sentences are excluded too: little is lost with them.
        held_out, further_held_out = held_out_keys(corpora, 1), held_out_keys(further, 1)
        seen = {_digest(sentence_key(sentence)) for sentence in labelled}
        read = from_held_out = repeated = 0
        candidates, barred = [], []
        for index, tokens in enumerate(self._read()):
            read = index + 1
            key = sentence_key(Sentence(tuple(tokens), ()))
            digest = _digest(key)
            if key in held_out:
                from_held_out += 1
            elif digest in seen or not tokens:
                repeated += 1
            else:
                seen.add(digest)
                candidates.append(index)
                if key in further_held_out:
                    barred.append(index)
        chosen = np.array(candidates, np.int64)
        if sentences is not None and sentences < len(chosen):
            chosen = np.random.default_rng(seed).choice(chosen, size=sentences, replace=False)
        kept = np.setdiff1d(chosen, barred)
        from_held_out += len(chosen) - len(kept)
        if not len(kept):
            raise CorpusError(
                f"there is no sentence to transfer: {read:,} were read, {from_held_out:,} of which are in a "
                f"development or test set and {repeated:,} are labelled or repeated. Name other text."
            )
        self._kept = _Chosen(self._read, read, kept)
        self.drawn: Iterable[tuple[str, ...]] = _Chosen(self._read, read, chosen)
        self.report = TransferReport(read, from_held_out, repeated, len(kept))

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


def _digest(key: str) -> bytes:
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()
