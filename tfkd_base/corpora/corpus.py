"""Sentences with tags, in splits: what every reader returns and everything else takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from tfkd_base.corpora.schemes import Scheme, adjacent_pairs, check_scheme, convert_tags, spans, tag_list
from tfkd_base.errors import CorpusError, nearest

SPLITS = ("train", "devel", "test")
_SPLIT_WORDS = {"train": "training", "devel": "development", "test": "test"}


@dataclass(frozen=True, slots=True)
class Sentence:
    """Tokens, and as many tags in the scheme of the sentence's corpus."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SplitReport:
    """What stands in one split, and what was mended in it."""

    sentences: int
    tokens: int
    entities: dict[str, int]
    """number of entities for each type, in alphabetical order"""
    adjacent: int = 0
    """entities that start where one of their type ends: those that IO would merge"""
    longest: int = 0
    """tokens of the longest sentence"""
    repairs: int = 0
    """tags that were changed because the sequence was invalid"""
    first_repair: str | None = None
    """where the first of them stood and what it was"""
    merged: int = 0
    """entities that a conversion to IO joined to the one before them"""
    path: str | None = None
    """the file, if the split was read from one"""
    documents: int | None = None
    """number of documents, if the split was made of documents"""
    changes: dict[str, int] = field(default_factory=dict)
    """how often something of the documents was changed or left out, by what it is, in words"""


@dataclass(frozen=True, slots=True)
class ReadReport:
    """What a corpus holds, how it was read, and what about it is odd."""

    scheme: Scheme
    splits: dict[str, SplitReport]
    detected: bool = False
    """whether the scheme was detected (True) or given"""
    warnings: tuple[str, ...] = ()

    @property
    def repairs(self) -> int:
        """Number of tags changed over all splits."""
        return sum(split.repairs for split in self.splits.values())

    @property
    def merged(self) -> int:
        """Number of entities lost in a conversion to IO over all splits."""
        return sum(split.merged for split in self.splits.values())


def count_split(sentences: Sequence[Sentence], scheme: Scheme) -> SplitReport:
    """Count the sentences, tokens and entities of a split.

    Args:
        sentences: The split.
        scheme: The scheme of its tags.

    Raises:
        CorpusError: If a tag is outside the scheme, or a sentence has not as many tags as tokens.

    Example:
        >>> count_split([Sentence(("BRCA1", "binds"), ("B-Gene", "O"))], "iob2").entities
        {'Gene': 1}
    """
    entities: Counter[str] = Counter()
    adjacent = tokens = longest = 0
    for number, sentence in enumerate(sentences, 1):
        length = len(sentence.tokens)
        if length != len(sentence.tags):
            raise CorpusError(f"sentence {number} has {length} tokens but {len(sentence.tags)} tags")
        tokens += length
        longest = max(longest, length)
        if sentence.tags.count("O") < length:
            found = spans(sentence.tags, scheme)
            entities.update(span.type for span in found)
            adjacent += adjacent_pairs(found)
    return SplitReport(len(sentences), tokens, dict(sorted(entities.items())), adjacent, longest)


