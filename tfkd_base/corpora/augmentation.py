"""Augmentation: variants of labelled sentences, with other mentions, other tokens and other orders of tokens.

The three changes, each made by chance, are those of X. Dai and H. Adel, "An Analysis of Simple Data Augmentation for
Named Entity Recognition", COLING 2020:

- Mention replacement: a mention becomes another mention of its entity type.
- Label-wise token replacement: a token becomes one that is drawn from all tokens with its tag.
- Shuffling within segments: the tokens of a segment, which is a mention or what is between two mentions, change order.

What takes the place of a mention or a token comes from the given sentences, so from training sentences only, and from
terms of the user.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from tfkd_base.corpora.corpus import Corpus, Sentence
from tfkd_base.corpora.overlap import hash_held_out
from tfkd_base.corpora.schemes import Scheme, Span, check_scheme, spans, tags_from_spans
from tfkd_base.corpora.sentence_hashes import Match, SentenceHashes, match_all
from tfkd_base.errors import CorpusError
from tfkd_base.seeds import make_generator

Mention: TypeAlias = tuple[str, ...]
"""The tokens of a mention or of a term."""

_CHUNK = 4096
"""Variants that are compared at once."""


class Augmenter:
    """Maker of variants of labelled sentences: each is a pure function of the seed, the sentence and a number.

    A mention is replaced as a whole, and then stays as it is, or its tokens may be replaced and shuffled. Tokens keep
    the tags of their places. A mention of another length takes the tags that the scheme has for that length.

    Args:
        sentences: The labelled sentences: training sentences, never those of a development or test set.
        scheme: The scheme of their tags.
        mentions: Probability that a mention is replaced by another one of its type. All different mentions of the
            type are equally probable.
        tokens: Probability that a token is replaced by one with the same tag. Frequent tokens are drawn more often.
        shuffle: Probability that the tokens of a segment are shuffled.
        terms: Further mentions of entity types, such as the names of a terminology.
        term_share: Probability that the new mention is a term, for types that have terms.
        seed: The seed.

    Raises:
        CorpusError: A probability is not between 0 and 1, or all three are 0.

    Example:
        >>> first = Sentence(("lung", "cancer", "grows"), ("B-Disease", "I-Disease", "O"))
        >>> second = Sentence(("No", "gout"), ("O", "B-Disease"))
        >>> Augmenter([first, second], "iob2", mentions=1.0).variant(0, number=0)
        Sentence(tokens=('gout', 'grows'), tags=('B-Disease', 'O'))
    """

    def __init__(
        self,
        sentences: Sequence[Sentence],
        scheme: Scheme,
        *,
        mentions: float = 0.0,
        tokens: float = 0.0,
        shuffle: float = 0.0,
        terms: Mapping[str, Iterable[Mention]] | None = None,
        term_share: float = 0.5,
        seed: int = 1,
    ) -> None:
        probabilities = {"mentions": mentions, "tokens": tokens, "shuffle": shuffle, "term_share": term_share}
        for name, value in probabilities.items():
            if not 0 <= value <= 1:
                raise CorpusError(f"augmentation: expected a probability from 0 to 1 for {name}, got {value}")
        if not mentions and not tokens and not shuffle:
            raise CorpusError("augmentation: mentions, tokens and shuffle are all 0, so that nothing would change")
        self.sentences = sentences
        self.scheme = check_scheme(scheme)
        self.mentions, self.tokens, self.shuffle = mentions, tokens, shuffle
        self.term_share = term_share
        self.seed = seed
        self._segments_of: dict[tuple[str, ...], list[Span]] = {}
        self._tokens_of: dict[str, list[str]] = {}
        of_type: dict[str, dict[Mention, None]] = {}
        for sentence in sentences:
            for token, tag in zip(sentence.tokens, sentence.tags, strict=True):
                self._tokens_of.setdefault(tag, []).append(token)
            for segment in self._segments(sentence.tags):
                if segment.type:
                    of_type.setdefault(segment.type, {})[sentence.tokens[segment.start : segment.end]] = None
        self._mentions_of = {kind: _Pool(pool) for kind, pool in of_type.items()}
        self._terms_of = {kind: _Pool(dict.fromkeys(pool)) for kind, pool in (terms or {}).items()}

    def variant(self, index: int, number: int) -> Sentence:
        """Return a variant of a sentence.

        Args:
            index: Index of the sentence.
            number: Number of the variant, from 0.
        """
        return self.draw(index, number)[0]

    def draw(self, index: int, number: int) -> tuple[Sentence, list[Mention]]:
        """Return a variant of a sentence, and the terms that it has in the place of mentions.

        Args:
            index: Index of the sentence.
            number: Number of the variant, from 0.
        """
        sentence = self.sentences[index]
        rng = make_generator(self.seed, "variants of sentences", index, number)
        tokens: list[str] = []
        entities: list[Span] = []
        terms: list[Mention] = []
        is_resized = False
        for segment in self._segments(sentence.tags):
            part: Sequence[str] = sentence.tokens[segment.start : segment.end]
            start = len(tokens)
            other = None
            if segment.type and rng.random() < self.mentions:
                other, is_term = self._other_mention(tuple(part), segment.type, rng)
                if other is not None and is_term:
                    terms.append(other)
            tokens += other or self._change_tokens(part, sentence.tags[segment.start : segment.end], rng)
            is_resized |= len(tokens) - start != len(part)
            if segment.type:
                entities.append(Span(start, len(tokens), segment.type))
        tags = tuple(tags_from_spans(entities, len(tokens), self.scheme)) if is_resized else sentence.tags
        return Sentence(tuple(tokens), tags), terms

    def _segments(self, tags: tuple[str, ...]) -> list[Span]:
        """Return mentions and what is between them, which has the type `""`, in order."""
        if tags not in self._segments_of:
            segments: list[Span] = []
            end = 0
            for span in [*spans(tags, self.scheme), Span(len(tags), len(tags), "")]:
                if span.start > end:
                    segments.append(Span(end, span.start, ""))
                if span.end > span.start:
                    segments.append(span)
                end = span.end
            self._segments_of[tags] = segments
        return self._segments_of[tags]

    def _other_mention(self, mention: Mention, kind: str, rng: np.random.Generator) -> tuple[Mention | None, bool]:
        """Draw another mention or term of a type; say whether it is a term."""
        terms = self._terms_of.get(kind)
        if terms is not None and rng.random() < self.term_share:
            return terms.draw_other(mention, rng), True
        return self._mentions_of[kind].draw_other(mention, rng), False

    def _change_tokens(self, tokens: Sequence[str], tags: Sequence[str], rng: np.random.Generator) -> Sequence[str]:
        """Replace and shuffle the tokens of a segment by chance."""
        if self.tokens:
            changed = list(tokens)
            for place in np.flatnonzero(rng.random(len(tokens)) < self.tokens).tolist():
                candidates = self._tokens_of[tags[place]]
                changed[place] = candidates[rng.integers(len(candidates))]
            tokens = changed
        if self.shuffle and len(tokens) > 1 and rng.random() < self.shuffle:
            tokens = [tokens[place] for place in rng.permutation(len(tokens))]
        return tokens


class _Pool:
    """Different mentions of one type, which are equally probable."""

    def __init__(self, mentions: Iterable[Mention]) -> None:
        self._mentions = list(mentions)
        self._places = {mention: place for place, mention in enumerate(self._mentions)}

    def draw_other(self, mention: Mention, rng: np.random.Generator) -> Mention | None:
        """Draw a mention that differs from a given one, if there is one."""
        own = self._places.get(mention)
        choices = len(self._mentions) - (own is not None)
        if not choices:
            return None
        place = int(rng.integers(choices))
        return self._mentions[place + (own is not None and place >= own)]


@dataclass(frozen=True, slots=True)
class AugmentationReport:
    """Numbers of the variants of some sentences that were made, dropped and kept."""

    sentences: int
    """labelled sentences"""
    made: int
    """variants of them"""
    repeated: int
    """dropped, because they have the words of a labelled sentence or of another variant"""
    held_out: int
    """dropped, because they are in a development or test set, or share eight words in a row with it"""
    kept: int
    """the rest"""

    def __str__(self) -> str:
        """Return the numbers in one line."""
        return (
            f"{self.kept:,} variants of {self.sentences:,} labelled sentences; of {self.made:,} made, "
            f"{self.repeated:,} were dropped that repeat a sentence, {self.held_out:,} that are in a development or "
            "test set"
        )


class Variants(Sequence[Sentence]):
    """Variants of labelled sentences to learn from, without sentences of development and test sets.

    Dropped are variants in a development or test set, as a whole or in part, by the rule of `TransferSentences`;
    those with the words of a labelled sentence, such as unchanged ones; and repetitions.

    Args:
        augmenter: Makes the variants.
        number: Number of variants of each labelled sentence, before any is dropped.
        held_out: Corpora whose development and test sets are excluded, or hashes of sentences to exclude.

    Attributes:
        owners: For each variant the index of its labelled sentence, ascending.
        terms: The terms that were drawn, once for each use, before any variant is dropped.
        report: Numbers of the variants that were made, dropped and kept.

    Raises:
        CorpusError: No variant remains.

    Example:
        >>> first = Sentence(("lung", "cancer", "grows"), ("B-Disease", "I-Disease", "O"))
        >>> second = Sentence(("No", "gout"), ("O", "B-Disease"))
        >>> variants = Variants(Augmenter([first, second], "iob2", mentions=1.0), number=3)
        >>> [variant.tokens for variant in variants], variants.owners.tolist(), variants.report.repeated
        ([('gout', 'grows'), ('No', 'lung', 'cancer')], [0, 1], 4)
    """

    def __init__(self, augmenter: Augmenter, number: int, held_out: Iterable[Corpus | SentenceHashes] = ()) -> None:
        barred = hash_held_out(held_out)
        seen = set(SentenceHashes.of(sentence.tokens for sentence in augmenter.sentences).wholes.tolist())
        kept: list[Sentence] = []
        owners: list[int] = []
        self.terms: list[Mention] = []
        repeated = dropped = 0
        places = itertools.product(range(len(augmenter.sentences)), range(number))
        while chunk := list(itertools.islice(places, _CHUNK)):
            drawn = [augmenter.draw(index, each) for index, each in chunk]
            matches, wholes = match_all((sentence.tokens for sentence, _ in drawn), [barred])
            is_barred = matches[0] != Match.NONE
            for (index, _), (sentence, terms), whole, bar in zip(
                chunk, drawn, wholes.tolist(), is_barred.tolist(), strict=True
            ):
                self.terms += terms
                if whole in seen:
                    repeated += 1
                elif bar:
                    dropped += 1
                else:
                    seen.add(whole)
                    kept.append(sentence)
                    owners.append(index)
        self._sentences = tuple(kept)
        self.owners: NDArray[np.int64] = np.array(owners, np.int64)
        made = number * len(augmenter.sentences)
        self.report = AugmentationReport(len(augmenter.sentences), made, repeated, dropped, len(kept))
        if not kept:
            raise CorpusError(
                f"augmentation makes no new sentence: of {made:,} variants {repeated:,} repeat a labelled sentence and "
                f"{dropped:,} are in a development or test set. Raise the probabilities, or remove the augmentation."
            )

    def __len__(self) -> int:
        return len(self._sentences)

    def __iter__(self) -> Iterator[Sentence]:
        return iter(self._sentences)

    @overload
    def __getitem__(self, index: int) -> Sentence: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Sentence, ...]: ...
    def __getitem__(self, index: int | slice) -> Sentence | tuple[Sentence, ...]:
        return self._sentences[index]
