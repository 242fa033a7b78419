"""Heads: layers that turn the states of an encoder into tag scores, a loss and valid tags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf
from typing_extensions import override

from tfkd.layers.crf import crf_boundaries, crf_log_likelihood, crf_marginals
from tfkd.layers.crf_decoding import crf_decode
from tfkd.layers.crf_recursions import FORBIDDEN
from tfkd.layers.packing import Packing
from tfkd.layers.tag_distribution import Chain, TagDistribution
from tfkd.tensors import Tensor
from tfkd_base.corpora import Scheme, allowed_transitions


class TagHead(keras.layers.Layer):
    """Base class of layers that project states to emission scores and decode these to tags that the tag scheme allows.

    Subclasses define the loss and the decoding. Emission scores are float32 under every dtype policy, and a head
    computes in float32 after the projection.

    Args:
        tags: The tags in the order of their indices, for example `("O", "B-Disease", "I-Disease")`.
        scheme: The tag scheme. It defines which tag may follow which.
        **kwargs: Arguments of `keras.layers.Layer`, such as `name`.
    """

    weighs_tokens: ClassVar[bool] = True
    """Whether the loss is a sum over tokens, each of which may have a weight."""

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
        """Return emission scores, float32 `[batch, time, tags]`, of states `[batch, time, units]`.

        The mask is passed on. It does not change the scores.
        """
        del mask
        return tf.cast(keras.ops.matmul(states, self.kernel) + self.bias, "float32")

    @override
    def compute_output_spec(self, states: Tensor, mask: Tensor | None = None) -> keras.KerasTensor:
        del mask
        return keras.KerasTensor((*states.shape[:-1], len(self.tags)), dtype="float32")

    def summed_loss(self, emissions: Tensor, tags: Tensor, mask: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """Return the sum of the loss over the real tokens of a batch.

        Args:
            emissions: Emission scores, float32 `[batch, time, tags]`.
            tags: Indices of the gold tags, int `[batch, time]`; any value in the padding.
            mask: True at real tokens, bool `[batch, time]`.
            sample_weight: Weight of each sentence `[batch]`, or of each token `[batch, time]` where the
                loss is a sum over tokens.

        Returns:
            A float32 scalar. Divide it by the number of tokens to get a mean.
        """
        raise NotImplementedError

    def summed_negative_loss(
        self, emissions: Tensor, negatives: Tensor, mask: Tensor, sample_weight: Tensor | None = None
    ) -> Tensor:
        """Return the loss of tokens that are known to be in no entity, whatever the tags of the others are.

        It is the negative log-probability that all these tokens of a sentence have the tag `O`, summed over the
        sentences.

        Args:
            emissions: Emission scores, float32 `[batch, time, tags]`.
            negatives: True at these tokens, bool `[batch, time]`.
            mask: True at real tokens, bool `[batch, time]`.
            sample_weight: As in `summed_loss`.

        Returns:
            A float32 scalar.
        """
        losses = -self.distribution(emissions, mask).log_probability_of(self._allowed(negatives))
        return tf.reduce_sum(losses if sample_weight is None else losses * _sentence_weights(sample_weight, losses))

    def _allowed(self, negatives: Tensor) -> Tensor:
        """Return which tags are possible if the given tokens are in no entity, bool `[batch, time, tags]`."""
        return tf.constant([tag == "O" for tag in self.tags]) | ~negatives[:, :, tf.newaxis]

    def distribution(self, emissions: Tensor, mask: Tensor) -> TagDistribution:
        """Return the distribution over tag sequences that the head defines for each sentence.

        Args:
            emissions: Emission scores, float32 `[batch, time, tags]`.
            mask: True at real tokens, bool `[batch, time]`.
        """
        return TagDistribution(emissions, tf.cast(mask, tf.bool), self._chain(), self._penalties())

    def _chain(self) -> Chain | None:
        """Return the start, transition and end scores of the head, or None if it has none."""
        return None

    def _penalties(self) -> Chain:
        return Chain(*(tf.constant(p) for p in (self._start_penalty, self._transition_penalty, self._end_penalty)))

    def decode(self, emissions: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the best tag sequence among those that the scheme allows.

        Args:
            emissions: Emission scores, float32 `[batch, time, tags]`.
            mask: True at real tokens, bool `[batch, time]`.

        Returns:
            Tag indices, int32 `[batch, time]`, and the probability of each chosen tag at its token,
            float32 `[batch, time]`. Both are 0 in the padding.
        """
        raise NotImplementedError

    def best_tags(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """Return the tags of `decode` without their probabilities, which take most of the time of a CRF.

        Args:
            emissions: Emission scores, float32 `[batch, time, tags]`.
            mask: True at real tokens, bool `[batch, time]`.
        """
        return self.decode(emissions, mask)[0]

    @override
    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "tags": list(self.tags), "scheme": self.scheme}

    def _viterbi(self, emissions: Tensor, lengths: Tensor, transitions: Tensor) -> Tensor:
        bounded = crf_boundaries(emissions, lengths, self._start_penalty, self._end_penalty)
        return crf_decode(bounded, transitions + self._transition_penalty, lengths)[0]


