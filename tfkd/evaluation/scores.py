"""Entity scores: over all entities, and separately for entities seen and not seen in training."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from tfkd.evaluation.type_checks import warn_about_tags
from tfkd_base.corpora import Scheme, Sentence, Span, spans
from tfkd_base.corpora.overlap import sentence_key
from tfkd_base.corpora.schemes import check_scheme, check_tag, split_tag
from tfkd_base.errors import TfkdError

EntityKey: TypeAlias = tuple[str, str]
"""Text and type of an entity. The text has no case and no spaces, as `tfkd_base.corpora.overlap` compares texts."""


@dataclass(frozen=True)
class Score:
    """Precision, recall and F1, each from 0 to 1, and the number of gold entities."""

    precision: float
    recall: float
    f1: float
    entities: int


@dataclass(frozen=True)
class Scores:
    """Entity scores over all types (`micro`) and of each type, and their tag scheme.

    A predicted entity is correct if its first token, its last token and its type are correct.
    """

    scheme: str
    micro: Score
    types: dict[str, Score]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def score(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], scheme: str = "iob2") -> Scores:
    """Score predicted tags against gold tags with seqeval in strict mode.

    Types may have any names. seqeval reads numbers instead, because it strips hyphens from names and gives its averages
    names such as `micro avg`.

    Args:
        gold: Gold tags of each sentence.
        predicted: Predicted tags of the same sentences.
        scheme: Tag scheme of both: iob1, iob2 or iobes; bilou is read as iobes.

    Raises:
        TfkdError: The sentences differ in number or length, the scheme is not supported, or a tag is outside the
            scheme.

    Warns:
        TfkdWarning: Gold and predicted entities have no type in common.

    Example:
        >>> score([["B-Gene", "I-Gene", "O"]], [["B-Gene", "O", "O"]]).micro.f1
        0.0
        >>> score([["B-Gene", "I-Gene", "O"]], [["B-Gene", "I-Gene", "B-Gene"]]).micro.precision
        0.5
    """
    warn_about_tags(gold, predicted, stacklevel=2)
    return compute_scores(gold, predicted, scheme)


def compute_scores(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], scheme: str = "iob2") -> Scores:
    """Score predicted tags as `score` does, without a warning about their types, for each epoch of a training.

    Args:
        gold: Gold tags of each sentence.
        predicted: Predicted tags of the same sentences.
        scheme: Tag scheme of both.

    Raises:
        TfkdError: As in `score`.
    """
    from seqeval.metrics import classification_report

    lengths, others = [len(s) for s in gold], [len(s) for s in predicted]
    if lengths != others:
        raise TfkdError(
            f"expected gold and predicted tags of the same sentences, got {len(lengths)} and {len(others)} sentences "
            f"with {sum(lengths)} and {sum(others)} tags."
        )
    scheme = "iobes" if scheme == "bilou" else scheme
    reader = _seqeval_scheme(scheme)
    safe_tags, types = _number_types(
        {tag for sentence in (*gold, *predicted) for tag in sentence}, check_scheme(scheme)
    )
    if not types:
        return Scores(scheme, Score(0.0, 0.0, 0.0, 0), {})
    with warnings.catch_warnings():
        # seqeval warns about types without predictions. Their scores show this already.
        warnings.simplefilter("ignore")
        report = classification_report(
            [[safe_tags[tag] for tag in sentence] for sentence in gold],
            [[safe_tags[tag] for tag in sentence] for sentence in predicted],
            mode="strict",
            scheme=reader,
            output_dict=True,
            zero_division=0,
        )
    rows = {name: _row(report[number]) for number, name in types.items() if number in report}
    return Scores(scheme, _row(report["micro avg"]), rows)


def _number_types(tags: AbstractSet[str], scheme: Scheme) -> tuple[dict[str, str], dict[str, str]]:
    """Return each tag with a number instead of its type, and the types by these numbers, sorted by type."""
    for tag in tags:
        check_tag(tag, scheme)
    types = sorted({split_tag(tag)[1] for tag in tags if tag != "O"})
    numbers = {kind: str(number) for number, kind in enumerate(types)}
    parts = {tag: split_tag(tag) for tag in tags}
    safe_tags = {tag: f"{prefix}-{numbers[kind]}" if kind else tag for tag, (prefix, kind) in parts.items()}
    return safe_tags, {number: kind for kind, number in numbers.items()}


def _row(row: dict[str, Any]) -> Score:
    return Score(float(row["precision"]), float(row["recall"]), float(row["f1-score"]), int(row["support"]))


def _seqeval_scheme(scheme: str) -> Any:
    from seqeval import scheme as schemes

    schemes_by_name = {"iob1": schemes.IOB1, "iob2": schemes.IOB2, "iobes": schemes.IOBES}
    if scheme not in schemes_by_name:
        raise TfkdError(
            f"expected the scheme iob1, iob2 or iobes, got {scheme!r}. In io, neighbouring entities cannot be told "
            "apart: convert the tags first."
        )
    return schemes_by_name[scheme]


def check_same_sentences(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> None:
    """Refuse gold and predicted tags of different sentences.

    Raises:
        TfkdError: The sentences differ in number or length. The message gives the number of the first one, from 1.
    """
    if len(gold) != len(predicted):
        raise TfkdError(
            f"expected gold and predicted tags of the same sentences, got {len(gold)} and {len(predicted)} sentences."
        )
    for number, (gold_tags, predicted_tags) in enumerate(zip(gold, predicted, strict=True), 1):
        if len(gold_tags) != len(predicted_tags):
            raise TfkdError(
                f"expected gold and predicted tags of the same tokens, but sentence {number} has {len(gold_tags)} gold "
                f"and {len(predicted_tags)} predicted tags."
            )


@dataclass(frozen=True)
class PartScore:
    """Scores of a part of the entities, from 0 to 1; None where the part is empty.

    Attributes:
        entities: Number of gold entities.
        predicted: Number of predicted entities.
        correct: Number of correct predicted entities.
    """

    entities: int
    predicted: int
    correct: int

    @property
    def recall(self) -> float | None:
        """Share of the gold entities that are predicted correctly."""
        return self.correct / self.entities if self.entities else None

    @property
    def precision(self) -> float | None:
        """Share of the predicted entities that are correct."""
        return self.correct / self.predicted if self.predicted else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall."""
        total = self.entities + self.predicted
        return 2 * self.correct / total if total else None


