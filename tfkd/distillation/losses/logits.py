"""Losses between the emission scores (logits) of teacher and student.

The emission scores of a CRF are its logits here; for its true distribution over tags see `sequences`.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops
from typing_extensions import override

from tfkd.distillation.losses.base import Batch, Schedule, TagLoss, TemperedLoss, divergence
from tfkd.distillation.outputs import Need, Outputs, TeacherOutputs
from tfkd.layers import token_weights
from tfkd.training.fitting import real_tokens
from tfkd.training.replicas import replicas, summed

Tensor = Any
_LEAST = 1e-7


@keras.saving.register_keras_serializable("tfkd")
class LogitsDistillation(TemperedLoss):
    """Kullback-Leibler divergence of the student's tag distribution from the teacher's, softened by a temperature.

    For each token `T^2 * sum_k p_k (log p_k - log q_k)`, with `p = softmax(teacher / T)` and `q = softmax(student / T)`
    (Hinton, Vinyals and Dean 2015); the factor keeps the gradient's size the same whatever the temperature.

    Args:
        temperature: Above 0; the higher, the more the less probable tags count.

    Raises:
        TfkdError: The temperature is not above 0, or teacher and student have other tags.

    Example:
        >>> loss = LogitsDistillation(temperature=2.0)
        >>> teacher, student = Outputs.of([[[1.0, 2.0]]]), Outputs.of([[[11.0, 12.0]]])
        >>> round(float(loss(teacher, student)), 6)
        0.0
    """

    needs = (Need("logits"),)

    @override
    def token_losses(self, teacher: TeacherOutputs, student: Outputs, batch: Batch) -> Tensor:
        temperature = self.at(batch)
        log_q = ops.log_softmax(student.emissions / temperature)
        return temperature**2 * divergence(teacher.tag_probabilities(temperature), log_q)


@keras.saving.register_keras_serializable("tfkd")
class LogitsRegression(TagLoss):
    """Mean squared difference of the emission scores, `mean_k (t_k - s_k)^2` (Ba and Caruana 2014).

    A constant added to one model's scores changes it, although no distribution over tags then changes.

    Raises:
        TfkdError: Teacher and student have other tags.

    Example:
        >>> float(LogitsRegression()(Outputs.of([[[1.0, 3.0]]]), Outputs.of([[[1.0, 1.0]]])))
        2.0
    """

    needs = (Need("logits"),)

    @override
    def token_losses(self, teacher: TeacherOutputs, student: Outputs, batch: Batch) -> Tensor:
        return ops.mean(ops.square(teacher.emissions - student.emissions), axis=-1)


@keras.saving.register_keras_serializable("tfkd")
class DecoupledDistillation(TemperedLoss):
    """The divergence in two parts with weights of their own: of the target tag, and among the others.

    With `p` and `q` as in `LogitsDistillation` and the target `y`, for each token
    `T^2 * (target_weight * KL([p_y, 1 - p_y] || [q_y, 1 - q_y]) + other_weight * KL(p' || q'))`, where `p'` and `q'`
    are the distributions over the other tags alone (Zhao et al. 2022, decoupled knowledge distillation). With 1 and
    `1 - p_y` as weights it is `LogitsDistillation`, which so hides the second part where the teacher is sure.

    The target is the gold tag; in a sentence without gold tags the tag that the teacher finds most probable.

    Args:
        temperature: Above 0.
        target_weight: Weight of the first part, alpha in the paper.
        other_weight: Weight of the second, beta in the paper, which finds values from 1 to 8 best for images.

    Raises:
        TfkdError: The temperature is not above 0, or teacher and student have other tags.

    Example:
        >>> loss = DecoupledDistillation(temperature=1.0, target_weight=1.0, other_weight=2.0)
        >>> import tensorflow as tf
        >>> batch = Batch(tags=tf.constant([[0]]))
        >>> round(float(loss(Outputs.of([[[2.0, 1.0, 0.0]]]), Outputs.of([[[2.0, 0.0, 1.0]]]), batch)), 4)
        0.9242
    """

    needs = (Need("logits"),)

    def __init__(
        self, temperature: float | Schedule = 2.0, target_weight: float = 1.0, other_weight: float = 2.0
    ) -> None:
        super().__init__(temperature)
        self.target_weight = float(target_weight)
        self.other_weight = float(other_weight)

    @override
    def token_losses(self, teacher: TeacherOutputs, student: Outputs, batch: Batch) -> Tensor:
        temperature = self.at(batch)
        p = teacher.tag_probabilities(temperature)
        target = ops.argmax(p, axis=-1)
        if batch.tags is not None:
            target = ops.where(batch.tags >= 0, ops.cast(batch.tags, target.dtype), target)
        is_target = ops.one_hot(target, p.shape[-1], dtype=p.dtype)
        # The target's score is taken far below the others, so that their softmax is one without it.
        scaled = student.emissions / temperature
        log_q_others = ops.log_softmax(scaled - 1e9 * is_target) * (1.0 - is_target)
        p_others = p * (1.0 - is_target)
        # Each summed by itself: one less the other may fall below 0 where the teacher is sure of another tag.
        p_target, p_not = ops.sum(p * is_target, axis=-1), ops.sum(p_others, axis=-1)
        p_others = p_others / ops.maximum(p_not, _LEAST)[..., None]
        log_q = ops.log_softmax(scaled)
        log_q_not = ops.logsumexp(log_q - 1e9 * is_target, axis=-1)
        log_q_target = ops.sum(log_q * is_target, axis=-1)
        pair = ops.stack([p_target, p_not], axis=-1)
        of_target = divergence(pair, ops.stack([log_q_target, log_q_not], axis=-1))
        among_others = divergence(p_others, log_q_others)
        return temperature**2 * (self.target_weight * of_target + self.other_weight * among_others)

    @override
    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "target_weight": self.target_weight, "other_weight": self.other_weight}


@keras.saving.register_keras_serializable("tfkd")
class CorrelationDistillation(TemperedLoss):
    """Distance in Pearson's correlation, between the tags of each token and between the tokens for each tag.

    With `p` and `q` as in `LogitsDistillation`:
    `T^2 * (between_weight * mean_i (1 - r(p_i, q_i)) + within_weight * mean_k (1 - r(p_:k, q_:k)))`, where `r` is the
    correlation, `p_i` the distribution of token `i`, and `p_:k` the probabilities of tag `k` at all real tokens of the
    batch (Huang et al. 2022, DIST). A student need not match the teacher's probabilities, only their order and spread.

    Sample weights weigh the tokens in both parts; with several devices the second part is over all their tokens.

    Args:
        temperature: Above 0.
        between_weight: Weight of the part between tags (inter-class in the paper).
        within_weight: Weight of the part within a tag (intra-class in the paper).

    Raises:
        TfkdError: The temperature is not above 0, or teacher and student have other tags.

    Example:
        >>> loss = CorrelationDistillation(temperature=1.0)
        >>> scores = [[[2.0, 1.0, 0.0], [0.0, 3.0, 1.0]]]
        >>> abs(round(float(loss(Outputs.of(scores), Outputs.of(scores))), 4))
        0.0
    """

    needs = (Need("logits"),)

    def __init__(
        self, temperature: float | Schedule = 1.0, between_weight: float = 1.0, within_weight: float = 1.0
    ) -> None:
        super().__init__(temperature)
        self.between_weight = float(between_weight)
        self.within_weight = float(within_weight)

    @override
    def token_losses(self, teacher: TeacherOutputs, student: Outputs, batch: Batch) -> Tensor:
        temperature = self.at(batch)
        p, q = self._distributions(teacher, student, temperature)
        mean = 1.0 / p.shape[-1]
        return temperature**2 * self.between_weight * (1.0 - _cosine(p - mean, q - mean, axis=-1))

    @override
    def __call__(self, teacher: TeacherOutputs, student: Outputs, batch: Batch | None = None) -> Tensor:
        batch = batch or Batch()
        temperature = self.at(batch)
        between = super().__call__(teacher, student, batch)
        p, q = self._distributions(teacher, student, temperature)
        weight = token_weights(student.mask, batch.sample_weight)
        total = summed(ops.sum(weight))
        weight = weight[..., None]
        # Sums over the replicas, so that the correlation is that of all tokens wherever they are.
        means = [summed(ops.sum(x * weight, axis=[0, 1])) / ops.maximum(total, _LEAST) for x in (p, q)]
        p, q = p - means[0], q - means[1]
        products = [summed(ops.sum(a * b * weight, axis=[0, 1])) for a, b in ((p, q), (p, p), (q, q))]
        correlation = products[0] / ops.sqrt(products[1] * products[2] + _LEAST**2)
        within = ops.mean(1.0 - correlation) * total / real_tokens(student.mask) / replicas()
        return between + temperature**2 * self.within_weight * within

    @staticmethod
    def _distributions(teacher: TeacherOutputs, student: Outputs, temperature: Any) -> tuple[Tensor, Tensor]:
        return teacher.tag_probabilities(temperature), ops.softmax(student.emissions / temperature)

    @override
    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "between_weight": self.between_weight, "within_weight": self.within_weight}


def _cosine(a: Tensor, b: Tensor, axis: int) -> Tensor:
    """Compute the cosine of the angle between vectors; 0 where one of them is 0."""
    product = ops.sum(a * b, axis=axis)
    return product / ops.sqrt(ops.sum(a * a, axis=axis) * ops.sum(b * b, axis=axis) + _LEAST**2)
