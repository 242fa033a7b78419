"""Losses between the distributions that teacher and student give to whole sequences of tags.

Each is exact for the four pairs of softmax or CRF teacher with softmax or CRF student: a softmax head's distribution
is a product over the tokens, a CRF's a chain, and what is needed of either can be computed without going through the
paths.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from typing_extensions import override

from tfkd.distillation.losses.base import Batch, DistillationLoss, Schedule, TagLoss, TemperedLoss, divergence, fixed
from tfkd.distillation.outputs import Need, Outputs, TeacherOutputs
from tfkd.training.fitting import real_tokens
from tfkd_base.errors import TfkdError

Tensor = Any


@keras.saving.register_keras_serializable("tfkd")
class PosteriorDistillation(TemperedLoss):
    """Divergence of the student's posteriors from the teacher's: of each token's probabilities over all paths.

    For each token `T^2 * sum_k p_k (log p_k - log q_k)`, with the posteriors `p` of the teacher and `q` of the student,
    both of scores divided by `T`. A CRF's posteriors come from the forward-backward algorithm (Rabiner 1989), with
    start, transitions and end divided by `T` too; a softmax head's are its probabilities, for which this is
    `LogitsDistillation`. The gradient goes through the student's own forward-backward algorithm.

    Args:
        temperature: Above 0.

    Raises:
        TfkdError: The temperature is not above 0, or teacher and student have other tags.

    Example:
        >>> loss = PosteriorDistillation(temperature=2.0)
        >>> round(float(loss(Outputs.of([[[1.0, 2.0]]]), Outputs.of([[[11.0, 12.0]]]))), 6)
        0.0
    """

    def __init__(self, temperature: float | Schedule = 1.0) -> None:
        super().__init__(temperature)
        self.needs = (Need("posteriors", fixed(self.temperature)),)

    @override
    def token_losses(self, teacher: TeacherOutputs, student: Outputs, batch: Batch) -> Tensor:
        temperature = self.at(batch)
        log_q = student.distribution.tempered(temperature).log_marginals()
        return temperature**2 * divergence(teacher.posteriors(temperature), log_q)


class SentenceLoss(DistillationLoss):
    """A loss of sentences rather than tokens, still a mean over tokens: the sum over sentences by their tokens."""

    def sentence_losses(self, teacher: TeacherOutputs, student: Outputs, batch: Batch) -> Tensor:
        """Compute the loss of each sentence, float32 `[batch]`."""
        raise NotImplementedError

    @override
    def __call__(self, teacher: TeacherOutputs, student: Outputs, batch: Batch | None = None) -> Tensor:
        """Compute the sum over the sentences, divided by the number of real tokens.

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
        return tf.reduce_sum(losses) / real_tokens(student.mask)


@keras.saving.register_keras_serializable("tfkd")
class SequenceDistillation(SentenceLoss, TemperedLoss):
    """Divergence of the student's distribution over whole sequences from the teacher's.

    For each sentence `T^2 * sum_y p(y) (log p(y) - log q(y))` over all paths `y`, both of scores divided by `T`: the
    teacher's expected negative log-likelihood of the student, less a number that the student does not change
    (structural distillation, Wang et al. 2021). It needs of the teacher only posteriors and expected transitions:
    `sum_y p(y) score(y)` is a sum of the student's emissions weighted by the first and its transitions weighted by the
    second. For a softmax student it is the sum of its tokens' `PosteriorDistillation`.

    Its gradient by a CRF student's emissions is the difference of the posteriors, and by its transitions that of the
    expected transitions, so that transitions are taught too, and at the cost of the CRF's own loss. Of several teachers
    it is the mean of their divergences.

    Args:
        temperature: Above 0.

    Raises:
        TfkdError: The temperature is not above 0, or teacher and student have other tags.

    Example:
        >>> loss = SequenceDistillation()
        >>> abs(round(float(loss(Outputs.of([[[1.0, 2.0]]]), Outputs.of([[[11.0, 12.0]]]))), 4))
        0.0
    """

    def __init__(self, temperature: float | Schedule = 1.0) -> None:
        super().__init__(temperature)
        self.needs = (Need("sequences", fixed(self.temperature)),)

    @override
    def sentence_losses(self, teacher: TeacherOutputs, student: Outputs, batch: Batch) -> Tensor:
        temperature = self.at(batch)
        theirs = teacher.sequences(temperature)
        own = student.distribution.tempered(temperature)
        log_likelihood = own.expected_scores(theirs.marginals, theirs.transitions) - own.log_norms()
        return temperature**2 * (theirs.negative_entropy - log_likelihood)


@keras.saving.register_keras_serializable("tfkd")
class PathDistillation(SentenceLoss, TagLoss):
    """The student's negative log-likelihood of the teacher's best paths.

    For each sentence `-sum_i w_i log q(y_i)` over the teacher's `paths` most probable sequences `y_i` that the tag
    scheme allows, with `w_i` its probabilities of them, made to sum to one, or all alike (Wang et al. 2020, structural
    distillation: top-WK and top-K). The paths are found by list Viterbi decoding.

    Args:
        paths: How many; a sentence may have fewer.
        weighted: Whether they are weighted by their probabilities.

    Raises:
        TfkdError: There is not at least one path, or teacher and student have other tags.

    Example:
        >>> loss = PathDistillation(paths=1)
        >>> round(float(loss(Outputs.of([[[0.0, 9.0]]]), Outputs.of([[[0.0, 0.0]]]))), 4)
        0.6931
    """

    def __init__(self, paths: int = 4, weighted: bool = True) -> None:
        if paths < 1:
            raise TfkdError(f"expected at least one path to learn from, got {paths}.")
        self.paths = int(paths)
        self.weighted = bool(weighted)
        self.needs = (Need("paths", self.paths),)

    @override
    def sentence_losses(self, teacher: TeacherOutputs, student: Outputs, batch: Batch) -> Tensor:
        paths, weights = teacher.weighted_paths(self.paths, self.weighted)
        log_q = student.distribution.log_probabilities(paths)
        return -tf.reduce_sum(tf.where(weights > 0, weights * log_q, 0.0), axis=1)

    @override
    def get_config(self) -> dict[str, Any]:
        return {"paths": self.paths, "weighted": self.weighted}
