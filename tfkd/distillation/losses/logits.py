"""Losses between the emission scores (logits) of teacher and student.

The emission scores of a CRF are its logits here; for its true distribution over tags see `sequences`.
"""

from __future__ import annotations

import keras
from keras import ops
from pydantic import Field
from typing_extensions import override

from tfkd.distillation.losses.base import LOSSES, Batch, TagLoss, TemperedLoss, divergence
from tfkd.distillation.outputs import Need, Outputs, TeacherOutputs
from tfkd.layers import token_weights
from tfkd.sections import Temperature, Weight
from tfkd.tensors import Tensor
from tfkd.training.fitting import count_tokens
from tfkd.training.replicas import count_replicas, sum_replicas

_LEAST = 1e-7


class _FromLogits:
    """Mixin of the losses that take the teacher's logits."""

    @property
    def needs(self) -> tuple[Need, ...]:
        """What the loss takes from the teacher: its logits."""
        return (Need("logits"),)


@LOSSES.register("logits")
@keras.saving.register_keras_serializable("tfkd")
class LogitsDistillation(_FromLogits, TemperedLoss):
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
        log_q = ops.log_softmax(student.emissions / temperature)
        return temperature**2 * divergence(teacher.tag_probabilities(temperature), log_q)


@LOSSES.register("logits_regression")
@keras.saving.register_keras_serializable("tfkd")
class LogitsRegression(_FromLogits, TagLoss):
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
        return ops.mean(ops.square(teacher.emissions - student.emissions), axis=-1)


@LOSSES.register("decoupled")
@keras.saving.register_keras_serializable("tfkd")
class DecoupledDistillation(_FromLogits, TemperedLoss):
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
        p = teacher.tag_probabilities(temperature)
        target = ops.argmax(p, axis=-1)
        if batch.tags is not None:
            target = ops.where(batch.tags >= 0, ops.cast(batch.tags, target.dtype), target)
        is_target = ops.one_hot(target, p.shape[-1], dtype=p.dtype)
        # The target's score is moved far below the others, so that their softmax leaves it out.
        scaled = student.emissions / temperature
        log_q_others = ops.log_softmax(scaled - 1e9 * is_target) * (1.0 - is_target)
        p_others = p * (1.0 - is_target)
        # Summed separately: one minus the other can fall below 0 where the teacher is certain of another tag.
        p_target, p_not = ops.sum(p * is_target, axis=-1), ops.sum(p_others, axis=-1)
        p_others = p_others / ops.maximum(p_not, _LEAST)[..., None]
        log_q = ops.log_softmax(scaled)
        log_q_not = ops.logsumexp(log_q - 1e9 * is_target, axis=-1)
        log_q_target = ops.sum(log_q * is_target, axis=-1)
        pair = ops.stack([p_target, p_not], axis=-1)
        of_target = divergence(pair, ops.stack([log_q_target, log_q_not], axis=-1))
        among_others = divergence(p_others, log_q_others)
        return temperature**2 * (self.target_weight * of_target + self.other_weight * among_others)


@LOSSES.register("correlation")
@keras.saving.register_keras_serializable("tfkd")
class CorrelationDistillation(_FromLogits, TemperedLoss):
    """Distance in Pearson's correlation: between the tags of each token, and between the tokens for each tag.

    With `p` and `q` as in `LogitsDistillation`:
    `T^2 * (between_weight * mean_i (1 - r(p_i, q_i)) + within_weight * mean_k (1 - r(p_:k, q_:k)))`, where `r` is the
    correlation, `p_i` the distribution of token `i`, and `p_:k` the probabilities of tag `k` at all real tokens of the
    batch (Huang et al. 2022, DIST). A student need not match the teacher's probabilities, only their order and spread.

    Sample weights weigh the tokens in both parts; with several devices the second part is over all their tokens. The
    paper calls the first part inter-class and the second intra-class.

    Raises:
        TfkdError: The temperature is not above 0, or teacher and student have different tags.

    Example:
        >>> loss = CorrelationDistillation(temperature=1.0)
        >>> scores = [[[2.0, 1.0, 0.0], [0.0, 3.0, 1.0]]]
        >>> abs(round(float(loss(Outputs.of(scores), Outputs.of(scores))), 4))
        0.0
    """

    temperature: Temperature = Field(default=1.0, description="both models' logits are divided by it; or a ramp")
    between_weight: Weight = Field(default=1.0, description="weight of the part between the tags of a token")
    within_weight: Weight = Field(default=1.0, description="weight of the part between the tokens for a tag")

    @override
    def token_losses(self, teacher: TeacherOutputs, student: Outputs, batch: Batch) -> Tensor:
        temperature = self.temperature_at(batch)
        p, q = self._distributions(teacher, student, temperature)
        mean = 1.0 / p.shape[-1]
        return temperature**2 * self.between_weight * (1.0 - _cosine(p - mean, q - mean, axis=-1))

    @override
    def __call__(self, teacher: TeacherOutputs, student: Outputs, batch: Batch | None = None) -> Tensor:
        batch = batch or Batch()
        temperature = self.temperature_at(batch)
        between = super().__call__(teacher, student, batch)
        p, q = self._distributions(teacher, student, temperature)
        weight = token_weights(student.mask, batch.sample_weight)
        total = sum_replicas(ops.sum(weight))
        weight = weight[..., None]
        # Sums over the replicas, so that the correlation is that of all tokens wherever they are.
        means = [sum_replicas(ops.sum(x * weight, axis=[0, 1])) / ops.maximum(total, _LEAST) for x in (p, q)]
        p, q = p - means[0], q - means[1]
        products = [sum_replicas(ops.sum(a * b * weight, axis=[0, 1])) for a, b in ((p, q), (p, p), (q, q))]
        correlation = products[0] / ops.sqrt(products[1] * products[2] + _LEAST**2)
        within = ops.mean(1.0 - correlation) * total / count_tokens(student.mask) / count_replicas()
        return between + temperature**2 * self.within_weight * within

    @staticmethod
    def _distributions(teacher: TeacherOutputs, student: Outputs, temperature: float | Tensor) -> tuple[Tensor, Tensor]:
        return teacher.tag_probabilities(temperature), ops.softmax(student.emissions / temperature)


def _cosine(a: Tensor, b: Tensor, axis: int) -> Tensor:
    """Return the cosine of the angle between vectors; 0 where one of them is 0."""
    product = ops.sum(a * b, axis=axis)
    return product / ops.sqrt(ops.sum(a * a, axis=axis) * ops.sum(b * b, axis=axis) + _LEAST**2)
