"""Sentences that stand in a training set and in a development or test set too.

Two sentences count as the same if their tokens, joined without spaces, are equal after Unicode compatibility
normalisation (NFKC) and case folding: another tokenisation or other white space hides nothing, another wording does.
Short sentences, such as headings, recur by chance and are left out.
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
    """How many sentences of a held-out set stand in a set that a model learns from."""

    corpus: str
    """the corpus learnt from"""
    split: str
    """its split, `train` unless asked for otherwise"""
    held_out_corpus: str
    """the corpus that is to be scored; may be the same"""
    held_out_split: str
    """its split, `devel` or `test`"""
    sentences: int
    """sentences of the held-out split that stand in the other"""
    out_of: int
    """sentences of the held-out split that are long enough to be compared"""


def sentence_key(sentence: Sentence) -> str:
    """Return what two sentences have in common if they count as the same.

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
    """Return the keys of all sentences of the development and test sets of corpora, but for very short ones.

    Args:
        corpora: The corpora.
        least_tokens: Sentences shorter than this are left out.

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
    """Find the sentences of development and test sets that stand in training sets, of the same corpus or another.

    Args:
        corpora: Corpora by name.
        splits: The splits learnt from: `train`, or `train` and `devel`. A set is not compared to itself, and
            development sets are not compared to one another.
        least_tokens: Held-out sentences shorter than this are left out.

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
    found = []
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
                    found.append(Overlap(name, split, other, other_split, shared, len(keys)))
    return found


def without_held_out(
    corpora: Mapping[str, Corpus], *, least_tokens: int = LEAST_TOKENS
) -> tuple[dict[str, Corpus], dict[str, int]]:
    """Drop every training sentence that stands in the development or test set of any of the corpora.

    Args:
        corpora: Corpora by name, such as the tasks of one teacher.
        least_tokens: Held-out sentences shorter than this are not looked for.

    Returns:
        The corpora under the same names, and how many training sentences each of them lost. A corpus without a training
        set is returned as it is, with 0.

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
