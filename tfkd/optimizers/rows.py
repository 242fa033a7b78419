"""Gradients that name rows of a table: each row once, and clipped without making them dense."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tfkd.tensors import Tensor


class SummedRows(tf.IndexedSlices):
    """A gradient that names each row once, see `sum_rows`."""


def sum_rows(gradient: Tensor) -> Tensor:
    """Add up the slices of a gradient that name the same row; any other gradient is returned as it is.

    The result has as many slots as the gradient, so that its shape is static and compiles; slots left over
    name row 0 with a value of zero and stand after the used ones.

    Example:
        >>> g = tf.IndexedSlices(tf.constant([[1.0], [2.0], [4.0]]), tf.constant([5, 3, 5]), tf.constant([9, 1]))
        >>> s = sum_rows(g)
        >>> s.indices.numpy().tolist(), s.values.numpy().tolist()
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
    # A slot's row is the highest one in it: they are all the same; an empty slot's is the lowest integer.
    indices = tf.maximum(tf.math.unsorted_segment_max(rows, slot, slots), 0)
    return SummedRows(values, indices, gradient.dense_shape)


@dataclass(frozen=True)
class Rows:
    """The rows of a table that a gradient is about, and what it says of each.

    Attributes:
        values: The gradient of each row, `[rows, ...]`.
        used: 1 for rows that were used, 0 for slots left over and for rows without a gradient, `[rows, 1, ...]`.
        indices: Which rows, int `[rows]`; `None` for all of the table, in its order.
    """

    values: Tensor
    used: Tensor
    indices: Tensor | None

    @classmethod
    def of(cls, gradient: Tensor) -> Rows:
        """Take apart a gradient of `sum_rows`, or that of a whole table, some of whose rows were used.

        Example:
            >>> Rows.of(tf.constant([[0.0, 0.0], [0.0, 3.0]])).used.numpy().tolist()
            [[0.0], [1.0]]
        """
        if not isinstance(gradient, tf.IndexedSlices):
            within = list(range(1, len(gradient.shape)))
            return cls(gradient, tf.cast(tf.reduce_any(gradient != 0, within, keepdims=True), gradient.dtype), None)
        # Slots left over repeat row 0, with changes of zero: additions, not assignments, so that they do no harm.
        rows = gradient.indices
        first = tf.ones([tf.minimum(1, tf.shape(rows)[0])], tf.bool)
        used = tf.concat([first, rows[1:] > rows[:-1]], 0)
        return cls(gradient.values, tf.cast(used, gradient.values.dtype)[:, tf.newaxis], rows)

    def of_table(self, variable: Any) -> Tensor:
        """Return these rows of a table."""
        return tf.convert_to_tensor(variable) if self.indices is None else tf.gather(variable, self.indices)

    def add(self, variable: Any, change: Tensor) -> None:
        """Add to these rows of a table."""
        if self.indices is None:
            variable.assign_add(change)
        else:
            variable.scatter_add(tf.IndexedSlices(change, self.indices))


def on_values(function: Callable[[list[Tensor]], list[Tensor]], grads: Sequence[Tensor]) -> list[Tensor]:
    """Apply a function to gradients, of those that name rows to the rows' values.

    Norms and limits are those of the whole gradients only where the rows are summed.

    Example:
        >>> rows = tf.IndexedSlices(tf.constant([[1.0]]), tf.constant([2]), tf.constant([3, 1]))
        >>> on_values(lambda values: [2 * v for v in values], [rows])[0].values.numpy().tolist()
        [[2.0]]
    """
    changed = function([g.values if isinstance(g, tf.IndexedSlices) else g for g in grads])
    return [
        type(g)(values, g.indices, g.dense_shape) if isinstance(g, tf.IndexedSlices) else values
        for g, values in zip(grads, changed, strict=True)
    ]
