"""Adam with decoupled weight decay, and lower rates for lower layers: what transformers are fine-tuned with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf
from typing_extensions import override

from tfkd.keras_internals import keras_variable
from tfkd.optimizers.adam import Adam
from tfkd.optimizers.rows import Rows
from tfkd.tensors import Tensor
from tfkd_base.errors import TfkdError

_UNDECAYED = ("bias", "scale", "offset", "gamma", "beta", "transitions")
"""Weights whose names end so do not decay: biases, those of normalisations, and a CRF's scores."""


@keras.saving.register_keras_serializable("tfkd")
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019), as `tfkd.optimizers.Adam` otherwise.

    Each step takes `rate * weight_decay` of a weight from it beside Adam's change. Biases, normalisations, a CRF's
    scores and everything else that is no matrix do not decay; of an embedding the rows decay that a batch used.

    Args:
        learning_rate: The rate, or a schedule.
        weight_decay: What part of a weight decays in a step at a rate of 1.
        rate_factors: By the name of a layer what the rate is multiplied by for its weights; 1 for all others.
        **kwargs: Those of `keras.optimizers.Adam`.

    Raises:
        TfkdError: The decay or a factor is negative.

    Example:
        >>> optimizer = AdamW(1e-4, weight_decay=0.01, rate_factors={"transformer_1": 0.5})
        >>> optimizer.get_config()["rate_factors"]
        {'transformer_1': 0.5}
    """

    def __init__(
        self,
        learning_rate: Any = 1e-3,
        weight_decay: float = 0.01,
        rate_factors: Mapping[str, float] | None = None,
        name: str = "adamw",
        **kwargs: Any,
    ) -> None:
        # Keras' own decay would run over the whole of an embedding, and at one rate for all layers.
        super().__init__(learning_rate=learning_rate, name=name, **kwargs)
        self.decay = float(weight_decay)
        self.rate_factors = {layer: float(factor) for layer, factor in (rate_factors or {}).items()}
        if min(self.decay, *self.rate_factors.values(), 0.0) < 0:
            raise TfkdError(f"decay and factors must not be negative, got {self.decay} and {self.rate_factors}.")

    @override
    def update_step(self, gradient: Tensor, variable: Any, learning_rate: Tensor) -> None:
        # What comes here is TensorFlow's variable, which does not know its layer.
        known = keras_variable(self, variable)
        rate = tf.cast(learning_rate, variable.dtype) * self._factor(known)
        if self.decay and _decays(known):
            if self.is_of_rows(gradient, variable):
                rows = Rows.of(gradient)
                rows.add(variable, -rate * self.decay * rows.of_table(variable) * rows.used)
            else:
                variable.assign_sub(rate * self.decay * variable)
        super().update_step(gradient, variable, rate)

    @override
    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "weight_decay": self.decay, "rate_factors": self.rate_factors}

    def _factor(self, variable: Any) -> float:
        return next((self.rate_factors[part] for part in variable.path.split("/") if part in self.rate_factors), 1.0)


def _decays(variable: Any) -> bool:
    return len(variable.shape) > 1 and not variable.name.endswith(_UNDECAYED)
