"""Heads: from an encoder's states to scores of tags, a loss, and valid tags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from typing_extensions import override

from tfkd.layers.crf import crf_boundaries, crf_log_likelihood, crf_marginals
from tfkd.layers.crf_decoding import crf_decode
from tfkd.layers.crf_sums import FORBIDDEN
from tfkd.layers.tag_distribution import Chain, TagDistribution
from tfkd_base.corpora import Scheme, allowed_transitions

Tensor = Any


class TagHead(keras.layers.Layer):
    """Project states to emission scores, and decode them to tags that the tag scheme allows.

    Subclasses say what the scores mean. The emission scores are float32 in every dtype policy; a head
    does its arithmetic after the projection in float32.

    Args:
        tags: The tags, in the order of their indices, e.g. `("O", "B-Disease", "I-Disease")`.
        scheme: The tag scheme that says which tag may follow which.
        name: The layer's name.
    """

    def __init__(self, tags: Sequence[str], scheme: Scheme = "iob2", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tags = tuple(tags)
        self.scheme = scheme
        start, transition, end = allowed_transitions(self.tags, scheme)
        self._start_penalty = np.where(start, 0.0, FORBIDDEN).astype("float32")
        self._transition_penalty = np.where(transition, 0.0, FORBIDDEN).astype("float32")
        self._end_penalty = np.where(end, 0.0, FORBIDDEN).astype("float32")
        self.supports_masking = True

    @override
    def build(self, input_shape: Sequence[int | None]) -> None:
        self.kernel = self.add_weight(
            shape=(input_shape[-1], len(self.tags)), initializer="glorot_uniform", name="kernel"
        )
        self.bias = self.add_weight(shape=(len(self.tags),), initializer="zeros", name="bias")

    def call(self, states: Tensor, mask: Tensor | None = None) -> Tensor:
        """Compute emission scores, float32 `[batch, time, tags]`, from states `[batch, time, units]`.

        The mask is passed on and changes nothing here.
        """
        del mask
        return tf.cast(keras.ops.matmul(states, self.kernel) + self.bias, "float32")

    @override
    def compute_output_spec(self, states: Tensor, mask: Tensor | None = None) -> keras.KerasTensor:
        del mask
        return keras.KerasTensor((*states.shape[:-1], len(self.tags)), dtype="float32")

    def summed_loss(self, emissions: Tensor, tags: Tensor, mask: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """Sum the loss over the real tokens of a batch.

        Args:
            emissions: Emission scores, float32 `[batch, time, tags]`.
            tags: Indices of the gold tags, int `[batch, time]`; any value in the padding.
            mask: True at real tokens, which stand on the left, bool `[batch, time]`.
            sample_weight: Weight of each sentence `[batch]`, or of each token `[batch, time]` where the
                loss is a sum over tokens.

        Returns:
            A float32 scalar. It grows with the tokens: divide it by their number.
        """
        raise NotImplementedError

    def distribution(self, emissions: Tensor, mask: Tensor) -> TagDistribution:
        """Return the distribution over sequences of tags that the head gives to each sentence.

        Args:
            emissions: Emission scores, float32 `[batch, time, tags]`.
            mask: True at real tokens, which stand on the left, bool `[batch, time]`.
        """
        return TagDistribution(emissions, tf.cast(mask, tf.bool), self._chain(), self._penalties())

    def _chain(self) -> Chain | None:
        """Return the scores that tie tags together, if there are any."""
        return None

    def _penalties(self) -> Chain:
        return Chain(*(tf.constant(p) for p in (self._start_penalty, self._transition_penalty, self._end_penalty)))

    def decode(self, emissions: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Find the best sequence of tags among those that the scheme allows.

        Args:
            emissions: Emission scores, float32 `[batch, time, tags]`.
            mask: True at real tokens, which stand on the left, bool `[batch, time]`.

        Returns:
            Indices of tags, int32 `[batch, time]`, and the probability of each chosen tag at its token,
            float32 `[batch, time]`. Both are 0 in the padding.
        """
        raise NotImplementedError

    @override
    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "tags": list(self.tags), "scheme": self.scheme}

    def _viterbi(self, emissions: Tensor, lengths: Tensor, transitions: Tensor) -> Tensor:
        bounded = crf_boundaries(emissions, lengths, self._start_penalty, self._end_penalty)
        return crf_decode(bounded, transitions + self._transition_penalty, lengths)[0]


