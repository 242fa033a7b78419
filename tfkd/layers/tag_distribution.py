"""Distributions over tag sequences with one interface for independent tokens (softmax) and chains (CRF).

The distribution of a softmax head is that of a CRF without transitions: it factorises over the tokens. Posteriors,
expected scores and best paths are therefore exact for every pair of teacher and student heads.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import tensorflow as tf

from tfkd.layers.crf import crf_boundaries, crf_expected_transitions, crf_log_marginals, crf_log_norm, crf_marginals
from tfkd.layers.crf_decoding import crf_decode_top_k
from tfkd.layers.crf_recursions import FORBIDDEN
from tfkd.layers.packing import Packing
from tfkd.tensors import Tensor

LARGEST_IN_FLOAT32 = 4.0
"""Largest temperature at which sums of scores are computed in float32, see `TagDistribution.tempered_for_sums`."""


class Chain(NamedTuple):
    """Start, transition and end scores of a linear chain."""

    start: Tensor
    """`[tags]`"""
    transitions: Tensor
    """`[tags, tags]`, score of tag `j` after tag `i`"""
    end: Tensor
    """`[tags]`"""


@dataclass(frozen=True)
class TagDistribution:
    """Distribution over tag sequences for each sentence of a batch.

    The probability of a path is proportional to the exponential of its score. The score is the sum of the emission
    scores of its tags and, with a chain, of its start, transition and end scores.

    Attributes:
        emissions: Emission scores, float32 `[batch, time, tags]`.
        mask: True at real tokens, bool `[batch, time]`.
        chain: The scores of a CRF; None if the tags of the tokens are independent.
        penalties: Scores that forbid what the tag scheme does not allow. Only `best_paths` uses them.

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
        """Return the distribution with all scores divided by a temperature."""
        if isinstance(temperature, float) and temperature == 1.0:
            return self
        chain = self.chain and Chain(*(scores / temperature for scores in self.chain))
        return TagDistribution(self.emissions / temperature, self.mask, chain, self.penalties)

    def tempered_for_sums(self, temperature: Tensor | float) -> TagDistribution:
        """Return `tempered` for losses of whole sentences, with float64 scores if the temperature may be above 4.

        Such a loss is a small difference of sums of scores, multiplied by the square of the temperature.
        """
        tempered = self.tempered(temperature)
        if isinstance(temperature, float | int) and temperature <= LARGEST_IN_FLOAT32:
            return tempered
        chain = tempered.chain and Chain(*(tf.cast(scores, tf.float64) for scores in tempered.chain))
        return TagDistribution(tf.cast(tempered.emissions, tf.float64), self.mask, chain, self.penalties)

    @cached_property
    def _packing(self) -> Packing:
        return Packing(self.mask)

    @property
    def lengths(self) -> Tensor:
        """Number of real tokens of each sentence, int32 `[batch]`."""
        return self._packing.lengths

    @cached_property
    def _potentials(self) -> Tensor:
        """Packed emission scores, with start and end."""
        # Products with minus infinity are no numbers.
        emissions = self._packing.pack(tf.maximum(self.emissions, FORBIDDEN))
        if self.chain is None:
            return emissions
        return tf.maximum(crf_boundaries(emissions, self.lengths, self.chain.start, self.chain.end), FORBIDDEN)

    @cached_property
    def _transitions(self) -> Tensor:
        """Transition scores of the chain, none below the score of forbidden ones."""
        assert self.chain is not None
        return tf.maximum(self.chain.transitions, FORBIDDEN)

    def marginals(self) -> Tensor:
        """Return the marginal probability of each tag at each token (the posteriors), `[batch, time, tags]`."""
        if self.chain is None:
            return tf.nn.softmax(self.emissions)
        return self._packing.unpack(crf_marginals(self._potentials, self.lengths, self._transitions))

    def log_marginals(self) -> Tensor:
        """Return the logarithms of `marginals`; any finite value in the padding."""
        if self.chain is None:
            return tf.nn.log_softmax(self.emissions)
        return self._packing.unpack(crf_log_marginals(self._potentials, self.lengths, self._transitions))

    def expected_transitions(self) -> Tensor:
        """Return the expected number of uses of each transition in each sentence, `[batch, tags, tags]`."""
        if self.chain is None:
            real = tf.nn.softmax(self._potentials) * tf.cast(self._packing.mask, self.emissions.dtype)[..., tf.newaxis]
            return tf.einsum("bti,btj->bij", real[:, :-1], real[:, 1:])
        return crf_expected_transitions(self._potentials, self.lengths, self._transitions)

    def log_norms(self) -> Tensor:
        """Return the log-normaliser of each sentence, `[batch]`."""
        if self.chain is None:
            real = tf.cast(self.mask, self.emissions.dtype)
            return tf.reduce_sum(tf.reduce_logsumexp(self.emissions, axis=-1) * real, axis=1)
        return crf_log_norm(self._potentials, self.lengths, self._transitions)

    def log_probability_of(self, allowed: Tensor) -> Tensor:
        """Return the log-probability that every real token has one of the tags that are allowed at it.

        Args:
            allowed: bool `[batch, time, tags]`; any value in the padding.

        Returns:
            `[batch]`.
        """
        forbidden = tf.constant(FORBIDDEN, self.emissions.dtype)
        among = replace(self, emissions=tf.where(allowed, self.emissions, forbidden))
        return among.log_norms() - self.log_norms()

    def expected_scores(self, marginals: Tensor, transitions: Tensor) -> Tensor:
        """Return the expected score of paths drawn from another distribution over the same sentences.

        Args:
            marginals: Marginals of the other distribution, `[batch, time, tags]`.
            transitions: Expected transitions of the other distribution, `[batch, tags, tags]`.

        Returns:
            `[batch]`.
        """
        marginals, transitions = (tf.cast(values, self.emissions.dtype) for values in (marginals, transitions))
        real = tf.cast(self._packing.mask, self.emissions.dtype)[..., tf.newaxis]
        scores = tf.reduce_sum(self._potentials * self._packing.pack(marginals) * real, axis=[1, 2])
        if self.chain is None:
            return scores
        return scores + tf.einsum("bij,ij->b", transitions, self._transitions)

    def log_probabilities(self, paths: Tensor) -> Tensor:
        """Return the log-probabilities of paths.

        Args:
            paths: Tag indices, int `[batch, paths, time]`; any valid index in the padding.

        Returns:
            `[batch, paths]`.
        """
        real = tf.cast(self._packing.mask, self.emissions.dtype)
        paths = tf.transpose(self._packing.pack(tf.transpose(paths, [0, 2, 1])), [0, 2, 1])
        chosen = tf.one_hot(paths, self.emissions.shape[-1], dtype=self.emissions.dtype)
        chosen *= real[:, tf.newaxis, :, tf.newaxis]
        scores = tf.einsum("bntk,btk->bn", chosen, self._potentials)
        if self.chain is not None:
            transitions = tf.einsum("bnti,ij->bntj", chosen[:, :, :-1], self._transitions)
            scores += tf.reduce_sum(transitions * chosen[:, :, 1:], axis=[2, 3])
        return scores - self.log_norms()[:, tf.newaxis]

    def best_paths(self, number: int) -> tuple[Tensor, Tensor]:
        """Return the most probable paths among those that the tag scheme allows.

        Args:
            number: Number of paths, at least 1.

        Returns:
            The paths, int32 `[batch, number, time]`, and their log-probabilities, `[batch, number]`. The latter are
            `-inf` where a sentence has fewer paths.
        """
        count = self.emissions.shape[-1]
        zeros = Chain(tf.zeros([count]), tf.zeros([count, count]), tf.zeros([count]))
        penalties = self.penalties or zeros
        bounded = crf_boundaries(self._potentials, self.lengths, penalties.start, penalties.end)
        transitions = penalties.transitions + (zeros.transitions if self.chain is None else self._transitions)
        paths, scores = crf_decode_top_k(bounded, transitions, self.lengths, number)
        paths = tf.transpose(self._packing.unpack(tf.transpose(paths, [0, 2, 1])), [0, 2, 1])
        return paths, scores - self.log_norms()[:, tf.newaxis]
