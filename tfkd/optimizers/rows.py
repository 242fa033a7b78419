"""Row gradients of tables (`tf.IndexedSlices`): summing duplicate rows, clipping and applying without dense copies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import keras
import tensorflow as tf

from tfkd.tensors import Tensor

Gradient: TypeAlias = "tf.Tensor | tf.IndexedSlices"
"""A dense gradient, or a gradient of rows."""


class SummedRows(tf.IndexedSlices):
    """Row gradient that names each row at most once; see `sum_rows`."""


def sum_rows(gradient: Gradient | None) -> Gradient | None:
    """Sum the slices of a row gradient that name the same row; return any other gradient unchanged.

    The result has as many slots as the gradient, so that its shape is static and compiles with XLA. Unused slots come
    last and name row 0 with a value of zero.

    Example:
        >>> g = tf.IndexedSlices(tf.constant([[1.0], [2.0], [4.0]]), tf.constant([5, 3, 5]), tf.constant([9, 1]))
        >>> summed = sum_rows(g)
        >>> summed.indices.numpy().tolist(), summed.values.numpy().tolist()
        ([3, 5, 0], [[2.0], [5.0], [0.0]])
    """
    if not isinstance(gradient, tf.IndexedSlices) or isinstance(gradient, SummedRows):
        return gradient
    order = tf.argsort(gradient.indices, stable=True)
    rows = tf.gather(gradient.indices, order)
    new = tf.concat([tf.zeros([1], tf.int32), tf.cast(rows[1:] != rows[:-1], tf.int32)], 0)[: tf.shape(rows)[0]]
    slot = tf.cumsum(new)
    slots = tf.shape(rows)[0]
    values = tf.math.unsorted_segment_sum(tf.gather(gradient.values, order), slot, slots)
    # All rows in a slot are equal, so their maximum is the row. The maximum of an empty slot is the lowest integer.
    indices = tf.maximum(tf.math.unsorted_segment_max(rows, slot, slots), 0)
    return SummedRows(values, indices, gradient.dense_shape)


@dataclass(frozen=True)
class TableRows:
    """Rows of a table that a gradient changes.

    Attributes:
        values: The gradient of each row, `[rows, ...]`.
        used: 1 for rows that were used, 0 for unused slots and for rows without a gradient, `[rows, 1, ...]`.
        indices: Indices of the rows, int `[rows]`; None for all rows of the table in order.
    """

    values: Tensor
    used: Tensor
    indices: Tensor | None

    @classmethod
    def from_gradient(cls, gradient: Gradient) -> TableRows:
        """Return the rows of a gradient from `sum_rows`, or of the dense gradient of a table.

        Example:
            >>> TableRows.from_gradient(tf.constant([[0.0, 0.0], [0.0, 3.0]])).used.numpy().tolist()
            [[0.0], [1.0]]
        """
        if not isinstance(gradient, tf.IndexedSlices):
            within = list(range(1, len(gradient.shape)))
            return cls(gradient, tf.cast(tf.reduce_any(gradient != 0, within, keepdims=True), gradient.dtype), None)
        # Unused slots repeat row 0 with changes of zero. They are harmless because changes are added, not assigned.
        rows = gradient.indices
        first = tf.ones([tf.minimum(1, tf.shape(rows)[0])], tf.bool)
        used = tf.concat([first, rows[1:] > rows[:-1]], 0)
        return cls(gradient.values, tf.cast(used, gradient.values.dtype)[:, tf.newaxis], rows)

    def gather(self, variable: keras.Variable) -> Tensor:
        """Return these rows of a table."""
        return tf.convert_to_tensor(variable) if self.indices is None else tf.gather(variable, self.indices)

    def add(self, variable: keras.Variable, change: Tensor) -> None:
        """Add changes to these rows of a table."""
        if self.indices is None:
            variable.assign_add(change)
        else:
            variable.scatter_add(tf.IndexedSlices(change, self.indices))


def apply_to_values(
    function: Callable[[list[Tensor | None]], list[Tensor | None]], grads: Sequence[Gradient | None]
) -> list[Gradient | None]:
    """Apply a function to the values of gradients. Row gradients keep their rows.

    The norms of row gradients are correct only if duplicate rows are summed.

    Example:
        >>> rows = tf.IndexedSlices(tf.constant([[1.0]]), tf.constant([2]), tf.constant([3, 1]))
        >>> apply_to_values(lambda values: [2 * v for v in values], [rows])[0].values.numpy().tolist()
        [[2.0]]
    """
    changed = function([g.values if isinstance(g, tf.IndexedSlices) else g for g in grads])
    return [
        type(g)(values, g.indices, g.dense_shape) if isinstance(g, tf.IndexedSlices) else values
        for g, values in zip(grads, changed, strict=True)
    ]
