"""Few shapes of batches, for steps that are compiled for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import tensorflow as tf

Tensor = Any


@dataclass(frozen=True)
class PaddedShapes:
    """The shapes that batches may have: the first one is taken which the largest sentence fits into.

    Attributes:
        sizes: The largest size of a sentence for each shape, int64 `[shapes]`, ascending.
        times: The tokens to pad to.
        by_text: For texts in which a token may take more or less than one place, the size to pad to.
    """

    sizes: Tensor
    times: Tensor
    by_text: Mapping[str, Tensor]

    @classmethod
    def of(cls, number: int, sizes: np.ndarray, lengths: np.ndarray, by_text: Mapping[str, np.ndarray]) -> Self:
        """Choose shapes that make the least padding.

        Args:
            number: How many there may be.
            sizes: The size of each sentence that they are chosen by.
            lengths: Its tokens.
            by_text: Its size in each text where that is not its tokens.
        """
        steps = padded_lengths(sizes, number)

        def most(of: np.ndarray) -> Tensor:
            return tf.constant([max(int(of[sizes <= step].max()), 2) for step in steps], tf.int64)

        return cls(tf.constant(steps), most(lengths), {name: most(of) for name, of in by_text.items()})

    def index(self, size: Tensor) -> Tensor:
        """Return the number of the first shape that a size fits into."""
        return tf.searchsorted(self.sizes, [size])[0]


def padded_lengths(lengths: Sequence[int] | np.ndarray, number: int) -> np.ndarray:
    """Choose the lengths to pad to that make the fewest tokens of padding, where there may be only so many.

    Found by dynamic programming over the lengths that occur. None is below 2: TensorFlow cannot compile the gradient
    of a loop of one step.

    Args:
        lengths: Tokens of each sentence.
        number: How many there may be.

    Returns:
        The lengths, int64, ascending; the last one is that of the longest sentence.

    Example:
        >>> padded_lengths([3, 3, 3, 4, 9, 10], 2).tolist()
        [4, 10]
    """
    values, counts = np.unique(np.maximum(lengths, 2), return_counts=True)
    number = min(number, len(values))
    tokens = np.concatenate([[0], np.cumsum(values * counts)])
    sentences = np.concatenate([[0], np.cumsum(counts)])
    # cost[i, j]: padding if the sentences of values i to j - 1 are padded to the last of them.
    first, end = np.ogrid[: len(values) + 1, : len(values) + 1]
    cost = values[end - 1] * (sentences[end] - sentences[first]) - (tokens[end] - tokens[first])
    cost = np.where(first < end, cost, np.inf)
    best, choices = cost[0], []
    for _ in range(number - 1):
        total = best[:, np.newaxis] + cost
        choices.append(np.argmin(total, axis=0))
        best = np.min(total, axis=0)
    ends = [len(values)]
    for choice in reversed(choices):
        ends.append(int(choice[ends[-1]]))
    return values[np.array(ends[::-1]) - 1].astype(np.int64)
