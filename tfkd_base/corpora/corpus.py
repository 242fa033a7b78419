"""Corpora: tagged sentences in splits, and the report of how they were read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from tfkd_base.corpora.schemes import (
    BILOU,
    Scheme,
    adjacent_pairs,
    check_scheme,
    convert_tags,
    spans,
    tag_list,
    tags_from_spans,
)
from tfkd_base.errors import CorpusError, nearest

SPLITS = ("train", "devel", "test")
DROPPED = "entities dropped whose type is mapped to O"
SPLIT_WORDS = {"train": "training", "devel": "development", "test": "test"}


@dataclass(frozen=True, slots=True)
class Sentence:
    """Tokens, and a tag for each of them in the scheme of the corpus."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SplitReport:
    """Numbers of one split: its content, and what was repaired or changed."""

    sentences: int
    tokens: int
    entities: dict[str, int]
    """number of entities of each type, in alphabetical order"""
    adjacent: int = 0
    """entities that start where one of their type ends, which IO would merge"""
    longest: int = 0
    """number of tokens of the longest sentence"""
    repairs: int = 0
    """tags that were changed because the sequence was invalid"""
    first_repair: str | None = None
    """place and error of the first repair"""
    merged: int = 0
    """entities that a conversion to IO merged into the previous one"""
    path: str | None = None
    """the file, if the split was read from one"""
    documents: int | None = None
    """number of documents, if the split was read from documents"""
    changes: dict[str, int] = field(default_factory=dict)
    """number of each change of the documents, by its description"""


@dataclass(frozen=True, slots=True)
class ReadReport:
    """Numbers of a corpus, how it was read, and warnings."""

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


def _spell(sentences: tuple[Sentence, ...]) -> tuple[Sentence, ...]:
    """Return sentences with tags of BILOU written as IOBES."""
    if not any(tag[:1] in BILOU for tags in {sentence.tags for sentence in sentences} for tag in tags):
        return sentences
    return tuple(Sentence(s.tokens, tuple(BILOU.get(tag[:1], tag[:1]) + tag[1:] for tag in s.tags)) for s in sentences)


