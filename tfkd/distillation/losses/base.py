"""The base of the losses between a teacher's outputs and a student's."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf

# A value that changes in training: a function of the number of updates, such as Keras' `PolynomialDecay`.
from keras.optimizers.schedules import LearningRateSchedule as Schedule

from tfkd.distillation.outputs import Need, Outputs, TeacherOutputs
from tfkd.layers import token_weights
from tfkd.models import Tagger
from tfkd.training.fitting import real_tokens
from tfkd_base.errors import TfkdError

if TYPE_CHECKING:
    from tfkd.distillation.teachers import Teacher

Tensor = Any


@dataclass(frozen=True)
class Batch:
    """What else of a batch a loss may look at.

    Attributes:
        tags: Indices of the gold tags, int `[batch, time]`; -1 in a sentence that has none.
        sample_weight: Weight of each sentence `[batch]` or token `[batch, time]`.
        step: Updates done so far.
    """

    tags: Tensor | None = None
    sample_weight: Tensor | None = None
    step: Tensor | int = 0


class DistillationLoss:
    """A loss between a teacher's outputs and a student's, a mean over real tokens, weighted by sample.

    Most losses are those of tokens and give `token_losses`; the sum over the real ones is taken here, so that padding
    counts in none. Others override `__call__`.
    """

    needs: tuple[Need, ...] = ()
    """What is taken from the teacher."""

    student_layers: tuple[str, ...] = ()
    """Names of the student's layers whose outputs are needed."""

    student_attention: tuple[str, ...] = ()
    """Names of the student's layers whose attention is needed."""

    layers: tuple[keras.layers.Layer, ...] = ()
    """Layers that are trained with the student and belong to the loss."""

    def fresh(self) -> DistillationLoss:
        """Return the same loss for one distiller: what is trained with its student is that distiller's own."""
        return copy.copy(self)

    def build(self, teacher: Teacher, student: Tagger) -> None:
        """Check that the two models go together, and make `layers` if any are needed.

        Raises:
            TfkdError: They do not.
        """

    def token_losses(self, teacher: TeacherOutputs, student: Outputs, batch: Batch) -> Tensor:
        """Compute the loss of each token, float32 `[batch, time]`; any finite value in the padding."""
        raise NotImplementedError

    def __call__(self, teacher: TeacherOutputs, student: Outputs, batch: Batch | None = None) -> Tensor:
        """Compute the mean over the real tokens.

        Args:
            teacher: The teacher's outputs.
            student: The student's outputs.
            batch: What else is known of the batch.

        Returns:
            A float32 scalar: the weighted sum of the real tokens' losses over their number.
        """
        batch = batch or Batch()
        losses = self.token_losses(teacher, student, batch)
        weight = token_weights(student.mask, batch.sample_weight)
        return tf.reduce_sum(tf.where(student.mask, losses, 0.0) * weight) / real_tokens(student.mask)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DistillationLoss:
        """Make the same loss again."""
        return cls(**{name: deserialized(value) for name, value in config.items()})


class TagLoss(DistillationLoss):
    """A loss between two models' scores of tags, which must be those of the same tags."""

    def build(self, teacher: Teacher, student: Tagger) -> None:
        """Check that both models have the same tags in the same order, and the scheme that says what they mean."""
        if (tuple(teacher.tags), teacher.scheme) != (tuple(student.tags), student.scheme):
            raise TfkdError(
                "teacher and student must have the same tags in the same order, and the same scheme: the teacher has "
                f"{list(teacher.tags)} ({teacher.scheme}), the student {list(student.tags)} ({student.scheme}). "
                "Train one of them in the other's scheme and on the other's types."
            )


class TemperedLoss(TagLoss):
    """A loss between tag distributions that a temperature softens.

    Args:
        temperature: Above 0; the higher, the more the less probable tags count. A `Schedule` lets it change.
    """

    def __init__(self, temperature: float | Schedule = 2.0) -> None:
        self.temperature = checked_temperature(temperature)

    def at(self, batch: Batch) -> Any:
        """Return the temperature of a batch."""
        return value_at(self.temperature, batch.step)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"temperature": serialized(self.temperature)}


def checked_temperature(temperature: float | Schedule) -> float | Schedule:
    """Return a temperature, or refuse one that is not above 0 and finite, or that a schedule brings there."""
    for value in _extremes(temperature) if isinstance(temperature, Schedule) else [temperature]:
        if not 0 < value < math.inf:
            raise TfkdError(f"the temperature of a distillation must be above 0, got {value}; 1 leaves as is.")
    return temperature if isinstance(temperature, Schedule) else float(temperature)


def _extremes(schedule: Schedule) -> list[float]:
    """Return the values that one of Keras' schedules begins with and ends at; of other schedules nothing is known."""
    settings = schedule.get_config()
    start = settings.get("initial_learning_rate", 1.0)
    ends = [settings.get("end_learning_rate", start), settings.get("alpha", 1.0) * start]
    return [start, *ends, *settings.get("values", ())]


def value_at(value: float | Schedule, step: Tensor | int) -> Any:
    """Return a number, or what a schedule gives for a step as a float32 scalar."""
    return tf.cast(value(step), tf.float32) if isinstance(value, Schedule) else value


def fixed(value: float | Schedule) -> float | None:
    """Return a number, or `None` for a schedule."""
    return None if isinstance(value, Schedule) else value


def serialized(value: Any) -> Any:
    """Turn a schedule into plain data; anything else is plain already."""
    return keras.saving.serialize_keras_object(value) if isinstance(value, Schedule) else value


def deserialized(value: Any) -> Any:
    """Undo `serialized`."""
    return keras.saving.deserialize_keras_object(value) if isinstance(value, dict) else value


def divergence(p: Tensor, log_q: Tensor) -> Tensor:
    """Compute the Kullback-Leibler divergence of distributions over the last axis, `sum_k p_k (log p_k - log q_k)`."""
    return tf.reduce_sum(tf.math.xlogy(p, p) - p * log_q, axis=-1)
