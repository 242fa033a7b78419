"""Which of the entities that models find are kept, and in what place of those that the documents have."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tfkd_base.documents.abbreviations import type_short_forms
from tfkd_base.documents.document import Counts, Document, Entity
from tfkd_base.documents.overlaps import Intervals, OverlapRule, check_rule, resolve_overlaps
from tfkd_base.errors import TfkdError

_KEPT: dict[OverlapRule, str] = {"longest": "the longest", "score": "the one with the highest score"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EntitySelection:
    """What becomes of the entities that models find in a document.

    The steps in their order: entities with a low score are dropped; short forms take the type of their long forms;
    entities that overlap are dropped; the entities of the input come first, if they are kept.

    Attributes:
        keep: Keep the entities that the documents have. The other settings never drop or change these.
        min_score: Drop entities with a score below this, 0 to 1. Default: none is dropped.
        abbreviations: Give a short form, such as DMD, the type of its long form within a document, see
            `type_short_forms`.
        resolve: Which of the entities that overlap is kept, see `resolve_overlaps`. Default: all are kept.

    Raises:
        TfkdError: A value is out of range.

    Example:
        >>> document = Document("1", "No breast cancer.", (Entity(0, 2, "Old"),))
        >>> found = [Entity(3, 16, "X", score=0.8), Entity(10, 16, "Y", score=0.9), Entity(0, 2, "Y", score=0.3)]
        >>> selection = EntitySelection(keep=True, min_score=0.5, resolve="longest")
        >>> selected = selection.apply(document, found, counts := Counts())
        >>> [entity.type for entity in selected.entities]
        ['Old', 'X']
        >>> dict(+counts)
        {'entities dropped, with a score below 0.5': 1, 'overlapping entities dropped, the longest kept': 1}
    """

    keep: bool = False
    min_score: float | None = None
    abbreviations: bool = False
    resolve: OverlapRule | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        if self.min_score is not None and not 0 <= self.min_score <= 1:
            raise TfkdError(f"expected a score from 0 to 1, got min_score={self.min_score}")
        if self.resolve is not None:
            check_rule(self.resolve)

    def apply(self, document: Document, found: Sequence[Entity], counts: Counts) -> Document:
        """Return a document with the entities that are kept.

        Args:
            document: The document, with the entities of the input.
            found: The entities that the models found.
            counts: Receives what is dropped, added and changed.

        Raises:
            TfkdError: Entities are to be dropped by their scores, and have none.
        """
        if self.min_score is not None or self.resolve == "score":
            _check_scores(found, "--min-score" if self.min_score is not None else "--resolve score")
        if self.min_score is not None:
            enough = [entity for entity in found if entity.score is not None and entity.score >= self.min_score]
            counts[f"entities dropped, with a score below {self.min_score:g}"] += len(found) - len(enough)
            found = enough
        if self.abbreviations:
            found = type_short_forms(document, found, counts)
        kept = document.entities if self.keep else ()
        new = _without_duplicates(kept, found)
        if self.resolve is not None:
            new = self._resolve(kept, new, self.resolve, counts)
        return document.with_entities([*kept, *new])

    def _resolve(
        self, kept: Sequence[Entity], new: Sequence[Entity], rule: OverlapRule, counts: Counts
    ) -> list[Entity]:
        occupied = Intervals(part for entity in kept for part in entity.parts)
        apart = [entity for entity in new if not any(occupied.overlaps(*part) for part in entity.parts)]
        resolved = resolve_overlaps(apart, rule)
        counts["entities dropped that overlap one of the input"] += len(new) - len(apart)
        counts[f"overlapping entities dropped, {_KEPT[rule]} kept"] += len(apart) - len(resolved)
        return resolved


def _check_scores(found: Iterable[Entity], option: str) -> None:
    for entity in found:
        if entity.score is None or math.isnan(entity.score):
            raise TfkdError(
                f"{option} needs scores, and a model gives none for entities of type {entity.type!r}: omit {option}"
            )


def _without_duplicates(kept: Iterable[Entity], new: Iterable[Entity]) -> list[Entity]:
    existing = {(entity.parts, entity.type) for entity in kept}
    return [entity for entity in new if (entity.parts, entity.type) not in existing]
