"""Distributions over sequences of tags: independent tokens (softmax) or a chain (CRF), behind one interface.

A softmax head's distribution is that of a CRF without transitions, and factorises over the tokens. What distillation
asks of either (posteriors, expected scores, best paths) is so computed exactly, for every pair of heads.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import tensorflow as tf

from tfkd.layers.crf import crf_boundaries, crf_expected_transitions, crf_log_norm, crf_marginals
from tfkd.layers.crf_decoding import crf_decode_top_k

Tensor = Any

_LEAST = 1e-30
"""Probabilities are not taken for less than this before their logarithm."""


class Chain(NamedTuple):
    """Scores that tie the tags of a sentence together: of starting, of following each other, of ending."""

    start: Tensor
    """`[tags]`"""
    transitions: Tensor
    """`[tags, tags]`, of tag `j` after tag `i`"""
    end: Tensor
    """`[tags]`"""


@dataclass(frozen=True)
class TagDistribution:
    """The distribution over sequences of tags that scores give to each sentence of a batch.

    The probability of a path is proportional to the exponential of its score: the sum of its tags' emissions and, with
    a chain, of its start, its transitions and its end.

    Attributes:
        emissions: Emission scores, float32 `[batch, time, tags]`.
        mask: True at real tokens, which stand on the left, bool `[batch, time]`.
        chain: The scores of a CRF; `None` where the tokens' tags are independent.
        penalties: What is added to the scores of what the tag scheme forbids; counts in `best_paths` alone.

    Example:
        >>> tokens = TagDistribution(tf.zeros([1, 2, 3]), tf.constant([[True, True]]))
        >>> tokens.log_probabilities(tf.constant([[[0, 1]]])).numpy().round(4)
        array([[-2.1972]], dtype=float32)
    """

    emissions: Tensor
    mask: Tensor
    chain: Chain | None = None
    penalties: Chain | None = None

    def tempered(self, temperature: Tensor | float) -> TagDistribution:
        """Return the distribution of all scores divided by a temperature."""
        if isinstance(temperature, float) and temperature == 1.0:
            return self
        chain = self.chain and Chain(*(scores / temperature for scores in self.chain))
        return TagDistribution(self.emissions / temperature, self.mask, chain, self.penalties)

    @cached_property
    def lengths(self) -> Tensor:
        """Tokens of each sentence, int32 `[batch]`."""
        return tf.reduce_sum(tf.cast(self.mask, tf.int32), axis=1)

    @cached_property
    def _potentials(self) -> Tensor:
        if self.chain is None:
            return self.emissions
        return crf_boundaries(self.emissions, self.lengths, self.chain.start, self.chain.end)

    def marginals(self) -> Tensor:
        """Compute the probability of each tag at each token (the posteriors), `[batch, time, tags]`."""
        if self.chain is None:
            return tf.nn.softmax(self.emissions)
        return crf_marginals(self._potentials, self.lengths, self.chain.transitions)

    def log_marginals(self) -> Tensor:
        """Compute the logarithms of `marginals`; any finite value in the padding."""
        if self.chain is None:
            return tf.nn.log_softmax(self.emissions)
        return tf.math.log(tf.maximum(self.marginals(), _LEAST))

    def expected_transitions(self) -> Tensor:
        """Compute how often each transition is expected in each sentence, `[batch, tags, tags]`."""
        if self.chain is None:
            real = tf.nn.softmax(self.emissions) * tf.cast(self.mask, self.emissions.dtype)[..., tf.newaxis]
            return tf.einsum("bti,btj->bij", real[:, :-1], real[:, 1:])
        return crf_expected_transitions(self._potentials, self.lengths, self.chain.transitions)

    def log_norms(self) -> Tensor:
        """Compute the log of the sum of the exponentials of all paths' scores, `[batch]`."""
        if self.chain is None:
            real = tf.cast(self.mask, self.emissions.dtype)
            return tf.reduce_sum(tf.reduce_logsumexp(self.emissions, axis=-1) * real, axis=1)
        return crf_log_norm(self._potentials, self.lengths, self.chain.transitions)

    def expected_scores(self, marginals: Tensor, transitions: Tensor) -> Tensor:
        """Compute the score that paths have on average, of another distribution over the same sentences.

        Args:
            marginals: That distribution's probability of each tag at each token, `[batch, time, tags]`.
            transitions: Its expected transitions, `[batch, tags, tags]`.

        Returns:
            `[batch]`.
        """
        real = tf.cast(self.mask, self.emissions.dtype)[..., tf.newaxis]
        scores = tf.reduce_sum(self._potentials * marginals * real, axis=[1, 2])
        if self.chain is None:
            return scores
        return scores + tf.einsum("bij,ij->b", transitions, self.chain.transitions)

    def log_probabilities(self, paths: Tensor) -> Tensor:
        """Compute the log-probability of paths.

        Args:
            paths: Indices of tags, int `[batch, paths, time]`; any valid index in the padding.

        Returns:
            `[batch, paths]`.
        """
        real = tf.cast(self.mask, self.emissions.dtype)
        chosen = tf.one_hot(paths, self.emissions.shape[-1], dtype=self.emissions.dtype)
        chosen *= real[:, tf.newaxis, :, tf.newaxis]
        scores = tf.einsum("bntk,btk->bn", chosen, self._potentials)
        if self.chain is not None:
            after = tf.einsum("bnti,ij->bntj", chosen[:, :, :-1], self.chain.transitions)
            scores += tf.reduce_sum(after * chosen[:, :, 1:], axis=[2, 3])
        return scores - self.log_norms()[:, tf.newaxis]

    def best_paths(self, number: int) -> tuple[Tensor, Tensor]:
        """Find the most probable paths among those that the tag scheme allows.

        Args:
            number: How many.

        Returns:
            The paths, int32 `[batch, number, time]`, and their log-probabilities, `[batch, number]`: `-inf` where a
            sentence has fewer paths.
        """
        count = self.emissions.shape[-1]
        none = Chain(tf.zeros([count]), tf.zeros([count, count]), tf.zeros([count]))
        penalties = self.penalties or none
        bounded = crf_boundaries(self._potentials, self.lengths, penalties.start, penalties.end)
        following = penalties.transitions + (self.chain or none).transitions
        paths, scores = crf_decode_top_k(bounded, following, self.lengths, number)
        return paths, scores - self.log_norms()[:, tf.newaxis]
