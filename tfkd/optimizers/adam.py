"""Adam whose step costs what the batch touches, not what the vocabulary holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf
from typing_extensions import override

from tfkd.keras_internals import ClipsGradients, moments, variable_key
from tfkd.optimizers.rows import Rows, on_values, sum_rows
from tfkd.tensors import Tensor


@keras.saving.register_keras_serializable("tfkd")
class Adam(ClipsGradients, keras.optimizers.Adam):
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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._tables: set[Any] = set()

    def apply(self, grads: Sequence[Tensor], trainable_variables: Sequence[Any] | None = None) -> None:
        """Apply one step; see `keras.optimizers.Optimizer.apply`."""
        if trainable_variables is not None:
            named = [v for g, v in zip(grads, trainable_variables, strict=True) if isinstance(g, tf.IndexedSlices)]
            self._tables.update(variable_key(self, v) for v in named)
        super().apply([sum_rows(g) for g in grads], trainable_variables)

    @override
    def clip_gradients(self, grads: list[Tensor], clip: Callable[[list[Tensor]], list[Tensor]]) -> list[Tensor]:
        # Keras' own makes them gradients of the whole table, and the step as slow as the table is long.
        return on_values(clip, grads)

    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        """Update one variable, and its moments, where the gradient has something to say."""
        if self.amsgrad:
            super().update_step(gradient, variable, learning_rate)
            return
        dtype = variable.dtype
        step = keras.ops.cast(self.iterations + 1, dtype)
        beta_1, beta_2 = tf.cast(self.beta_1, dtype), tf.cast(self.beta_2, dtype)
        powers = beta_1**step, beta_2**step
        momentum, velocity = moments(self, variable)
        if not self.is_of_rows(gradient, variable):
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
        rows = Rows.of(gradient)
        values = tf.cast(rows.values, dtype)
        momentum_change = (values - rows.of_table(momentum)) * (1 - beta_1) * rows.used
        velocity_change = (tf.square(values) - rows.of_table(velocity)) * (1 - beta_2) * rows.used
        new_momentum = rows.of_table(momentum) + momentum_change
        new_velocity = rows.of_table(velocity) + velocity_change
        rows.add(momentum, momentum_change)
        rows.add(velocity, velocity_change)
        rows.add(variable, -rate * new_momentum / (tf.sqrt(new_velocity) + self.epsilon) * rows.used)

    def is_of_rows(self, gradient: Tensor, variable: Any) -> bool:
        """Tell whether a gradient names rows, or did before Keras accumulated it."""
        return isinstance(gradient, tf.IndexedSlices) or variable_key(self, variable) in self._tables
