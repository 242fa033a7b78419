"""Error analysis of entities: wrong boundaries, wrong types, missed and spurious entities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tfkd.evaluation.scores import check_same_sentences
from tfkd_base.corpora import Span, spans
from tfkd_base.corpora.schemes import check_scheme

ERROR_KINDS = ("correct", "wrong_type", "too_short", "too_long", "shifted_left", "shifted_right", "both_wrong")
"""Outcomes of an entity that is matched with a prediction."""

NO_ENTITY = ""
"""Key of `EntityErrors.types` for no entity."""


@dataclass(frozen=True)
class EntityErrors:
    """Numbers of gold and predicted entities by outcome.

    The number of gold entities is `correct + wrong_type + too_short + too_long + shifted_left + shifted_right +
    both_wrong + missed`. The number of predicted entities is the same sum with `spurious` instead of `missed`.

    Attributes:
        correct: Boundaries and type are correct.
        wrong_type: The boundaries are correct, the type is wrong.
        too_short: The type is correct, and the prediction lies within the entity.
        too_long: The type is correct, and the entity lies within the prediction.
        shifted_left: The type is correct, and the prediction starts and ends too early.
        shifted_right: The type is correct, and the prediction starts and ends too late.
        both_wrong: Entity and prediction overlap, but type and boundaries are wrong.
        missed: Gold entities without a matching prediction.
        spurious: Predictions without a matching gold entity.
        types: Confusion matrix of types, `types[gold][predicted]`, including pairs with wrong boundaries. The key `""`
            stands for no entity.
    """

    correct: int
    wrong_type: int
    too_short: int
    too_long: int
    shifted_left: int
    shifted_right: int
    both_wrong: int
    missed: int
    spurious: int
    types: dict[str, dict[str, int]]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def find_errors(
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], scheme: str = "iob2"
) -> EntityErrors:
    """Count entities by outcome.

    Each entity is matched with at most one overlapping prediction of its sentence. Pairs with the same boundaries have
    priority, then pairs with the same type, then pairs with more tokens in common, then the leftmost pairs.

    Args:
        gold: Gold tags of each sentence.
        predicted: Predicted tags of the same sentences.
        scheme: Tag scheme of both.

    Raises:
        TfkdError: The sentences differ in number or length, or a tag is outside the scheme.

    Example:
        >>> errors = find_errors([["B-Gene", "I-Gene", "O", "B-Gene"]], [["B-Gene", "O", "B-Cell", "O"]])
        >>> errors.too_short, errors.missed, errors.spurious
        (1, 1, 1)
    """
    tag_scheme = check_scheme(scheme)
    check_same_sentences(gold, predicted)
    kinds: Counter[str] = Counter()
    types: Counter[tuple[str, str]] = Counter()
    for gold_tags, predicted_tags in zip(gold, predicted, strict=True):
        for entity, other in _match(spans(gold_tags, tag_scheme), spans(predicted_tags, tag_scheme)):
            kinds[_classify(entity, other)] += 1
            types[entity.type if entity else NO_ENTITY, other.type if other else NO_ENTITY] += 1
    confusion: dict[str, dict[str, int]] = {}
    for (gold_type, predicted_type), number in sorted(types.items()):
        confusion.setdefault(gold_type, {})[predicted_type] = number
    return EntityErrors(**{name: kinds[name] for name in (*ERROR_KINDS, "missed", "spurious")}, types=confusion)


def _match(gold: Sequence[Span], predicted: Sequence[Span]) -> list[tuple[Span | None, Span | None]]:
    """Return pairs of entity and prediction. One of the two is None if nothing matches the other."""
    candidates = [(a, b) for a in gold for b in predicted if a.start < b.end and b.start < a.end]
    candidates.sort(key=_rank)
    pairs: list[tuple[Span | None, Span | None]] = []
    missed, spurious = set(gold), set(predicted)
    for entity, prediction in candidates:
        if entity in missed and prediction in spurious:
            missed.remove(entity)
            spurious.remove(prediction)
            pairs.append((entity, prediction))
    return [*pairs, *((entity, None) for entity in sorted(missed)), *((None, other) for other in sorted(spurious))]


def _rank(pair: tuple[Span, Span]) -> tuple[bool, bool, int, int, int]:
    entity, prediction = pair
    same = (entity.start, entity.end) == (prediction.start, prediction.end)
    common = min(entity.end, prediction.end) - max(entity.start, prediction.start)
    return not same, entity.type != prediction.type, -common, entity.start, prediction.start


def _classify(gold: Span | None, predicted: Span | None) -> str:
    if gold is None:
        return "spurious"
    if predicted is None:
        return "missed"
    if (gold.start, gold.end) == (predicted.start, predicted.end):
        return "correct" if gold.type == predicted.type else "wrong_type"
    if gold.type != predicted.type:
        return "both_wrong"
    if gold.start <= predicted.start and predicted.end <= gold.end:
        return "too_short"
    if predicted.start <= gold.start and gold.end <= predicted.end:
        return "too_long"
    return "shifted_left" if predicted.start < gold.start else "shifted_right"
