"""Sentences that are in a training set and also in a development or test set.

Two sentences count as the same if their tokens, joined without spaces, are equal after Unicode compatibility
normalisation (NFKC) and case folding. The tokenisation does not matter, the wording does. Short sentences, such as
headings, recur by chance and are skipped.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tfkd_base.corpora.corpus import Corpus, Sentence

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
    """sentences of the held-out split that are also in the other"""
    out_of: int
    """sentences of the held-out split that are long enough to be compared"""


def sentence_key(sentence: Sentence) -> str:
    """Return a key that is equal for sentences that count as the same: their text without spaces and case.

    Args:
        sentence: The sentence.

    Example:
        >>> tags = ("O", "O", "O")
        >>> sentence_key(Sentence(("IL", "-", "2"), tags)) == sentence_key(Sentence(("il-2",), tags[:1]))
        True
    """
    text = "".join(sentence.tokens)
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()


def held_out_keys(corpora: Iterable[Corpus], least_tokens: int = LEAST_TOKENS) -> set[str]:
    """Return the keys of all sentences of development and test sets, except very short ones.

    Args:
        corpora: The corpora.
        least_tokens: Shorter sentences are skipped.

    Example:
        >>> held_out_keys([Corpus("tiny", "iob2", {"test": (Sentence(tuple("abcdef"), ("O",) * 6),)})])
        {'abcdef'}
    """
    return {
        key for corpus in corpora for split in HELD_OUT for key in _keys(corpus.splits.get(split, ()), least_tokens)
    }


def _keys(sentences: Iterable[Sentence], least_tokens: int) -> list[str]:
    return [sentence_key(s) for s in sentences if len(s.tokens) >= least_tokens]


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
    held_out = {
        (name, split): _keys(corpus.splits[split], least_tokens)
        for name, corpus in corpora.items()
        for split in HELD_OUT
        if split in corpus.splits
    }
    overlaps = []
    for name, corpus in corpora.items():
        for split in splits:
            if split not in corpus.splits:
                continue
            seen = {sentence_key(sentence) for sentence in corpus.splits[split]}
            for (other, other_split), keys in held_out.items():
                if split == other_split or split == "test":
                    continue
                shared = sum(key in seen for key in keys)
                if shared:
                    overlaps.append(Overlap(name, split, other, other_split, shared, len(keys)))
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
    held_out = held_out_keys(corpora.values(), least_tokens)
    kept: dict[str, Corpus] = {}
    dropped: dict[str, int] = {}
    for name, corpus in corpora.items():
        train = corpus.splits.get("train", ())
        rest = [sentence for sentence in train if sentence_key(sentence) not in held_out]
        dropped[name] = len(train) - len(rest)
        kept[name] = corpus.with_split("train", rest) if dropped[name] else corpus
    return kept, dropped
