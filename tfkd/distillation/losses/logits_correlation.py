"""The loss of correlation: how far the order and spread of a student's probabilities are from the teacher's."""

from __future__ import annotations

import keras
import tensorflow as tf
from pydantic import Field
from typing_extensions import override

from tfkd.distillation.losses.base import LOSSES, Batch, FromLogits, TemperedLoss
from tfkd.distillation.losses.measures import angular_distance, split_target
from tfkd.distillation.outputs import Outputs, TeacherOutputs
from tfkd.layers import token_weights
from tfkd.layers.crf_recursions import FORBIDDEN
from tfkd.sections import Temperature, Weight
from tfkd.tensors import Tensor
from tfkd.training.fitting import count_tokens
from tfkd.training.replicas import count_replicas, max_replicas, sum_replicas


@LOSSES.register("correlation")
@keras.saving.register_keras_serializable("tfkd")
class CorrelationDistillation(FromLogits, TemperedLoss):
    """Distance in Pearson's correlation: between the tags of each token, and between the tokens for each tag.

    With `p` and `q` as in `LogitsDistillation`:
    `T^2 * (between_weight * mean_i (1 - r(p_i, q_i)) + within_weight * mean_k (1 - r(p_:k, q_:k)))`, where `r` is the
    correlation, `p_i` the distribution of token `i`, and `p_:k` the probabilities of tag `k` at all real tokens of the
    batch (Huang et al. 2022, DIST). A student need not match the teacher's probabilities, only their order and spread.

    Where the teacher's probabilities are all equal, as those of a tag in a batch of one token, there is no order to
    learn and the distance is 0; where only the student's are, it is 1. Correlation does not depend on scale, so a rare
    tag counts as much as any other, however small its probabilities.

    Sample weights weigh the tokens in both parts; with several devices the second part is over all their tokens. The
    paper calls the first part inter-class and the second intra-class.

    Raises:
        TfkdError: The temperature is not above 0, or teacher and student have different tags.

    Example:
        >>> loss = CorrelationDistillation(temperature=1.0)
        >>> scores = [[[2.0, 1.0, 0.0], [0.0, 3.0, 1.0]]]
        >>> float(loss(Outputs.of(scores), Outputs.of(scores)))
        0.0
    """

    temperature: Temperature = Field(default=1.0, description="both models' logits are divided by it; or a ramp")
    between_weight: Weight = Field(default=1.0, description="weight of the part between the tags of a token")
    within_weight: Weight = Field(default=1.0, description="weight of the part between the tokens for a tag")

    @override
    def token_losses(self, teacher: TeacherOutputs, student: Outputs, batch: Batch) -> Tensor:
        temperature = self.temperature_at(batch)
        theirs, own = _scores(teacher, student, temperature)
        return temperature**2 * self.between_weight * angular_distance(_centre_tags(theirs), _centre_tags(own))

    @override
    def __call__(self, teacher: TeacherOutputs, student: Outputs, batch: Batch | None = None) -> Tensor:
        batch = batch or Batch()
        temperature = self.temperature_at(batch)
        between = super().__call__(teacher, student, batch)
        weight = token_weights(student.mask, batch.sample_weight)
        # Sums over the replicas, so that the correlation is that of all tokens wherever they are.
        total = sum_replicas(tf.reduce_sum(weight))
        theirs, own = (_centre_tokens(scores, weight, total) for scores in _scores(teacher, student, temperature))
        (theirs, has_theirs), (own, has_own) = (_scale_columns(columns, weight) for columns in (theirs, own))
        halves = sum_replicas(tf.reduce_sum(tf.square(theirs - own) * weight[..., tf.newaxis], axis=[0, 1])) / 2
        distances = tf.where(has_theirs, halves + tf.where(has_own, 0.0, 0.5), 0.0)
        within = tf.reduce_mean(distances) * total / count_tokens(student.mask) / count_replicas()
        return between + temperature**2 * self.within_weight * within


def _scores(teacher: TeacherOutputs, student: Outputs, temperature: float | Tensor) -> tuple[Tensor, Tensor]:
    """Return scores whose softmax is the distribution of each token, finite, of both models."""
    scores = teacher.tag_scores(temperature), student.emissions / temperature
    return tf.maximum(scores[0], FORBIDDEN), tf.maximum(scores[1], FORBIDDEN)


def _centre_tags(scores: Tensor) -> Tensor:
    """Return the probabilities of each token less their mean, over a factor of the token: the highest of them."""
    ratios = tf.math.expm1(scores - tf.stop_gradient(tf.reduce_max(scores, axis=-1, keepdims=True)))
    return ratios - tf.reduce_mean(ratios, axis=-1, keepdims=True)


def _centre_tokens(scores: Tensor, weight: Tensor, total: Tensor) -> Tensor:
    """Return the probabilities of each tag less their mean over the tokens, over a factor of the tag.

    The factor is the highest probability of the tag; 0 at tokens without weight. A tag that is the most probable one
    at every token is centred by the probabilities of all other tags, which do not round to 1.
    """
    counts = (weight > 0)[..., tf.newaxis]
    best = tf.argmax(scores, axis=-1)
    is_best = tf.one_hot(best, scores.shape[-1], True, False, dtype=tf.bool)
    is_elsewhere = sum_replicas(tf.reduce_sum(tf.cast(counts & ~is_best, tf.float32), axis=[0, 1])) > 0
    log_rest = split_target(scores, best)[0][..., 1:]
    logs = tf.where(is_elsewhere, tf.nn.log_softmax(scores), log_rest)
    highest = max_replicas(tf.reduce_max(tf.where(counts, logs, FORBIDDEN), axis=[0, 1]))
    ratios = tf.math.expm1(tf.where(counts, logs - tf.stop_gradient(highest), 0.0))
    ratios = tf.where(is_elsewhere, ratios, -ratios)
    weight = weight[..., tf.newaxis]
    mean = sum_replicas(tf.reduce_sum(ratios * weight, axis=[0, 1])) / tf.where(total > 0, total, 1.0)
    return tf.where(counts, ratios - mean, 0.0)


def _scale_columns(columns: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return the values of each tag with a weighted sum of squares of 1, and whether they are not all 0."""
    squares = sum_replicas(tf.reduce_sum(tf.square(columns) * weight[..., tf.newaxis], axis=[0, 1]))
    has_spread = squares > 0
    return columns * tf.math.rsqrt(tf.where(has_spread, squares, 1.0)), has_spread
