"""What a student may be taught: each a loss between a teacher's and a student's outputs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf
from typing_extensions import override

from tfkd.errors import TfkdError
from tfkd.layers import token_weights
from tfkd.models import Tagger
from tfkd.models.training import real_tokens

Tensor = Any


@dataclass(frozen=True)
class Outputs:
    """What a model gives for one batch, in a form that knows nothing of the model.

    Attributes:
        emissions: Emission scores (logits), float `[batch, time, tags]`.
        features: Outputs of the layers asked for, by name, `[batch, time, width]`.
    """

    emissions: Tensor
    features: dict[str, Tensor] = field(default_factory=dict)


class DistillationLoss:
    """A loss between a teacher's outputs and a student's.

    Subclasses give `token_losses`; the mean over real tokens, weighted by sample, is taken here, so that padding
    counts in no loss. `teacher_layers` and `student_layers` name the layers whose outputs are needed.
    """

    teacher_layers: tuple[str, ...] = ()
    student_layers: tuple[str, ...] = ()

    layers: tuple[keras.layers.Layer, ...] = ()
    """Layers that are trained with the student and belong to the loss."""

    def build(self, teacher: Tagger, student: Tagger) -> None:
        """Check that the two models go together, and make `layers` if any are needed.

        Raises:
            TfkdError: They do not.
        """

    def token_losses(self, teacher: Outputs, student: Outputs) -> Tensor:
        """Compute the loss of each token, float32 `[batch, time]`; any finite value in the padding."""
        raise NotImplementedError

    def __call__(self, teacher: Outputs, student: Outputs, mask: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """Compute the mean over the real tokens.

        Args:
            teacher: The teacher's outputs.
            student: The student's outputs.
            mask: True at real tokens, bool `[batch, time]`.
            sample_weight: Weight of each sentence `[batch]` or token `[batch, time]`.

        Returns:
            A float32 scalar: the weighted sum of the real tokens' losses over their number.
        """
        losses = self.token_losses(teacher, student)
        weight = token_weights(mask, sample_weight)
        return tf.reduce_sum(tf.where(mask, losses, 0.0) * weight) / real_tokens(mask)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DistillationLoss:
        """Make the same loss again."""
        return cls(**config)


@keras.saving.register_keras_serializable("tfkd")
class LogitsDistillation(DistillationLoss):
    """Kullback-Leibler divergence of the student's tag distribution from the teacher's, softened by a temperature.

    For each token `T^2 * sum_k p_k (log p_k - log q_k)`, with `p = softmax(teacher / T)` and `q = softmax(student / T)`
    (Hinton, Vinyals and Dean 2015); the factor keeps the gradient's size the same whatever the temperature. The
    emission scores of a CRF are its logits here.

    Args:
        temperature: Above 0; the higher, the more the less probable tags count.

    Raises:
        TfkdError: The temperature is not above 0, or teacher and student have other tags.

    Example:
        >>> loss = LogitsDistillation(temperature=2.0)
        >>> teacher, student = Outputs(tf.constant([[[1.0, 2.0]]])), Outputs(tf.constant([[[11.0, 12.0]]]))
        >>> round(float(loss(teacher, student, tf.constant([[True]]))), 6)
        0.0
    """

    def __init__(self, temperature: float = 2.0) -> None:
        if not temperature > 0:
            raise TfkdError(f"the temperature of a distillation must be above 0, got {temperature}; 1 leaves as is.")
        self.temperature = float(temperature)

    @override
    def build(self, teacher: Tagger, student: Tagger) -> None:
        if teacher.tags != student.tags:
            raise TfkdError(
                f"teacher and student must have the same tags in the same order: the teacher has {list(teacher.tags)} "
                f"({teacher.scheme}), the student {list(student.tags)} ({student.scheme}). Train one of them in the "
                "other's scheme and on the other's types."
            )

    @override
    def token_losses(self, teacher: Outputs, student: Outputs) -> Tensor:
        log_p = tf.nn.log_softmax(tf.cast(teacher.emissions, tf.float32) / self.temperature)
        log_q = tf.nn.log_softmax(tf.cast(student.emissions, tf.float32) / self.temperature)
        return self.temperature**2 * tf.reduce_sum(tf.exp(log_p) * (log_p - log_q), axis=-1)

    @override
    def get_config(self) -> dict[str, Any]:
        return {"temperature": self.temperature}


@keras.saving.register_keras_serializable("tfkd")
class FeatureDistillation(DistillationLoss):
    """Mean squared difference of a teacher layer's output and a student layer's (Romero et al. 2015, FitNets).

    Where the widths differ, a learned linear projection brings the student's features to the teacher's width. It is
    trained with the student and is no part of it: a saved student does not hold it.

    Args:
        teacher_layer_name: A layer of the teacher, e.g. `"shared_encoder"` or `"task_encoder"`.
        student_layer_name: A layer of the student, e.g. `"encoder"`.
        projection: Widths that a projection goes from and to; found from the models if not given.

    Raises:
        TfkdError: A model has no such layer, or the layer's output is not a vector for each token.

    Example:
        >>> loss = FeatureDistillation("shared_encoder", "encoder")
        >>> t = Outputs(tf.zeros([1, 1, 2]), {"shared_encoder": tf.constant([[[1.0, 3.0]]])})
        >>> s = Outputs(tf.zeros([1, 1, 2]), {"encoder": tf.constant([[[1.0, 1.0]]])})
        >>> float(loss(t, s, tf.constant([[True]])))
        2.0
    """

    def __init__(
        self, teacher_layer_name: str, student_layer_name: str, projection: tuple[int, int] | None = None
    ) -> None:
        self.teacher_layer_name = teacher_layer_name
        self.student_layer_name = student_layer_name
        self.teacher_layers = (teacher_layer_name,)
        self.student_layers = (student_layer_name,)
        self.projection: tuple[int, int] | None = None
        if projection is not None:
            self._make_projection(*projection)

    @override
    def build(self, teacher: Tagger, student: Tagger) -> None:
        own, theirs = _width(student, self.student_layer_name), _width(teacher, self.teacher_layer_name)
        if self.projection is not None and self.projection != (own, theirs):
            raise TfkdError(
                f"the projection brings {self.projection[0]} units to {self.projection[1]}, but "
                f"{self.student_layer_name!r} of the student has {own} and {self.teacher_layer_name!r} of the teacher "
                f"{theirs}: use the models that it was trained with, or make a new loss."
            )
        if self.projection is None and own != theirs:
            self._make_projection(own, theirs)

    def _make_projection(self, own: int, theirs: int) -> None:
        self.projection = (own, theirs)
        layer = keras.layers.Dense(theirs, dtype="float32", name=f"projection_{self.student_layer_name}")
        layer.build((None, None, own))
        self.layers = (layer,)

    @override
    def token_losses(self, teacher: Outputs, student: Outputs) -> Tensor:
        theirs = tf.cast(teacher.features[self.teacher_layer_name], tf.float32)
        own = tf.cast(student.features[self.student_layer_name], tf.float32)
        if self.layers:
            own = self.layers[0](own)
        return tf.reduce_mean(tf.math.squared_difference(theirs, own), axis=-1)

    @override
    def get_config(self) -> dict[str, Any]:
        return {
            "teacher_layer_name": self.teacher_layer_name,
            "student_layer_name": self.student_layer_name,
            "projection": self.projection,
        }


def _width(model: Tagger, name: str) -> int:
    output = model.layer_named(name).output
    if len(output.shape) != 3 or output.shape[-1] is None:
        raise TfkdError(
            f"the layer {name!r} of {model.name} gives {output.shape}: expected a vector for each token, "
            "[batch, time, width], as an encoder gives."
        )
    return int(output.shape[-1])
