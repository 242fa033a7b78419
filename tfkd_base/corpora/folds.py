"""Folds of labelled sentences: each model is trained without one of them, and predicts the sentences of that one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tfkd_base.corpora.corpus import Corpus
from tfkd_base.corpora.sentence_hashes import HashedSentences, Match, SentenceHashes
from tfkd_base.errors import CorpusError
from tfkd_base.seeds import make_generator


class Folds:
    """Random division of labelled sentences into folds of equal size.

    Sentences are compared by `SentenceHashes`: equal ones are in the same fold, whatever their corpus.

    Args:
        sentences: The tokens of each labelled sentence.
        number: The number of folds, at least 2.
        seed: Seed of the division.
        variants: Variants of labelled sentences, each with its sentence, whose fold it belongs to.

    Attributes:
        number: The number of folds.
        sentences: Number of the different sentences.
        hashes: The sentences of each fold.

    Raises:
        CorpusError: There are fewer than two folds, or fewer different sentences than folds.

    Example:
        >>> folds = Folds([["BRCA1"], ["TP53", "binds"], ["brca1"], ["in", "man"], ["GH1", "falls"]], 2)
        >>> folds.sentences, [len(fold) for fold in folds.hashes]
        (4, [2, 2])
        >>> first, again = folds.find([["BRCA1"], ["brca1"]])
        >>> bool(first == again)
        True
    """

    def __init__(
        self,
        sentences: Iterable[Sequence[str]],
        number: int,
        seed: int = 1,
        variants: Iterable[tuple[Sequence[str], Sequence[str]]] = (),
    ) -> None:
        check_number(number)
        tokens = list(sentences)
        wholes = HashedSentences(tokens).wholes
        different = np.unique(wholes)
        if len(different) < number:
            raise CorpusError(
                f"cannot divide {len(different)} different labelled sentences into {number} folds: expected "
                + (f"2 to {len(different)} folds." if len(different) > 1 else "the sentences of a corpus.")
            )
        self.number, self.sentences = number, len(different)
        order = make_generator(seed, "folds", number).permutation(len(different))
        fold_of = np.empty(len(different), np.int64)
        fold_of[order] = np.arange(len(different)) % number
        self.hashes = _hash_folds(tokens, fold_of[np.searchsorted(different, wholes)], number)
        pairs = list(variants)
        of_variant = _find(self.hashes, HashedSentences([sentence for _, sentence in pairs]), Match.WHOLE)
        self._variants = _hash_folds([variant for variant, _ in pairs], of_variant, number)

    @property
    def fingerprint(self) -> str:
        """Hash of the division."""
        digest = hashlib.blake2b(digest_size=16)
        for fold in self.hashes:
            digest.update(fold.wholes.tobytes() + b"|")
        return digest.hexdigest()

    def find(self, sentences: Sequence[Sequence[str]]) -> NDArray[np.int64]:
        """Return the fold of each sentence, int64 `[sentences]`; -1 for a sentence that is in none.

        A sentence that is part of a labelled one, or has one as a part, belongs to its fold, and so does a variant.

        Args:
            sentences: The tokens of each sentence.
        """
        hashed = HashedSentences(sentences)
        found = _find(self.hashes, hashed, Match.CONTAINED)
        return np.where(found < 0, _find(self._variants, hashed, Match.WHOLE), found)

    def without(self, fold: int, corpora: Mapping[str, Corpus]) -> dict[str, Corpus]:
        """Return corpora whose training sets do not have the sentences of a fold, see `exclude_sentences`.

        Args:
            fold: The fold, from 0.
            corpora: The corpus of each task.
        """
        return exclude_sentences(corpora, self.hashes[fold])


def _hash_folds(tokens: Sequence[Sequence[str]], fold_of: NDArray[np.int64], number: int) -> tuple[SentenceHashes, ...]:
    return tuple(
        SentenceHashes.of(tokens[row] for row in np.flatnonzero(fold_of == fold).tolist()) for fold in range(number)
    )


def _find(folds: Sequence[SentenceHashes], hashed: HashedSentences, least: Match) -> NDArray[np.int64]:
    matches = np.stack([fold.match(hashed) for fold in folds])
    return np.where(matches.max(axis=0, initial=0) >= least, matches.argmax(axis=0), -1)


def check_number(folds: int) -> None:
    """Check a number of folds.

    Raises:
        CorpusError: There are fewer than two.
    """
    if folds < 2:
        raise CorpusError(
            f"expected at least 2 folds, got {folds}: a teacher without the only fold would have nothing to learn "
            "from. Without folds the teacher itself labels all sentences."
        )


def exclude_sentences(corpora: Mapping[str, Corpus], known: SentenceHashes) -> dict[str, Corpus]:
    """Drop every training sentence that is in a set of sentences, as a whole or in part.

    The corpora keep their entity types: models of them have the same tags.

    Args:
        corpora: The corpus of each task.
        known: The sentences to drop.

    Raises:
        CorpusError: A training set has no other sentences.
    """
    kept = {}
    for name, corpus in corpora.items():
        train = corpus.splits.get("train", ())
        is_dropped = known.match(sentence.tokens for sentence in train) >= Match.CONTAINED
        if not is_dropped.any():
            kept[name] = corpus
            continue
        if is_dropped.all():
            raise CorpusError(
                f"all {len(train):,} training sentences of {name!r} are excluded, as those of a fold or of a corpus in "
                "`held_out`: take more folds, or leave out one of the corpora."
            )
        rest = corpus.with_split("train", [s for s, drop in zip(train, is_dropped, strict=True) if not drop])
        if rest.types != corpus.types:
            report = rest.report.splits["train"]
            entities = {**dict.fromkeys(corpus.types, 0), **report.entities}
            splits = {**rest.report.splits, "train": replace(report, entities=entities)}
            rest = replace(rest, report=replace(rest.report, splits=splits))
        kept[name] = rest
    return kept
