"""Losses between the distributions of teacher and student over whole sequences of tags.

Each is exact for the four pairs of softmax or CRF teacher with softmax or CRF student. The distribution of a softmax
head is a product over the tokens, that of a CRF a chain; what is needed of either is computed without listing paths.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import keras
import tensorflow as tf
from pydantic import Field
from typing_extensions import override

from tfkd.distillation.losses.base import LOSSES, Batch, DistillationLoss, TagLoss, TemperedLoss
from tfkd.distillation.losses.measures import divergence
from tfkd.distillation.outputs import Need, Outputs, TeacherOutputs
from tfkd.models import Head
from tfkd.sections import Count, Temperature
from tfkd.tensors import Tensor
from tfkd.training.fitting import count_tokens


class _FromDistribution(TemperedLoss):
    """A tempered loss that takes the teacher's distribution over sequences."""

    temperature: Temperature = Field(default=1.0, description="both models' scores are divided by it; or a ramp")

    @override
    def cacheable(self, head: Head) -> bool:
        """Return whether posteriors follow from logits, or the temperature is fixed."""
        return not head.has_transitions or self.fixed_temperature is not None


@LOSSES.register("posteriors")
@keras.saving.register_keras_serializable("tfkd")
class PosteriorDistillation(_FromDistribution):
    """KL divergence of posteriors: the probabilities of each token's tags over all paths.

    For each token `T^2 * sum_k p_k (log p_k - log q_k)`, with the posteriors `p` of the teacher and `q` of the student,
    both of scores divided by `T`. A CRF's posteriors come from the forward-backward algorithm (Rabiner 1989), with
    start, transitions and end divided by `T` too. A softmax head's posteriors are its probabilities; for them this is
    `LogitsDistillation`. The gradient goes through the student's own forward-backward algorithm.

    Raises:
        TfkdError: The temperature is not above 0, or teacher and student have different tags.

    Example:
        >>> loss = PosteriorDistillation(temperature=2.0)
        >>> round(float(loss(Outputs.of([[[1.0, 2.0]]]), Outputs.of([[[11.0, 12.0]]]))), 6)
        0.0
    """

    @property
    @override
    def needs(self) -> tuple[Need, ...]:
        return (Need("posteriors", self.fixed_temperature),)

    @override
    def token_losses(self, teacher: TeacherOutputs, student: Outputs, batch: Batch) -> Tensor:
        temperature = self.temperature_at(batch)
        log_q = student.distribution.tempered(temperature).log_marginals()
        return temperature**2 * divergence(teacher.log_posteriors(temperature), log_q)


class SentenceLoss(DistillationLoss):
    """A loss of whole sentences: the sum over the sentences, divided by the number of tokens."""

    weighs_tokens: ClassVar[bool] = False

    def sentence_losses(self, teacher: TeacherOutputs, student: Outputs, batch: Batch) -> Tensor:
        """Return the loss of each sentence, float32 `[batch]`."""
        raise NotImplementedError(f"{type(self).__name__} has to override `sentence_losses`")

    @override
    def __call__(self, teacher: TeacherOutputs, student: Outputs, batch: Batch | None = None) -> Tensor:
        """Return the sum over the sentences, divided by the number of tokens.

        Raises:
            ValueError: The sample weights are those of tokens.
        """
        batch = batch or Batch()
        losses = self.sentence_losses(teacher, student, batch)
        if batch.sample_weight is not None:
            if len(batch.sample_weight.shape) != 1:
                raise ValueError(
                    f"{type(self).__name__} compares whole sentences: expected a sample_weight of shape [batch], got "
                    f"{batch.sample_weight.shape}. Give one weight a sentence."
                )
            losses *= tf.cast(batch.sample_weight, losses.dtype)
        return tf.reduce_sum(losses) / count_tokens(student.mask)


