"""Sentences that are in a training set and also in a development or test set.

Sentences are compared by `SentenceHashes`: by their words, whatever the case, the punctuation and the tokenisation. A
sentence is in a set if it is one of its sentences, part of one, or has one as a part; a part has six words or more.
Sentences of fewer than six tokens that are equal, such as headings, recur by chance and are skipped by default.
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfkd_base.corpora.corpus import Corpus, Sentence
from tfkd_base.corpora.sentence_hashes import Match, SentenceHashes, match_all

LEAST_TOKENS = 6
HELD_OUT = ("devel", "test")


@dataclass(frozen=True, slots=True)
class Overlap:
    """Number of sentences of a held-out set that are also in a set that a model learns from."""

    corpus: str
    """the corpus to learn from"""
    split: str
    """its split, usually `train`"""
    held_out_corpus: str
    """the corpus to be scored, perhaps the same"""
    held_out_split: str
    """its split, `devel` or `test`"""
    sentences: int
    """sentences of the held-out split that are also in the other, with the same text"""
    out_of: int
    """sentences of the held-out split that are long enough to be compared"""
    similar: int = 0
    """further sentences of the held-out split that differ from one of the other in punctuation only, are part of one,
    or have one as a part"""


def sentence_key(sentence: Sentence) -> str:
    """Return a key that is equal for sentences with the same text, apart from spaces and case.

    Args:
        sentence: The sentence.

    Example:
        >>> tags = ("O", "O", "O")
        >>> sentence_key(Sentence(("IL", "-", "2"), tags)) == sentence_key(Sentence(("il-2",), tags[:1]))
        True
    """
    text = "".join(sentence.tokens)
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()


def held_out_hashes(corpora: Iterable[Corpus], least_tokens: int = 1) -> SentenceHashes:
    """Hash the sentences of development and test sets.

    Args:
        corpora: The corpora.
        least_tokens: Shorter sentences are skipped.

    Example:
        >>> corpus = Corpus("tiny", "iob2", {"test": (Sentence(tuple("abcdef"), ("O",) * 6),)})
        >>> held_out_hashes([corpus]).match(["abcdef", "xyz"]).tolist()
        [3, 0]
    """
    splits = (corpus.splits.get(split, ()) for corpus in corpora for split in HELD_OUT)
    return SentenceHashes.of(s.tokens for sentences in splits for s in sentences if len(s.tokens) >= least_tokens)


def hash_held_out(held_out: Iterable[Corpus | SentenceHashes]) -> SentenceHashes:
    """Join the development and test sets of corpora, and sets of sentences that are hashed already.

    Args:
        held_out: Corpora and hashes.
    """
    given = list(held_out)
    hashes = [each for each in given if isinstance(each, SentenceHashes)]
    return SentenceHashes.union([*hashes, held_out_hashes(each for each in given if isinstance(each, Corpus))])


def overlap(
    corpora: Mapping[str, Corpus], *, splits: Sequence[str] = ("train",), least_tokens: int = LEAST_TOKENS
) -> list[Overlap]:
    """Find the sentences of development and test sets that are also in training sets of these corpora.

    Args:
        corpora: Corpora by name.
        splits: The splits to compare with: `train`, or `train` and `devel`. A set is not compared with itself, and
            development sets are not compared with one another.
        least_tokens: Shorter held-out sentences are skipped.

    Returns:
        One record for each pair of sets that share a sentence, in the order of the corpora.

    Example:
        >>> rows = (Sentence(tuple("abcdef"), ("O",) * 6),)
        >>> one, two = Corpus("one", "iob2", {"train": rows}), Corpus("two", "iob2", {"test": rows})
        >>> overlap({"one": one, "two": two})[0].sentences
        1
    """
    learned = {
        (name, split): corpus.splits[split]
        for name, corpus in corpora.items()
        for split in splits
        if split in corpus.splits and split != "test"
    }
    hashes = [SentenceHashes.of(s.tokens for s in sentences) for sentences in learned.values()]
    held_out = {}
    for name, corpus in corpora.items():
        for split in HELD_OUT:
            sentences = [s for s in corpus.splits.get(split, ()) if len(s.tokens) >= least_tokens]
            matches, _ = match_all((s.tokens for s in sentences), hashes)
            held_out[name, split] = [*map(sentence_key, sentences)], matches >= Match.CONTAINED
    overlaps = []
    for i, (name, split) in enumerate(learned):
        texts = set(map(sentence_key, learned[name, split]))
        for (other, other_split), (keys, is_similar) in held_out.items():
            if split == other_split:
                continue
            is_equal = np.array([key in texts for key in keys], bool)
            equal, similar = int(is_equal.sum()), int((is_similar[i] & ~is_equal).sum())
            if equal or similar:
                overlaps.append(Overlap(name, split, other, other_split, equal, len(keys), similar))
    return overlaps


def without_held_out(
    corpora: Mapping[str, Corpus], *, least_tokens: int = LEAST_TOKENS
) -> tuple[dict[str, Corpus], dict[str, int]]:
    """Drop every training sentence that is in the development or test set of any of the corpora.

    Args:
        corpora: Corpora by name, such as the tasks of one teacher.
        least_tokens: Shorter held-out sentences are ignored.

    Returns:
        The corpora under the same names, and the number of training sentences that each of them lost. A corpus without
        a training set is unchanged.

    Example:
        >>> rows = (Sentence(tuple("abcdef"), ("O",) * 6), Sentence(tuple("ghijkl"), ("O",) * 6))
        >>> one, two = Corpus("one", "iob2", {"train": rows}), Corpus("two", "iob2", {"test": rows[:1]})
        >>> kept, dropped = without_held_out({"one": one, "two": two})
        >>> len(kept["one"].train), dropped
        (1, {'one': 1, 'two': 0})
    """
    held_out = held_out_hashes(corpora.values(), least_tokens)
    kept: dict[str, Corpus] = {}
    dropped: dict[str, int] = {}
    for name, corpus in corpora.items():
        is_dropped = held_out.match(s.tokens for s in corpus.splits.get("train", ())) >= Match.CONTAINED
        kept[name], dropped[name] = drop_training_sentences(corpus, is_dropped), int(is_dropped.sum())
    return kept, dropped


def drop_training_sentences(corpus: Corpus, is_dropped: NDArray[np.bool_]) -> Corpus:
    """Return a corpus without some training sentences; the same corpus if there are none to drop.

    Args:
        corpus: The corpus.
        is_dropped: Whether each training sentence is dropped, `[sentences]`.

    Example:
        >>> corpus = Corpus("tiny", "iob2", {"train": (Sentence(("a",), ("O",)), Sentence(("b",), ("O",)))})
        >>> drop_training_sentences(corpus, np.array([True, False])).train[0].tokens
        ('b',)
    """
    if not is_dropped.any():
        return corpus
    return corpus.with_split("train", itertools.compress(corpus.train, ~is_dropped))