@dataclass(frozen=True)
class SeenScores:
    """Scores of entities that occur in the training data, and of all others.

    An entity is seen if the training data contains an entity with the same type and the same text, ignoring case and
    spaces. This also applies to predicted entities, so precision is defined for both parts.
    """

    seen: PartScore
    unseen: PartScore

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def collect_entities(sentences: Iterable[Sentence], scheme: str = "iob2") -> frozenset[EntityKey]:
    """Return the entities of training sentences, for `score_seen_entities`.

    Args:
        sentences: Sentences with tags.
        scheme: The tag scheme.

    Example:
        >>> from tfkd_base.corpora import Sentence
        >>> collect_entities([Sentence(("Breast", "cancer", "."), ("B-Disease", "I-Disease", "O"))])
        frozenset({('breastcancer', 'Disease')})
    """
    tag_scheme = check_scheme(scheme)
    return frozenset(_make_key(sentence, span) for sentence in sentences for span in spans(sentence.tags, tag_scheme))


def score_seen_entities(
    sentences: Sequence[Sentence],
    predicted: Sequence[Sequence[str]],
    training: AbstractSet[EntityKey],
    scheme: str = "iob2",
) -> SeenScores:
    """Score entities that occur in the training data, and all others, separately.

    Args:
        sentences: Sentences with gold tags.
        predicted: Predicted tags of each sentence.
        training: Entities of the training data, from `collect_entities`.
        scheme: Tag scheme of both.

    Raises:
        TfkdError: The lengths differ, or a tag is outside the scheme.

    Example:
        >>> from tfkd_base.corpora import Sentence
        >>> test = [Sentence(("Asthma", "and", "gout"), ("B-Disease", "O", "B-Disease"))]
        >>> scores = score_seen_entities(test, [["B-Disease", "O", "O"]], {("asthma", "Disease")})
        >>> scores.seen.recall, scores.unseen.recall, scores.unseen.precision
        (1.0, 0.0, None)
    """
    tag_scheme = check_scheme(scheme)
    check_same_sentences([sentence.tags for sentence in sentences], predicted)
    counts = {True: [0, 0, 0], False: [0, 0, 0]}
    for sentence, tags in zip(sentences, predicted, strict=True):
        gold, proposed = set(spans(sentence.tags, tag_scheme)), set(spans(tags, tag_scheme))
        for index, part in enumerate((gold, proposed, gold & proposed)):
            for span in part:
                counts[_make_key(sentence, span) in training][index] += 1
    return SeenScores(PartScore(*counts[True]), PartScore(*counts[False]))


def _make_key(sentence: Sentence, span: Span) -> EntityKey:
    part = slice(span.start, span.end)
    return sentence_key(Sentence(sentence.tokens[part], sentence.tags[part])), span.type
