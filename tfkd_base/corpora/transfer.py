"""Sentences to learn from that nobody labelled for the task: kept apart from those that scores are taken on."""

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
    """What became of the sentences that were read."""

    read: int
    """sentences of all sources"""
    held_out: int
    """left out since they stand in a development or test set"""
    repeated: int
    """left out since they are among the labelled ones or have come before"""
    kept: int
    """those that are left, or were drawn of them"""

    def __str__(self) -> str:
        """Say it in a line."""
        return (
            f"{self.kept:,} of {self.read:,} sentences, {self.held_out:,} left out that stand in a development or test "
            f"set, {self.repeated:,} that are labelled or came before"
        )


class TransferSentences(Iterable[tuple[str, ...]]):
    """The sentences of sources that may be learnt from, in their order; each iteration reads the sources again.

    Left out are those that stand in a development or test set of any corpus in play, those among the labelled ones, and
    repetitions, all by content and however short, see `sentence_key`. Of a sentence only 16 bytes are remembered, and
    only while it is decided which are kept.

    Args:
        sources: Token sequences, by source: each must begin anew with every iteration.
        corpora: The corpora in play, whose development and test sets are kept apart.
        labelled: The sentences that the student learns from with their labels.
        sentences: Draw so many at random; all if there are no more.
        seed: Seed of the draw.
        further: Corpora whose development and test sets are kept apart too, after the draw, which so does not depend on
            them.

    Attributes:
        report: What became of the sentences.
        drawn: The sentences that would be kept without `further`.

    Raises:
        CorpusError: No sentence is left.

    Example:
        >>> held = Corpus("c", "iob2", {"test": (Sentence(tuple("abcdef"), ("O",) * 6),)})
        >>> found = TransferSentences([[tuple("abcdef"), tuple("ghijkl"), tuple("ghijkl")]], [held])
        >>> list(found), found.report.held_out, found.report.repeated
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
        # Short ones too: nothing is lost with them.
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
                f"there is no sentence to transfer: {read:,} were read, {from_held_out:,} of which stand in a "
                f"development or test set and {repeated:,} are labelled already. Name other text."
            )
        self._kept = _Chosen(self._read, read, kept)
        self.drawn: Iterable[tuple[str, ...]] = _Chosen(self._read, read, chosen)
        self.report = TransferReport(read, from_held_out, repeated, len(kept))

    def __len__(self) -> int:
        """Return the number of sentences."""
        return self.report.kept

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        """Read the sentences that are kept, one by one."""
        return iter(self._kept)

    def _read(self) -> Iterator[Sequence[str]]:
        for source in self._sources:
            yield from source


class _Chosen(Iterable[tuple[str, ...]]):
    """Those of a stream of sentences that were chosen, by their index."""

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