@LOSSES.register("sequences")
@keras.saving.register_keras_serializable("tfkd")
class SequenceDistillation(SentenceLoss, _FromDistribution):
    """KL divergence of the student's distribution over whole sequences from the teacher's.

    For each sentence `T^2 * sum_y p(y) (log p(y) - log q(y))` over all paths `y`, both of scores divided by `T`: the
    teacher's expected negative log-likelihood of the student, minus a number that the student does not change
    (structural distillation, Wang et al. 2021). It needs only the teacher's posteriors and expected transitions:
    `sum_y p(y) score(y)` is a sum of the student's emissions weighted by the first and its transitions weighted by the
    second. For a softmax student it is the sum of its tokens' `PosteriorDistillation`.

    Its gradient with respect to a CRF student's emissions is the difference of the posteriors, and with respect to its
    transitions the difference of the expected transitions: transitions are taught too, at the cost of the CRF's own
    loss. With several teachers it is the mean of their divergences.

    The loss is a small difference of scores of whole sentences, times `T^2`: above a temperature of 4 it is computed
    in float64. A cache holds the teacher's part in float32, so the value (not the gradient) then has a rounding error
    of about 1e-7 `T^2` times these scores.

    Raises:
        TfkdError: The temperature is not above 0, or teacher and student have different tags.

    Example:
        >>> loss = SequenceDistillation()
        >>> abs(round(float(loss(Outputs.of([[[1.0, 2.0]]]), Outputs.of([[[11.0, 12.0]]]))), 4))
        0.0
    """

    @property
    @override
    def needs(self) -> tuple[Need, ...]:
        return (Need("sequences", self.fixed_temperature),)

    @override
    def sentence_losses(self, teacher: TeacherOutputs, student: Outputs, batch: Batch) -> Tensor:
        temperature = self.temperature_at(batch)
        theirs = teacher.sequences(temperature)
        own = student.distribution.tempered_for_sums(temperature)
        log_likelihood = own.expected_scores(theirs.marginals, theirs.transitions) - own.log_norms()
        divergences = tf.cast(theirs.negative_entropy, log_likelihood.dtype) - log_likelihood
        return tf.cast(temperature, tf.float32) ** 2 * tf.cast(divergences, tf.float32)


@LOSSES.register("paths")
@keras.saving.register_keras_serializable("tfkd")
class PathDistillation(SentenceLoss, TagLoss):
    """Negative log-likelihood of the teacher's best paths.

    For each sentence `-sum_i w_i log q(y_i)` over the teacher's most probable sequences `y_i` that the tag scheme
    allows. The weights `w_i` are the teacher's probabilities, scaled to sum to 1, or all equal (Wang et al. 2020,
    structural distillation: top-WK and top-K). The paths are found by list Viterbi decoding; a sentence may have fewer.

    With several teachers, each contributes its own best paths. The weight of a path is its probability under the
    teacher that proposed it, times this teacher's weight, and not its mean probability over all teachers. A path that
    several teachers propose counts several times.

    Raises:
        TfkdError: `number` is below 1, or teacher and student have different tags.

    Example:
        >>> loss = PathDistillation(number=1)
        >>> round(float(loss(Outputs.of([[[0.0, 9.0]]]), Outputs.of([[[0.0, 0.0]]]))), 4)
        0.6931
    """

    number: Count = Field(default=4, description="number of paths")
    weighted: bool = Field(default=True, description="weight the paths by the teacher's probabilities")

    @property
    @override
    def needs(self) -> tuple[Need, ...]:
        return (Need("paths", self.number),)

    @override
    def sentence_losses(self, teacher: TeacherOutputs, student: Outputs, batch: Batch) -> Tensor:
        paths, weights = teacher.weighted_paths(self.number, self.weighted)
        log_q = student.distribution.log_probabilities(paths)
        return -tf.reduce_sum(tf.where(weights > 0, weights * log_q, 0.0), axis=1)

    @classmethod
    @override
    def from_config(cls, config: dict[str, Any]) -> Self:
        # Earlier versions called the number `paths`.
        return super().from_config({("number" if name == "paths" else name): value for name, value in config.items()})