def count_split(sentences: Sequence[Sentence], scheme: Scheme) -> SplitReport:
    """Count the sentences, tokens and entities of a split.

    Args:
        sentences: The split.
        scheme: The scheme of its tags.

    Raises:
        CorpusError: A tag is outside the scheme, or a sentence has another number of tags than of tokens.

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
            of_sentence = spans(sentence.tags, scheme)
            entities.update(span.type for span in of_sentence)
            adjacent += adjacent_pairs(of_sentence)
    return SplitReport(len(sentences), tokens, dict(sorted(entities.items())), adjacent, longest)


@dataclass(frozen=True, repr=False)
class Corpus:
    """Annotated sentences in the splits train, devel and test, or some of these.

    Attributes:
        name: The name of the corpus in messages and tables.
        scheme: The tag scheme.
        splits: The sentences of each split.
        report: Its numbers and how it was read. Default: counted from the splits.

    Raises:
        CorpusError: There is no split, one of another name, or a tag outside the scheme.

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
        """Check the names of the splits, and count their content."""
        object.__setattr__(self, "scheme", check_scheme(self.scheme))
        if not self.splits:
            raise CorpusError(f"the corpus {self.name!r} has no split: give some of {', '.join(SPLITS)}")
        for split in self.splits:
            if split not in SPLITS:
                raise CorpusError(f"a corpus has no split {split!r}: {nearest(split, SPLITS)}")
        ordered = {split: _spell(tuple(self.splits[split])) for split in SPLITS if split in self.splits}
        object.__setattr__(self, "splits", ordered)
        if self.report is None:
            counts = {split: count_split(sentences, self.scheme) for split, sentences in ordered.items()}
            object.__setattr__(self, "report", ReadReport(self.scheme, counts))

    def __repr__(self) -> str:
        """Return name, scheme, sizes and types, without the sentences."""
        sizes = ", ".join(f"{split} {len(sentences)}" for split, sentences in self.splits.items())
        return f"Corpus({self.name!r}, {self.scheme}, {sizes}, types {', '.join(self.types) or 'none'})"

    def __hash__(self) -> int:
        """Return a hash of the name, the scheme and the sizes, which is fast and equal for equal corpora."""
        return hash((self.name, self.scheme, tuple((split, len(rows)) for split, rows in self.splits.items())))

    @cached_property
    def types(self) -> tuple[str, ...]:
        """Entity types over all splits, in alphabetical order."""
        return tuple(sorted({kind for split in self.report.splits.values() for kind in split.entities}))

    @property
    def tags(self) -> tuple[str, ...]:
        """Every tag of the scheme for the types of the corpus, `O` first."""
        return tag_list(self.types, self.scheme)

    @property
    def train(self) -> tuple[Sentence, ...]:
        """Training sentences."""
        return self.split("train")

    @property
    def devel(self) -> tuple[Sentence, ...]:
        """Development sentences, to choose models and settings."""
        return self.split("devel")

    @property
    def test(self) -> tuple[Sentence, ...]:
        """Test sentences, to report scores."""
        return self.split("test")

    def split(self, name: str) -> tuple[Sentence, ...]:
        """Return the sentences of one split.

        Args:
            name: `train`, `devel` or `test`.

        Raises:
            CorpusError: The corpus lacks it; the message names the splits it has.
        """
        if name not in self.splits:
            raise CorpusError(f"the corpus {self.name!r} has no {name} split, only {', '.join(self.splits)}")
        return self.splits[name]

    def convert(self, scheme: Scheme) -> Corpus:
        """Return the corpus in another tag scheme.

        Args:
            scheme: The new scheme. In `io`, adjacent entities of one type become one; `report.merged` counts them.

        Example:
            >>> corpus = Corpus("tiny", "iob2", {"train": (Sentence(("GH1", "GH2"), ("B-Gene", "B-Gene")),)})
            >>> corpus.convert("io").report.merged
            1
        """
        scheme = check_scheme(scheme)
        if scheme == self.scheme:
            return self
        new_tags: dict[tuple[str, ...], tuple[str, ...]] = {}

        def convert_sentence(sentence: Sentence) -> Sentence:
            if sentence.tags not in new_tags:
                new_tags[sentence.tags] = tuple(convert_tags(sentence.tags, self.scheme, scheme))
            return Sentence(sentence.tokens, new_tags[sentence.tags])

        splits = {name: tuple(map(convert_sentence, sentences)) for name, sentences in self.splits.items()}
        counts = {name: count_split(sentences, scheme) for name, sentences in splits.items()}
        for name, before in self.report.splits.items():
            lost = sum(before.entities.values()) - sum(counts[name].entities.values())
            new = counts[name]
            # A type without an entity, such as one that only an excluded sentence had, stays.
            entities = {kind: new.entities.get(kind, 0) for kind in before.entities}
            counts[name] = replace(before, entities=entities, adjacent=new.adjacent, merged=before.merged + lost)
        return Corpus(self.name, scheme, splits, replace(self.report, scheme=scheme, splits=counts))

    def map_types(self, types: Mapping[str, str]) -> Corpus:
        """Return the corpus with other entity types.

        Args:
            types: The new type of each type to change, or `O` to drop its entities. Several may become one. Types that
                are not named stay.

        Raises:
            CorpusError: The corpus has no entity of a type, or a new type is not a name.

        Example:
            >>> rows = (Sentence(("lung", "cancer", "patients"), ("B-Disease", "I-Disease", "B-Human")),)
            >>> Corpus("tiny", "iob2", {"train": rows}).map_types({"Disease": "Cancer", "Human": "O"}).train[0].tags
            ('B-Cancer', 'I-Cancer', 'O')
        """
        for old, new in types.items():
            if old not in self.types:
                raise CorpusError(f"the corpus {self.name!r} has no entity of type {old!r}: {nearest(old, self.types)}")
            if not new.strip() or new != new.strip() or not new.isprintable():
                raise CorpusError(f"expected the new type of {old!r} to be a name, or O to drop it, got {new!r}")
        if all(old == new for old, new in types.items()):
            return self
        new_tags: dict[tuple[str, ...], tuple[str, ...]] = {}

        def map_tags(tags: tuple[str, ...]) -> tuple[str, ...]:
            if tags not in new_tags:
                entities = [replace(span, type=types.get(span.type, span.type)) for span in spans(tags, self.scheme)]
                kept = (span for span in entities if span.type != "O")
                new_tags[tags] = tuple(tags_from_spans(kept, len(tags), self.scheme))
            return new_tags[tags]

        splits = {name: tuple(Sentence(s.tokens, map_tags(s.tags)) for s in rows) for name, rows in self.splits.items()}
        counts = {name: count_split(sentences, self.scheme) for name, sentences in splits.items()}
        for name, before in self.report.splits.items():
            count = counts[name]
            dropped = sum(number for kind, number in before.entities.items() if types.get(kind) == "O")
            merged = sum(before.entities.values()) - dropped - sum(count.entities.values())
            changes = {**before.changes, **({DROPPED: dropped} if dropped else {})}
            counts[name] = replace(
                before, entities=count.entities, adjacent=count.adjacent, merged=before.merged + merged, changes=changes
            )
        return Corpus(self.name, self.scheme, splits, replace(self.report, splits=counts))

    def sample(self, sentences: int, seed: int, split: str = "train") -> Corpus:
        """Return the corpus with a random sample of one split.

        The sample is drawn without replacement by `numpy.random.default_rng(seed)`. Its sentences keep their order.

        Args:
            sentences: Number of sentences to keep.
            seed: The seed of the draw.
            split: The split to sample.

        Raises:
            CorpusError: There are fewer sentences than that.

        Example:
            >>> rows = tuple(Sentence((word,), ("O",)) for word in "abcdef")
            >>> [row.tokens[0] for row in Corpus("tiny", "iob2", {"train": rows}).sample(3, seed=1).train]
            ['b', 'c', 'e']
        """
        whole = self.split(split)
        if not 1 <= sentences <= len(whole):
            raise CorpusError(
                f"cannot draw {sentences} {SPLIT_WORDS[split]} sentences from {self.name!r}: expected 1 to {len(whole)}"
            )
        drawn = np.random.default_rng(seed).choice(len(whole), size=sentences, replace=False)
        return self.with_split(split, [whole[index] for index in sorted(drawn)])

    def with_split(self, name: str, sentences: Iterable[Sentence]) -> Corpus:
        """Return the corpus with other sentences in one split.

        Args:
            name: The split to replace or add.
            sentences: The sentences, tagged in the scheme of the corpus.
        """
        kept = tuple(sentences)
        splits: Mapping[str, tuple[Sentence, ...]] = {**self.splits, name: kept}
        counts = {**self.report.splits, name: count_split(kept, self.scheme)}
        return Corpus(self.name, self.scheme, dict(splits), replace(self.report, splits=counts))
