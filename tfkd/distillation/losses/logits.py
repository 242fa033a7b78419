"""Losses between the emission scores (logits) of teacher and student.

The emission scores of a CRF are its logits here; for its true distribution over tags see `sequences`.
"""

from __future__ import annotations

import keras
import tensorflow as tf
from pydantic import Field
from typing_extensions import override

from tfkd.distillation.losses.base import LOSSES, Batch, FromLogits, TagLoss, TemperedLoss
from tfkd.distillation.losses.measures import divergence, split_target
from tfkd.distillation.outputs import Outputs, TeacherOutputs
from tfkd.layers.crf_recursions import FORBIDDEN
from tfkd.sections import Weight
from tfkd.tensors import Tensor


@LOSSES.register("logits")
@keras.saving.register_keras_serializable("tfkd")
class LogitsDistillation(FromLogits, TemperedLoss):
    """KL divergence of the student's tag distribution from the teacher's, for each token by itself.

    For each token `T^2 * sum_k p_k (log p_k - log q_k)`, with `p = softmax(teacher / T)` and `q = softmax(student / T)`
    (Hinton, Vinyals and Dean 2015). The factor keeps the size of the gradient independent of the temperature; the
    higher the temperature, the more the less probable tags count.

    Raises:
        TfkdError: The temperature is not above 0, or teacher and student have different tags.

    Example:
        >>> loss = LogitsDistillation(temperature=2.0)
        >>> teacher, student = Outputs.of([[[1.0, 2.0]]]), Outputs.of([[[11.0, 12.0]]])
        >>> round(float(loss(teacher, student)), 6)
        0.0
    """

    @override
    def token_losses(self, teacher: TeacherOutputs, student: Outputs, batch: Batch) -> Tensor:
        temperature = self.temperature_at(batch)
        log_p, log_q = (
            tf.nn.log_softmax(x) for x in (teacher.tag_scores(temperature), student.emissions / temperature)
        )
        return temperature**2 * divergence(log_p, log_q)


@LOSSES.register("logits_regression")
@keras.saving.register_keras_serializable("tfkd")
class LogitsRegression(FromLogits, TagLoss):
    """Mean squared difference of the logits (Ba and Caruana 2014).

    For each token `mean_k (t_k - s_k)^2`. A constant added to one model's logits changes this loss, although it changes
    no distribution over tags.

    Raises:
        TfkdError: Teacher and student have different tags.

    Example:
        >>> float(LogitsRegression()(Outputs.of([[[1.0, 3.0]]]), Outputs.of([[[1.0, 1.0]]])))
        2.0
    """

    @override
    def token_losses(self, teacher: TeacherOutputs, student: Outputs, batch: Batch) -> Tensor:
        return tf.reduce_mean(tf.square(teacher.emissions - student.emissions), axis=-1)


@LOSSES.register("decoupled")
@keras.saving.register_keras_serializable("tfkd")
class DecoupledDistillation(FromLogits, TemperedLoss):
    """KL divergence in two weighted parts: of the target tag, and among the other tags.

    With `p` and `q` as in `LogitsDistillation` and the target `y`, for each token
    `T^2 * (target_weight * KL([p_y, 1 - p_y] || [q_y, 1 - q_y]) + other_weight * KL(p' || q'))`, where `p'` and `q'`
    are the distributions over the other tags alone (Zhao et al. 2022, decoupled knowledge distillation). With the
    weights 1 and `1 - p_y` it is `LogitsDistillation`, which hides the second part where the teacher is certain. The
    paper finds values of `other_weight` (beta) from 1 to 8 best for images.

    The target is the gold tag; in a sentence without gold tags it is the teacher's most probable tag.

    Raises:
        TfkdError: The temperature is not above 0, or teacher and student have different tags.

    Example:
        >>> loss = DecoupledDistillation(temperature=1.0, target_weight=1.0, other_weight=2.0)
        >>> import tensorflow as tf
        >>> batch = Batch(tags=tf.constant([[0]]))
        >>> round(float(loss(Outputs.of([[[2.0, 1.0, 0.0]]]), Outputs.of([[[2.0, 0.0, 1.0]]]), batch)), 4)
        0.9242
    """

    target_weight: Weight = Field(default=1.0, description="weight of the part of the target tag")
    other_weight: Weight = Field(default=2.0, description="weight of the part among the other tags")

    @override
    def token_losses(self, teacher: TeacherOutputs, student: Outputs, batch: Batch) -> Tensor:
        temperature = self.temperature_at(batch)
        scores = teacher.tag_scores(temperature)
        target = tf.argmax(scores, axis=-1)
        if batch.tags is not None:
            target = tf.where(batch.tags >= 0, tf.cast(batch.tags, target.dtype), target)
        pair, others = split_target(scores, target)
        own_pair, own_others = split_target(student.emissions / temperature, target)
        # Without another tag that the teacher gives a probability, there is no distribution among the others.
        among_others = tf.where(pair[..., 1] > FORBIDDEN / 2, divergence(others, own_others), 0.0)
        return temperature**2 * (self.target_weight * divergence(pair, own_pair) + self.other_weight * among_others)
