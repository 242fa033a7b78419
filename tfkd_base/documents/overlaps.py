"""Entities that overlap: which of them are kept."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Literal

from tfkd_base.documents.document import Entity
from tfkd_base.errors import TfkdError, nearest

OverlapRule = Literal["longest", "score"]
"""Which of the entities that overlap is kept: the longest, or the one with the highest score."""


class Intervals:
    """A set of places in a text, joined where they overlap.

    Args:
        spans: Start and end of each.

    Example:
        >>> intervals = Intervals([(3, 5), (4, 8)])
        >>> intervals.overlaps(0, 3), intervals.overlaps(7, 9), intervals.overlaps(8, 9)
        (False, True, False)
    """

    def __init__(self, spans: Iterable[tuple[int, int]] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted(spans):
            if self._ends and start < self._ends[-1]:
                self._ends[-1] = max(end, self._ends[-1])
            else:
                self._starts.append(start)
                self._ends.append(end)

    def overlaps(self, start: int, end: int) -> bool:
        """Tell whether a span has a character in common with one of the set."""
        index = bisect_right(self._ends, start)
        return index < len(self._starts) and self._starts[index] < end

    def add(self, start: int, end: int) -> None:
        """Add a span that overlaps none of the set."""
        index = bisect_right(self._ends, start)
        self._starts.insert(index, start)
        self._ends.insert(index, end)


def resolve_overlaps(entities: Iterable[Entity], rule: OverlapRule) -> list[Entity]:
    """Keep, of entities that overlap, the best one.

    The entities are taken in the order of the rule, and each is kept if it overlaps none that is kept already. A tie of
    `longest` is decided by the score, and a tie of `score` by the length; then the entity that starts first is kept,
    and last the one whose type comes first in the alphabet. The length is the number of characters, without the gaps
    of a discontinuous entity. An entity within such a gap does not overlap it.

    Args:
        entities: The entities, for example of several models.
        rule: `longest` or `score`.

    Returns:
        The entities that are kept, in their order.

    Raises:
        TfkdError: There is no such rule.

    Example:
        >>> entities = [Entity(0, 13, "Disease", score=0.6), Entity(7, 13, "Gene", score=0.9)]
        >>> [entity.type for entity in resolve_overlaps(entities, "longest")]
        ['Disease']
        >>> [entity.type for entity in resolve_overlaps(entities, "score")]
        ['Gene']
    """
    check_rule(rule)
    in_order = list(entities)
    taken = Intervals()
    kept: list[int] = []
    for index in sorted(range(len(in_order)), key=lambda index: _RANKS[rule](in_order[index])):
        parts = in_order[index].parts
        if not any(taken.overlaps(*part) for part in parts):
            kept.append(index)
            for part in parts:
                taken.add(*part)
    return [in_order[index] for index in sorted(kept)]


def check_rule(rule: str) -> None:
    """Refuse a rule that does not exist.

    Raises:
        TfkdError: There is no such rule.
    """
    if rule not in _RANKS:
        raise TfkdError(f"there is no rule {rule!r} to resolve overlaps: {nearest(str(rule), _RANKS)}")


def _length(entity: Entity) -> int:
    return sum(end - start for start, end in entity.parts)


_RANKS: dict[str, Callable[[Entity], tuple[float, float, int, str]]] = {
    "longest": lambda entity: (-_length(entity), -(entity.score or 0.0), entity.start, entity.type),
    "score": lambda entity: (-(entity.score or 0.0), -_length(entity), entity.start, entity.type),
}
"""What the entities are sorted by."""
