"""A small number of batch shapes, for steps that are compiled for each shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import tensorflow as tf

from tfkd.tensors import Tensor


@dataclass(frozen=True)
class PaddedShapes:
    """Shapes that batches may have. A batch gets the first shape that its largest sentence fits into.

    Attributes:
        sizes: The largest size of a sentence for each shape, int64 `[shapes]`, ascending.
        times: The number of tokens to pad to.
        by_text: The size to pad to for each featurizer whose sizes differ from the number of tokens.
    """

    sizes: Tensor
    times: Tensor
    by_text: Mapping[str, Tensor]

    @classmethod
    def of(cls, number: int, sizes: np.ndarray, lengths: np.ndarray, by_text: Mapping[str, np.ndarray]) -> Self:
        """Choose the shapes that need the least padding.

        Args:
            number: The largest number of shapes.
            sizes: The size of each sentence, by which shapes are chosen.
            lengths: The number of tokens of each sentence.
            by_text: The size of each sentence for the featurizers whose sizes differ from the number of tokens.
        """
        steps = padded_lengths(sizes, number)

        def most(of: np.ndarray) -> Tensor:
            return tf.constant([max(int(of[sizes <= step].max()), 2) for step in steps], tf.int64)

        return cls(tf.constant(steps), most(lengths), {name: most(of) for name, of in by_text.items()})

    def index(self, size: Tensor) -> Tensor:
        """Return the number of the first shape that a size fits into."""
        return tf.searchsorted(self.sizes, [size])[0]


def padded_lengths(lengths: Sequence[int] | np.ndarray, number: int) -> np.ndarray:
    """Return the lengths to pad to that need the fewest tokens of padding, by dynamic programming.

    No length is below 2: TensorFlow cannot compile the gradient of a loop of one step.

    Args:
        lengths: Number of tokens of each sentence.
        number: The largest number of lengths.

    Returns:
        The lengths, int64, ascending; the last one is the length of the longest sentence.

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