@keras.saving.register_keras_serializable("tfkd")
class SoftmaxHead(TagHead):
    """Head with an independent distribution over tags for each token.

    The loss is the cross-entropy of each token. Decoding returns the most probable sequence among those that the
    scheme allows. This is the best tag of each token wherever these tags form a valid sequence.

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
    def summed_negative_loss(
        self, emissions: Tensor, negatives: Tensor, mask: Tensor, sample_weight: Tensor | None = None
    ) -> Tensor:
        # The tokens are independent, so that each can have a weight of its own.
        scores = tf.where(self._allowed(negatives), emissions, FORBIDDEN)
        losses = tf.reduce_logsumexp(emissions, axis=-1) - tf.reduce_logsumexp(scores, axis=-1)
        return tf.reduce_sum(losses * token_weights(mask, sample_weight))

    @override
    def decode(self, emissions: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        packing = Packing(mask)
        log_probabilities = tf.nn.log_softmax(packing.pack(emissions))
        best = tf.where(packing.mask, tf.argmax(log_probabilities, axis=-1, output_type=tf.int32), 0)
        # A search is needed only if the best tags of the tokens do not form valid sequences.
        tags = tf.cond(
            self._are_valid(best, packing.mask),
            lambda: best,
            lambda: self._viterbi(log_probabilities, packing.lengths, tf.zeros_like(self._transition_penalty)),
        )
        tags = tf.ensure_shape(tags, best.shape)
        scores = _select(tf.exp(log_probabilities), tags, packing.mask)
        return packing.unpack(tags), packing.unpack(scores)

    def _are_valid(self, tags: Tensor, mask: Tensor) -> Tensor:
        # The penalties of valid sequences are 0. Transitions into the padding do not count, so the last real token
        # is checked against the end penalties.
        real = tf.cast(mask, tf.float32)
        has_next = tf.pad(real[:, 1:], [[0, 0], [0, 1]])
        between = tf.gather_nd(self._transition_penalty, tf.stack([tags[:, :-1], tags[:, 1:]], axis=-1))
        start = tf.gather(self._start_penalty, tags[:, :1]) * real[:, :1]
        end = tf.gather(self._end_penalty, tags) * (real - has_next)
        return tf.reduce_all(tf.stack([tf.reduce_all(x == 0.0) for x in (between * real[:, 1:], start, end)]))


@keras.saving.register_keras_serializable("tfkd")
class CRFHead(TagHead):
    """Head with a distribution over the tag sequences of each sentence: a linear-chain CRF.

    The scores of start, transitions and end are learned. The loss is the negative log-likelihood of the gold sequence
    among all sequences (Lafferty, McCallum and Pereira 2001; for taggers Lample et al. 2016). The constraints of the
    scheme apply only when decoding. `decode` returns the marginal probability of the chosen tag at its token.

    Example:
        >>> head = CRFHead(("O", "B-Gene", "I-Gene"))
        >>> head.build((None, None, 8))
        >>> head(tf.ones([2, 5, 8])).shape
        TensorShape([2, 5, 3])
    """

    weighs_tokens: ClassVar[bool] = False

    @override
    def build(self, input_shape: Sequence[int | None]) -> None:
        super().build(input_shape)
        count = len(self.tags)
        # Not cast in mixed precision: sums over whole sentences need the precision of float32.
        self.start = self.add_weight(shape=(count,), initializer="zeros", autocast=False, name="start")
        self.transitions = self.add_weight(
            shape=(count, count), initializer="zeros", autocast=False, name="transitions"
        )
        self.end = self.add_weight(shape=(count,), initializer="zeros", autocast=False, name="end")

    @override
    def summed_loss(self, emissions: Tensor, tags: Tensor, mask: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        packing = Packing(mask)
        bounded = self._potentials(emissions, packing)
        losses = -crf_log_likelihood(bounded, packing.pack(tags), packing.lengths, self.transitions.value)[0]
        return tf.reduce_sum(losses if sample_weight is None else losses * _sentence_weights(sample_weight, losses))

    @override
    def _chain(self) -> Chain:
        return Chain(self.start.value, self.transitions.value, self.end.value)

    def _potentials(self, emissions: Tensor, packing: Packing) -> Tensor:
        """Return the packed emission scores including start and end, `[batch, time, tags]`."""
        return crf_boundaries(packing.pack(emissions), packing.lengths, self.start.value, self.end.value)

    @override
    def decode(self, emissions: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        packing = Packing(mask)
        bounded, lengths = self._potentials(emissions, packing), packing.lengths
        tags = tf.ensure_shape(self._viterbi(bounded, lengths, self.transitions.value), emissions.shape[:2])
        scores = _select(crf_marginals(bounded, lengths, self.transitions.value), tags, packing.mask)
        return packing.unpack(tags), packing.unpack(scores)

    @override
    def best_tags(self, emissions: Tensor, mask: Tensor) -> Tensor:
        packing = Packing(mask)
        tags = self._viterbi(self._potentials(emissions, packing), packing.lengths, self.transitions.value)
        return packing.unpack(tf.ensure_shape(tags, emissions.shape[:2]))


def _sentence_weights(sample_weight: Tensor, losses: Tensor) -> Tensor:
    """Return the weights of sentences `[batch]` in the dtype of their losses.

    Raises:
        ValueError: There is a weight for each token.
    """
    if len(sample_weight.shape) != 1:
        raise ValueError(
            f"A CRF scores whole sentences: expected a sample_weight of shape [batch], got {sample_weight.shape}. "
            "Give one weight per sentence, or use a softmax head."
        )
    return tf.cast(sample_weight, losses.dtype)


def token_weights(mask: Tensor, sample_weight: Tensor | None = None) -> Tensor:
    """Return the weight of each token in a sum: the weight of its sample, or 0 in the padding.

    Args:
        mask: True at real tokens, bool `[batch, time]`.
        sample_weight: Weight of each sentence `[batch]` or of each token `[batch, time]`. Default: 1.

    Returns:
        float32 `[batch, time]`.

    Example:
        >>> token_weights(tf.constant([[True, False]]), tf.constant([3.0])).numpy().tolist()
        [[3.0, 0.0]]
    """
    real = tf.cast(mask, tf.float32)
    if sample_weight is None:
        return real
    weights = tf.cast(sample_weight, tf.float32)
    return real * (weights[:, tf.newaxis] if len(weights.shape) == 1 else weights)


def _select(probabilities: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
    """Return the probability of each tag of a sequence, 0 in the padding."""
    chosen = tf.gather(probabilities, tags, batch_dims=2)
    return tf.where(tf.cast(mask, tf.bool), chosen, 0.0)
