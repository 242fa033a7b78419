"""Sentence boundaries that stand at the wrong place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tfkd_base.corpora.corpus import Sentence

FULL_STOPS = frozenset(".?!")
LEAST_SENTENCES = 10


@dataclass(frozen=True, slots=True)
class LateBoundaries:
    """Where the full stops of a split stand, if the boundaries between its sentences come too late."""

    sentences: int
    """sentences of two tokens or more"""
    proper: int
    """those that end with a full stop"""
    late: int
    """those that end one token after a full stop"""
    inside: int
    """full stops before the last token of a sentence"""
    first: tuple[int, int]
    """index of the first sentence with such a full stop, and of its token"""


def late_boundaries(sentences: Sequence[Sentence]) -> LateBoundaries | None:
    """Notice a split whose sentences end late, with the first word or words of the next one.

    The rule: fewer than a fifth of the sentences end with a full stop, question or exclamation mark, though at least
    half as many of these as there are sentences stand inside a sentence. Text without full stops does not meet it, nor
    do sentences that were never split. At least ten sentences of two tokens or more are needed to judge.

    Args:
        sentences: The sentences of one split, in order.

    Returns:
        The counts, or None if the boundaries stand well.

    Example:
        >>> good = [Sentence(("It", "binds", "."), ("O",) * 3)] * 20
        >>> late = [Sentence(("binds", ".", "It"), ("O",) * 3)] * 20
        >>> late_boundaries(good)
        >>> late_boundaries(late)
        LateBoundaries(sentences=20, proper=0, late=20, inside=20, first=(0, 1))
    """
    proper = late = judged = inside = 0
    first: tuple[int, int] | None = None
    for index, sentence in enumerate(sentences):
        tokens = sentence.tokens
        if len(tokens) < 2:
            continue
        judged += 1
        if tokens[-1] in FULL_STOPS:
            proper += 1
        elif tokens[-2] in FULL_STOPS:
            late += 1
        if not FULL_STOPS.isdisjoint(tokens[:-1]):
            stops = [position for position, token in enumerate(tokens[:-1]) if token in FULL_STOPS]
            inside += len(stops)
            first = first or (index, stops[0])
    if first is None or judged < LEAST_SENTENCES or proper * 5 >= judged or inside * 2 < judged:
        return None
    return LateBoundaries(judged, proper, late, inside, first)
