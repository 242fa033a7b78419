"""What goes wrong with entities: boundaries, types, what is missed and what is made up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tfkd.evaluation.scores import check_same_sentences
from tfkd_base.corpora import Span, spans
from tfkd_base.corpora.schemes import check_scheme

KINDS = ("correct", "wrong_type", "too_short", "too_long", "shifted_left", "shifted_right", "both_wrong")
"""What may become of an entity with its prediction."""

NONE = ""
"""Stands in `types` for no entity."""


@dataclass(frozen=True)
class EntityErrors:
    """Gold and predicted entities sorted by what became of them.

    Gold entities are `correct + wrong_type + too_short + too_long + shifted_left + shifted_right + both_wrong +
    missed`, predicted ones the same with `spurious` in place of `missed`.

    Attributes:
        correct: Both boundaries and the type are right.
        wrong_type: Both boundaries are right, the type is another.
        too_short: The type is right, and the prediction lies within the entity.
        too_long: The type is right, and the entity lies within the prediction.
        shifted_left: The type is right, and the prediction begins and ends too early.
        shifted_right: The type is right, and the prediction begins and ends too late.
        both_wrong: They overlap, with another type and other boundaries.
        missed: No prediction is left that overlaps.
        spurious: Predictions that are left, over no entity.
        types: For each gold type how often it was taken for each predicted type, in `types[gold][predicted]`; `""` is
            no entity. Wrong boundaries count with their types.
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
        """Return plain values, for JSON."""
        return asdict(self)


def find_errors(
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], scheme: str = "iob2"
) -> EntityErrors:
    """Sort entities by what became of them.

    Each entity is matched with at most one prediction of its sentence: first those with the same boundaries, then those
    that overlap, the same type first, then by most tokens in common, then from the left.

    Args:
        gold: A sequence of tags for each sentence.
        predicted: As many, of the same lengths.
        scheme: Tag scheme of both.

    Raises:
        TfkdError: The lengths differ, or a tag is outside the scheme.

    Example:
        >>> errors = find_errors([["B-Gene", "I-Gene", "O", "B-Gene"]], [["B-Gene", "O", "B-Cell", "O"]])
        >>> errors.too_short, errors.missed, errors.spurious
        (1, 1, 1)
    """
    known = check_scheme(scheme)
    check_same_sentences(gold, predicted)
    kinds: Counter[str] = Counter()
    types: Counter[tuple[str, str]] = Counter()
    for gold_tags, found_tags in zip(gold, predicted, strict=True):
        for one, other in _matched(spans(gold_tags, known), spans(found_tags, known)):
            kinds[_kind(one, other)] += 1
            types[one.type if one else NONE, other.type if other else NONE] += 1
    confused: dict[str, dict[str, int]] = {}
    for (gold_type, found_type), number in sorted(types.items()):
        confused.setdefault(gold_type, {})[found_type] = number
    return EntityErrors(**{name: kinds[name] for name in (*KINDS, "missed", "spurious")}, types=confused)


def _matched(gold: Sequence[Span], found: Sequence[Span]) -> list[tuple[Span | None, Span | None]]:
    """Pairs of entity and prediction; either is None where nothing matches the other."""
    near = [(one, other) for one in gold for other in found if one.start < other.end and other.start < one.end]
    near.sort(key=_distance)
    pairs: list[tuple[Span | None, Span | None]] = []
    free, open_ = set(gold), set(found)
    for one, other in near:
        if one in free and other in open_:
            free.remove(one)
            open_.remove(other)
            pairs.append((one, other))
    return [*pairs, *((one, None) for one in sorted(free)), *((None, other) for other in sorted(open_))]


def _distance(pair: tuple[Span, Span]) -> tuple[bool, bool, int, int, int]:
    one, other = pair
    same = (one.start, one.end) == (other.start, other.end)
    common = min(one.end, other.end) - max(one.start, other.start)
    return not same, one.type != other.type, -common, one.start, other.start


def _kind(gold: Span | None, found: Span | None) -> str:
    if gold is None:
        return "spurious"
    if found is None:
        return "missed"
    if (gold.start, gold.end) == (found.start, found.end):
        return "correct" if gold.type == found.type else "wrong_type"
    if gold.type != found.type:
        return "both_wrong"
    if gold.start <= found.start and found.end <= gold.end:
        return "too_short"
    if found.start <= gold.start and gold.end <= found.end:
        return "too_long"
    return "shifted_left" if found.start < gold.start else "shifted_right"
