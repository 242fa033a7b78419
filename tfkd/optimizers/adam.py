"""Adam whose step costs what the batch touches, not what the vocabulary holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

Tensor = Any


@keras.saving.register_keras_serializable("tfkd")
class Adam(keras.optimizers.Adam):
    """Adam (Kingma and Ba 2015) that updates only the rows of an embedding which a batch used.

    For dense gradients it gives the numbers of `keras.optimizers.Adam`, in one pass over each variable. For gradients
    that name rows (`tf.IndexedSlices`, as `tfkd.layers.WordEmbedding` gives), moments and weights of the other rows
    are left alone, where Keras' Adam lets them decay and drift at a cost that grows with the table. Rows that stand
    more than once in a batch are summed first, so that clipping sees the true gradient.

    Args: those of `keras.optimizers.Adam`.

    Example:
        >>> round(float(Adam(learning_rate=1e-3).learning_rate), 6)
        0.001
    """

    def apply(self, grads: Sequence[Tensor], trainable_variables: Sequence[Any] | None = None) -> None:
        """Apply one step; see `keras.optimizers.Optimizer.apply`."""
        super().apply([sum_rows(g) if isinstance(g, tf.IndexedSlices) else g for g in grads], trainable_variables)

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        """Update one variable, and its moments, where the gradient has something to say."""
        if self.amsgrad:
            super().update_step(gradient, variable, learning_rate)
            return
        dtype = variable.dtype
        step = keras.ops.cast(self.iterations + 1, dtype)
        beta_1, beta_2 = tf.cast(self.beta_1, dtype), tf.cast(self.beta_2, dtype)
        powers = beta_1**step, beta_2**step
        index = self._get_variable_index(variable)
        momentum, velocity = self._momentums[index].value, self._velocities[index].value
        if not isinstance(gradient, tf.IndexedSlices):
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=momentum.handle,
                v=velocity.handle,
                beta1_power=powers[0],
                beta2_power=powers[1],
                lr=tf.cast(learning_rate, dtype),
                beta1=beta_1,
                beta2=beta_2,
                epsilon=self.epsilon,
                grad=tf.cast(gradient, dtype),
            )
            return
        rate = tf.cast(learning_rate, dtype) * tf.sqrt(1 - powers[1]) / (1 - powers[0])
        rows, used = gradient.indices, _used(gradient)
        values = tf.cast(gradient.values, dtype)
        # Unused slots repeat row 0 with a change of zero: additions, not assignments, so they do no harm.
        momentum_change = (values - tf.gather(momentum, rows)) * (1 - beta_1) * used
        velocity_change = (tf.square(values) - tf.gather(velocity, rows)) * (1 - beta_2) * used
        new_momentum = tf.gather(momentum, rows) + momentum_change
        new_velocity = tf.gather(velocity, rows) + velocity_change
        momentum.scatter_add(tf.IndexedSlices(momentum_change, rows))
        velocity.scatter_add(tf.IndexedSlices(velocity_change, rows))
        change = -rate * new_momentum / (tf.sqrt(new_velocity) + self.epsilon) * used
        variable.scatter_add(tf.IndexedSlices(change, rows))


def sum_rows(gradient: tf.IndexedSlices) -> tf.IndexedSlices:
    """Add up the slices of a gradient that name the same row.

    The result has as many slots as the gradient, so that its shape is static and compiles; slots left over
    name row 0 with a value of zero and stand after the used ones.

    Example:
        >>> g = tf.IndexedSlices(tf.constant([[1.0], [2.0], [4.0]]), tf.constant([5, 3, 5]), tf.constant([9, 1]))
        >>> s = sum_rows(g)
        >>> s.indices.numpy().tolist(), s.values.numpy().tolist()
        ([3, 5, 0], [[2.0], [5.0], [0.0]])
    """
    order = tf.argsort(gradient.indices, stable=True)
    rows = tf.gather(gradient.indices, order)
    new = tf.concat([tf.zeros([1], tf.int32), tf.cast(rows[1:] != rows[:-1], tf.int32)], 0)[: tf.shape(rows)[0]]
    slot = tf.cumsum(new)
    slots = tf.shape(rows)[0]
    values = tf.math.unsorted_segment_sum(tf.gather(gradient.values, order), slot, slots)
    # A slot's row is the highest one in it: they are all the same; an empty slot's is the lowest integer.
    indices = tf.maximum(tf.math.unsorted_segment_max(rows, slot, slots), 0)
    return tf.IndexedSlices(values, indices, gradient.dense_shape)


def _used(gradient: tf.IndexedSlices) -> Tensor:
    """Tell the used slots of `sum_rows` (1) from the ones left over (0), as a column."""
    rows = gradient.indices
    first = tf.ones([tf.minimum(1, tf.shape(rows)[0])], tf.bool)
    used = tf.concat([first, rows[1:] > rows[:-1]], 0)
    return tf.cast(used, gradient.values.dtype)[:, tf.newaxis]
