"""Adam and AdamW with updates of only those rows of an embedding that a batch uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras.optimizers.schedules import LearningRateSchedule as Schedule
from typing_extensions import override

from tfkd.keras_internals import ClipsGradients, keras_variable, moments, variable_key, weight_decays
from tfkd.optimizers.rows import TableRows, apply_to_values, sum_rows
from tfkd.tensors import Tensor
from tfkd_base.errors import TfkdError

_UNDECAYED = ("bias", "scale", "offset", "gamma", "beta", "transitions")
"""Name endings of weights that do not decay: biases, weights of normalisations, and scores of a CRF."""


@keras.saving.register_keras_serializable("tfkd")
class Adam(ClipsGradients, keras.optimizers.Adam):
    """Adam (Kingma and Ba 2015) that updates only the rows of an embedding that a batch used.

    For dense gradients it computes the same as `keras.optimizers.Adam`, in one pass over each variable. Gradients of
    `tfkd.layers.WordEmbedding` are row gradients (`tf.IndexedSlices`). For these it changes neither the moments nor
    the weights of other rows, so the cost does not grow with the table; Keras' Adam changes all rows. Duplicate rows
    of a batch are summed first, so that clipping applies to the true gradient.

    All rows share one step counter, as in Keras' Adam and in TensorFlow's lazy Adam, so the bias correction of a row's
    first step fades with the steps of the training. A row that is first used at a late step moves by
    `(1 - beta_1) / sqrt(1 - beta_2)` times the rate: 3.16 times with the default betas, as in Keras' Adam; a row that
    is used in the first step moves by the rate. At step 3,000 it is 3.08 times. Later steps of the row are smaller.

    Args:
        *args: Arguments of `keras.optimizers.Adam`.
        **kwargs: Arguments of `keras.optimizers.Adam`.

    Example:
        >>> round(float(Adam(learning_rate=1e-3).learning_rate), 6)
        0.001
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._tables: set[int | str] = set()

    def apply(self, grads: Sequence[Tensor], trainable_variables: Sequence[keras.Variable] | None = None) -> None:
        """Apply one step; see `keras.optimizers.Optimizer.apply`."""
        if trainable_variables is not None:
            tables = [v for g, v in zip(grads, trainable_variables, strict=True) if isinstance(g, tf.IndexedSlices)]
            self._tables.update(variable_key(self, v) for v in tables)
        super().apply([sum_rows(g) for g in grads], trainable_variables)

    @override
    def clip_gradients(self, grads: list[Tensor], clip: Callable[[list[Tensor]], list[Tensor]]) -> list[Tensor]:
        # The method of Keras makes row gradients dense, which is slow for large tables.
        return apply_to_values(clip, grads)

    def update_step(self, gradient: Tensor, variable: keras.Variable, learning_rate: Tensor) -> None:
        """Update one variable and its moments; of a table only the rows that were used."""
        if self.amsgrad:
            super().update_step(gradient, variable, learning_rate)
            return
        dtype = variable.dtype
        step = keras.ops.cast(self.iterations + 1, dtype)
        beta_1, beta_2 = tf.cast(self.beta_1, dtype), tf.cast(self.beta_2, dtype)
        powers = beta_1**step, beta_2**step
        momentum, velocity = moments(self, variable)
        if not self.is_row_gradient(gradient, variable):
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
        rows = TableRows.from_gradient(gradient)
        values = tf.cast(rows.values, dtype)
        momentum_change = (values - rows.gather(momentum)) * (1 - beta_1) * rows.used
        velocity_change = (tf.square(values) - rows.gather(velocity)) * (1 - beta_2) * rows.used
        new_momentum = rows.gather(momentum) + momentum_change
        new_velocity = rows.gather(velocity) + velocity_change
        rows.add(momentum, momentum_change)
        rows.add(velocity, velocity_change)
        rows.add(variable, -rate * new_momentum / (tf.sqrt(new_velocity) + self.epsilon) * rows.used)

    def is_row_gradient(self, gradient: Tensor, variable: keras.Variable) -> bool:
        """Return whether a gradient names rows, or did so before Keras accumulated it."""
        return isinstance(gradient, tf.IndexedSlices) or variable_key(self, variable) in self._tables


@keras.saving.register_keras_serializable("tfkd")
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019) and lower rates for lower layers.

    Besides the update of `tfkd.optimizers.Adam`, each step multiplies a weight by `1 - rate * weight_decay`. Biases,
    normalisations, the scores of a CRF and all other weights with fewer than two dimensions do not decay, nor do those
    given to `exclude_from_weight_decay`. Of an embedding, only the rows that a batch used decay.

    Args:
        learning_rate: The learning rate, or a schedule.
        weight_decay: Strength of the decay.
        rate_factors: Factors of the learning rate by the name of the layer. Default: 1 for all layers.
        **kwargs: Further arguments of `keras.optimizers.Adam`.

    Raises:
        TfkdError: The decay or a factor is negative.

    Example:
        >>> optimizer = AdamW(1e-4, weight_decay=0.01, rate_factors={"transformer_1": 0.5})
        >>> optimizer.get_config()["rate_factors"]
        {'transformer_1': 0.5}
    """

    def __init__(
        self,
        learning_rate: float | Schedule | dict[str, Any] = 1e-3,
        weight_decay: float = 0.01,
        rate_factors: Mapping[str, float] | None = None,
        name: str = "adamw",
        **kwargs: Any,
    ) -> None:
        # The decay of Keras would change whole embeddings, and would use one rate for all layers.
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.decay = float(weight_decay)
        self.rate_factors = {layer: float(factor) for layer, factor in (rate_factors or {}).items()}
        if min(self.decay, *self.rate_factors.values(), 0.0) < 0:
            raise TfkdError(
                f"expected weight_decay and rate_factors of at least 0, got {self.decay} and {self.rate_factors}."
            )

    @override
    def update_step(self, gradient: Tensor, variable: keras.Variable, learning_rate: Tensor) -> None:
        # `variable` is TensorFlow's variable, which does not know its layer.
        weight = keras_variable(self, variable)
        rate = tf.cast(learning_rate, variable.dtype) * self._find_factor(weight)
        if self.decay and _decays(weight) and weight_decays(self, weight):
            if self.is_row_gradient(gradient, variable):
                rows = TableRows.from_gradient(gradient)
                rows.add(variable, -rate * self.decay * rows.gather(variable) * rows.used)
            else:
                variable.assign_sub(rate * self.decay * variable)
        super().update_step(gradient, variable, rate)

    @override
    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "weight_decay": self.decay, "rate_factors": self.rate_factors}

    def _find_factor(self, variable: keras.Variable) -> float:
        return next((self.rate_factors[part] for part in variable.path.split("/") if part in self.rate_factors), 1.0)


def _decays(variable: keras.Variable) -> bool:
    return len(variable.shape) > 1 and not variable.name.endswith(_UNDECAYED)
