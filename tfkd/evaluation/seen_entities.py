"""Entities that training has shown and entities that it has not, scored apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from typing import Any

from tfkd.evaluation.scores import check_same_sentences
from tfkd_base.corpora import Sentence, Span, spans
from tfkd_base.corpora.overlap import sentence_key
from tfkd_base.corpora.schemes import check_scheme

Mention = tuple[str, str]
"""An entity's text as `tfkd_base.corpora.overlap` compares texts, which is without case and spaces, and its type."""


@dataclass(frozen=True)
class PartScore:
    """Scores of a part of the entities, each from 0 to 1, and None where it is of nothing.

    Attributes:
        entities: Gold entities of this part.
        predicted: Predicted entities of this part.
        correct: Predicted entities that are right.
    """

    entities: int
    predicted: int
    correct: int

    @property
    def recall(self) -> float | None:
        """The share of the gold entities that were found."""
        return self.correct / self.entities if self.entities else None

    @property
    def precision(self) -> float | None:
        """The share of the predicted entities that are right."""
        return self.correct / self.predicted if self.predicted else None

    @property
    def f1(self) -> float | None:
        """The harmonic mean of both."""
        total = self.entities + self.predicted
        return 2 * self.correct / total if total else None


@dataclass(frozen=True)
class SeenScores:
    """Scores of entities seen in training, and of the others.

    An entity is seen if one with its text, whatever case and spaces, and its type stands in training. That holds for
    predicted entities too, so that precision is defined for both parts.
    """

    seen: PartScore
    unseen: PartScore

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return asdict(self)


def mentions(sentences: Iterable[Sentence], scheme: str = "iob2") -> frozenset[Mention]:
    """Collect the entities of sentences, to know what training has shown.

    Args:
        sentences: Sentences with tags.
        scheme: Their tag scheme.

    Example:
        >>> from tfkd_base.corpora import Sentence
        >>> mentions([Sentence(("Breast", "cancer", "."), ("B-Disease", "I-Disease", "O"))])
        frozenset({('breastcancer', 'Disease')})
    """
    known = check_scheme(scheme)
    return frozenset(_mention(sentence, span) for sentence in sentences for span in spans(sentence.tags, known))


def seen_scores(
    sentences: Sequence[Sentence],
    predicted: Sequence[Sequence[str]],
    training: AbstractSet[Mention],
    scheme: str = "iob2",
) -> SeenScores:
    """Score entities seen in training and the others apart.

    Args:
        sentences: Sentences with their gold tags.
        predicted: A sequence of tags for each.
        training: What training has shown, from `mentions`.
        scheme: Tag scheme of both.

    Raises:
        TfkdError: The lengths differ, or a tag is outside the scheme.

    Example:
        >>> from tfkd_base.corpora import Sentence
        >>> test = [Sentence(("Asthma", "and", "gout"), ("B-Disease", "O", "B-Disease"))]
        >>> answer = seen_scores(test, [["B-Disease", "O", "O"]], {("asthma", "Disease")})
        >>> answer.seen.recall, answer.unseen.recall, answer.unseen.precision
        (1.0, 0.0, None)
    """
    known = check_scheme(scheme)
    check_same_sentences([sentence.tags for sentence in sentences], predicted)
    numbers = {True: [0, 0, 0], False: [0, 0, 0]}
    for sentence, tags in zip(sentences, predicted, strict=True):
        gold, found = set(spans(sentence.tags, known)), set(spans(tags, known))
        for index, part in enumerate((gold, found, gold & found)):
            for span in part:
                numbers[_mention(sentence, span) in training][index] += 1
    return SeenScores(PartScore(*numbers[True]), PartScore(*numbers[False]))


def _mention(sentence: Sentence, span: Span) -> Mention:
    part = slice(span.start, span.end)
    return sentence_key(Sentence(sentence.tokens[part], sentence.tags[part])), span.type