@dataclass(frozen=True, repr=False)
class Corpus:
    """Annotated sentences in the splits train, devel and test, as many of these as there are.

    Attributes:
        name: What to call the corpus in messages and tables.
        scheme: The scheme of all its tags.
        splits: Sentences of each split there is.
        report: What it holds and how it was read; counted from the splits if not given.

    Raises:
        CorpusError: If there is no split, or one of another name, or a tag outside the scheme.

    Example:
        >>> sentence = Sentence(("BRCA1", "and", "breast", "cancer"), ("O", "O", "B-Disease", "I-Disease"))
        >>> corpus = Corpus("tiny", "iob2", {"train": (sentence,)})
        >>> corpus
        Corpus('tiny', iob2, train 1, types Disease)
        >>> corpus.tags
        ('O', 'B-Disease', 'I-Disease')
    """

    name: str
    scheme: Scheme
    splits: dict[str, tuple[Sentence, ...]]
    report: ReadReport = field(default=None, compare=False)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        """Check the names, and count what is there."""
        check_scheme(self.scheme)
        if not self.splits:
            raise CorpusError(f"the corpus {self.name!r} has no split: give some of {', '.join(SPLITS)}")
        for split in self.splits:
            if split not in SPLITS:
                raise CorpusError(f"a corpus has no split {split!r}: {nearest(split, SPLITS)}")
        ordered = {split: tuple(self.splits[split]) for split in SPLITS if split in self.splits}
        object.__setattr__(self, "splits", ordered)
        if self.report is None:
            counts = {split: count_split(sentences, self.scheme) for split, sentences in ordered.items()}
            object.__setattr__(self, "report", ReadReport(self.scheme, counts))

    def __repr__(self) -> str:
        """Name, scheme, sizes and types; not the sentences."""
        sizes = ", ".join(f"{split} {len(sentences)}" for split, sentences in self.splits.items())
        return f"Corpus({self.name!r}, {self.scheme}, {sizes}, types {', '.join(self.types) or 'none'})"

    def __hash__(self) -> int:
        """Of the name, the scheme and the sizes: equal corpora have equal hashes, and no sentence is looked at."""
        return hash((self.name, self.scheme, tuple((split, len(rows)) for split, rows in self.splits.items())))

    @cached_property
    def types(self) -> tuple[str, ...]:
        """Entity types over all splits, in alphabetical order."""
        return tuple(sorted({kind for split in self.report.splits.values() for kind in split.entities}))

    @property
    def tags(self) -> tuple[str, ...]:
        """Every tag of the scheme for the corpus's types, `O` first."""
        return tag_list(self.types, self.scheme)

    @property
    def train(self) -> tuple[Sentence, ...]:
        """Sentences to train on."""
        return self.split("train")

    @property
    def devel(self) -> tuple[Sentence, ...]:
        """Sentences to choose models and settings by."""
        return self.split("devel")

    @property
    def test(self) -> tuple[Sentence, ...]:
        """Sentences to report scores on."""
        return self.split("test")

    def split(self, name: str) -> tuple[Sentence, ...]:
        """Return the sentences of one split.

        Args:
            name: `train`, `devel` or `test`.

        Raises:
            CorpusError: If the corpus lacks it; the message names those it has.
        """
        if name not in self.splits:
            raise CorpusError(f"the corpus {self.name!r} has no {name} split, only {', '.join(self.splits)}")
        return self.splits[name]

    def convert(self, scheme: Scheme) -> Corpus:
        """Return the corpus in another tagging scheme.

        Args:
            scheme: The scheme wanted. To `io`, adjacent entities of one type become one; `report.merged` counts them.

        Example:
            >>> corpus = Corpus("tiny", "iob2", {"train": (Sentence(("GH1", "GH2"), ("B-Gene", "B-Gene")),)})
            >>> corpus.convert("io").report.merged
            1
        """
        check_scheme(scheme)
        if scheme == self.scheme:
            return self
        known: dict[tuple[str, ...], tuple[str, ...]] = {}

        def converted(sentence: Sentence) -> Sentence:
            if sentence.tags not in known:
                known[sentence.tags] = tuple(convert_tags(sentence.tags, self.scheme, scheme))
            return Sentence(sentence.tokens, known[sentence.tags])

        splits = {name: tuple(map(converted, sentences)) for name, sentences in self.splits.items()}
        counts = {name: count_split(sentences, scheme) for name, sentences in splits.items()}
        for name, before in self.report.splits.items():
            lost = sum(before.entities.values()) - sum(counts[name].entities.values())
            new = counts[name]
            counts[name] = replace(before, entities=new.entities, adjacent=new.adjacent, merged=before.merged + lost)
        return Corpus(self.name, scheme, splits, replace(self.report, scheme=scheme, splits=counts))

    def sample(self, sentences: int, seed: int, split: str = "train") -> Corpus:
        """Cut one split to a random sample, and leave the others whole.

        The sample is drawn without replacement by `numpy.random.default_rng(seed)`, and its sentences keep the order
        they have in the corpus.

        Args:
            sentences: How many of its sentences to keep.
            seed: The seed of the draw.
            split: The split to cut, the training split by default.

        Raises:
            CorpusError: If there are fewer sentences than that.

        Example:
            >>> rows = tuple(Sentence((word,), ("O",)) for word in "abcdef")
            >>> [row.tokens[0] for row in Corpus("tiny", "iob2", {"train": rows}).sample(3, seed=1).train]
            ['b', 'c', 'e']
        """
        whole = self.split(split)
        if not 1 <= sentences <= len(whole):
            raise CorpusError(
                f"cannot draw {sentences} {_SPLIT_WORDS[split]} sentences from {self.name!r}: "
                f"expected 1 to {len(whole)}"
            )
        drawn = np.random.default_rng(seed).choice(len(whole), size=sentences, replace=False)
        return self.with_split(split, [whole[index] for index in sorted(drawn)])

    def with_split(self, name: str, sentences: Iterable[Sentence]) -> Corpus:
        """Return the corpus with other sentences in one split.

        Args:
            name: The split to replace or add.
            sentences: Its sentences, tagged in the scheme of the corpus.
        """
        kept = tuple(sentences)
        splits: Mapping[str, tuple[Sentence, ...]] = {**self.splits, name: kept}
        counts = {**self.report.splits, name: count_split(kept, self.scheme)}
        return Corpus(self.name, self.scheme, dict(splits), replace(self.report, splits=counts))
