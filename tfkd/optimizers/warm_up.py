"""Learning rate schedule with a linear warm-up."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from keras.optimizers.schedules import LearningRateSchedule as Schedule
from typing_extensions import override

from tfkd.tensors import Tensor


@keras.saving.register_keras_serializable("tfkd")
class WarmUp(Schedule):
    """Schedule that increases the rate linearly to the first value of another schedule, and then follows it.

    Args:
        after: The rate after the warm-up: a number, or a schedule that starts when the warm-up ends.
        steps: Number of steps of the warm-up. The first step has a rate above 0.

    Example:
        >>> [round(float(WarmUp(0.4, 2)(step)), 2) for step in range(4)]
        [0.2, 0.4, 0.4, 0.4]
    """

    def __init__(self, after: float | Schedule | dict[str, Any], steps: int) -> None:
        self.after = keras.saving.deserialize_keras_object(after) if isinstance(after, dict) else after
        self.steps = steps

    @override
    def __call__(self, step: Tensor) -> Tensor:
        step = tf.cast(step, tf.float32)
        later = tf.maximum(step - self.steps, 0.0)
        rate = self.after(later) if isinstance(self.after, Schedule) else tf.constant(self.after, tf.float32)
        return tf.cast(rate, tf.float32) * tf.minimum((step + 1.0) / max(self.steps, 1), 1.0)

    @override
    def get_config(self) -> dict[str, Any]:
        after = keras.saving.serialize_keras_object(self.after) if isinstance(self.after, Schedule) else self.after
        return {"after": after, "steps": self.steps}