@keras.saving.register_keras_serializable("tfkd")
class SoftmaxHead(TagHead):
    """Give each token a distribution over tags of its own.

    The loss is the cross-entropy of each token. Decoding takes the most probable sequence among those
    that the scheme allows; that is the best tag of each token wherever these make a valid sequence.

    Example:
        >>> head = SoftmaxHead(("O", "B-Gene", "I-Gene"))
        >>> emissions = tf.constant([[[0.0, 1.0, 2.0], [3.0, 0.0, 0.0]]])
        >>> tags, scores = head.decode(emissions, tf.constant([[True, True]]))
        >>> tags.numpy().tolist(), [round(float(s), 3) for s in scores[0]]
        ([[1, 0]], [0.245, 0.909])
    """

    @override
    def summed_loss(self, emissions: Tensor, tags: Tensor, mask: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        index = tf.where(mask, tf.cast(tags, tf.int32), 0)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=index, logits=emissions)
        return tf.reduce_sum(losses * token_weights(mask, sample_weight))

    @override
    def decode(self, emissions: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        mask = tf.cast(mask, tf.bool)
        best = tf.where(mask, tf.argmax(emissions, axis=-1, output_type=tf.int32), 0)
        lengths = tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)
        log_probabilities = tf.nn.log_softmax(emissions)
        # The search is needed only where the best tags of the tokens do not fit together.
        tags = tf.cond(
            self._all_valid(best, mask),
            lambda: best,
            lambda: self._viterbi(log_probabilities, lengths, tf.zeros_like(self._transition_penalty)),
        )
        tags = tf.ensure_shape(tags, best.shape)
        return tags, _at(tf.exp(log_probabilities), tags, mask)

    def _all_valid(self, tags: Tensor, mask: Tensor) -> Tensor:
        # Gathered penalties are 0 where all is allowed; tag 0 in the padding is "O", allowed after anything
        # but an open entity, so the last real token is looked at apart.
        real = tf.cast(mask, tf.float32)
        following = tf.pad(real[:, 1:], [[0, 0], [0, 1]])
        between = tf.gather_nd(self._transition_penalty, tf.stack([tags[:, :-1], tags[:, 1:]], axis=-1))
        start = tf.gather(self._start_penalty, tags[:, :1]) * real[:, :1]
        end = tf.gather(self._end_penalty, tags) * (real - following)
        return tf.reduce_all(tf.stack([tf.reduce_all(x == 0.0) for x in (between * real[:, 1:], start, end)]))


@keras.saving.register_keras_serializable("tfkd")
class CRFHead(TagHead):
    """Give each sentence a distribution over sequences of tags: a linear-chain CRF.

    The scores of a start, of transitions and of an end are learned. The loss is the negative
    log-likelihood of the gold sequence over all sequences (Lafferty, McCallum and Pereira 2001;
    for taggers Lample et al. 2016); the scheme's constraints hold at decoding only. The probability that
    `decode` returns is the marginal of the chosen tag at its token.

    Example:
        >>> head = CRFHead(("O", "B-Gene", "I-Gene"))
        >>> head.build((None, None, 8))
        >>> head(tf.ones([2, 5, 8])).shape
        TensorShape([2, 5, 3])
    """

    @override
    def build(self, input_shape: Sequence[int | None]) -> None:
        super().build(input_shape)
        count = len(self.tags)
        # Not cast in mixed precision: log-sums over whole sentences need all of float32.
        self.start = self.add_weight(shape=(count,), initializer="zeros", autocast=False, name="start")
        self.transitions = self.add_weight(
            shape=(count, count), initializer="zeros", autocast=False, name="transitions"
        )
        self.end = self.add_weight(shape=(count,), initializer="zeros", autocast=False, name="end")

    @override
    def summed_loss(self, emissions: Tensor, tags: Tensor, mask: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        if sample_weight is not None and len(sample_weight.shape) != 1:
            raise ValueError(
                f"A CRF scores whole sentences: expected a sample_weight of shape [batch], got {sample_weight.shape}. "
                "Give one weight a sentence, or use a softmax head."
            )
        bounded, lengths = self.potentials(emissions, mask)
        losses = -crf_log_likelihood(bounded, tags, lengths, self.transitions.value)[0]
        return tf.reduce_sum(losses if sample_weight is None else losses * tf.cast(sample_weight, losses.dtype))

    @override
    def _chain(self) -> Chain:
        return Chain(self.start.value, self.transitions.value, self.end.value)

    def potentials(self, emissions: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return emission scores with start and end in them, `[batch, time, tags]`, and lengths `[batch]`."""
        lengths = tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)
        return crf_boundaries(emissions, lengths, self.start.value, self.end.value), lengths

    @override
    def decode(self, emissions: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        bounded, lengths = self.potentials(emissions, mask)
        tags = self._viterbi(bounded, lengths, self.transitions.value)
        return tags, _at(crf_marginals(bounded, lengths, self.transitions.value), tags, mask)


HEADS: dict[str, type[TagHead]] = {"softmax": SoftmaxHead, "crf": CRFHead}
"""The heads by the names that `head=` takes."""


def token_weights(mask: Tensor, sample_weight: Tensor | None = None) -> Tensor:
    """Compute what each token weighs in a sum: its sample's weight if it is real, 0 in the padding.

    Args:
        mask: True at real tokens, bool `[batch, time]`.
        sample_weight: Weight of each sentence `[batch]` or token `[batch, time]`; 1 by default.

    Returns:
        float32 `[batch, time]`.

    Example:
        >>> token_weights(tf.constant([[True, False]]), tf.constant([3.0])).numpy().tolist()
        [[3.0, 0.0]]
    """
    real = tf.cast(mask, tf.float32)
    if sample_weight is None:
        return real
    given = tf.cast(sample_weight, tf.float32)
    return real * (given[:, tf.newaxis] if len(given.shape) == 1 else given)


def _at(probabilities: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
    chosen = tf.gather(probabilities, tags, batch_dims=2)
    return tf.where(tf.cast(mask, tf.bool), chosen, 0.0)
