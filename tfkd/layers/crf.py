"""Functions of a linear-chain conditional random field (CRF).

The score of a path `y` over a sentence is `sum_t inputs[t, y_t] + sum_t transitions[y_t, y_{t+1}]`. Its probability
is the exponential of this score, divided by the sum of the exponentials of the scores of all paths (Lafferty, McCallum
and Pereira 2001). Names and order of the arguments are those of tensorflow-addons where the meaning is the same.
`crf_boundaries` adds the scores of start and end to the first and the last token, so the other functions do not need
them as arguments.

All functions compute in the dtype of `inputs`, which should be float32. Sentences are padded on the right; the values
in the padding do not change the results. A batch may have no sentences, and its sentences no tokens: an empty sentence
has one path, with a score of 0. A score of -1e30 forbids a tag or a transition. Functions that sum over paths treat
lower scores, including minus infinity, as -1e30.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfkd.layers.crf_recursions import FORBIDDEN, Lattice, compute_on_lattice, pad_empty_time
from tfkd.layers.shared_graphs import share_graph
from tfkd.tensors import Tensor

_NO_DERIVATIVE = "the log-normaliser and the marginals of a CRF have no derivative of a higher order"


def crf_boundaries(inputs: Tensor, sequence_lengths: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Add the scores of the first and the last tag to the emission scores of the first and the last token.

    Args:
        inputs: Emission scores, float `[batch, time, tags]`.
        sequence_lengths: Number of tokens of each sentence, int `[batch]`.
        start: Score of each tag as the first, `[tags]`.
        end: Score of each tag as the last, `[tags]`.

    Returns:
        Emission scores including start and end, `[batch, time, tags]`. Empty sentences are unchanged.

    Example:
        >>> x = crf_boundaries(tf.zeros([1, 3, 2]), tf.constant([2]), tf.constant([1.0, 2.0]), tf.constant([3.0, 4.0]))
        >>> x.numpy().tolist()
        [[[1.0, 2.0], [3.0, 4.0], [0.0, 0.0]]]
    """
    positions = tf.range(tf.shape(inputs)[1])[tf.newaxis, :]
    lengths = tf.cast(sequence_lengths, tf.int32)[:, tf.newaxis]
    first = ((positions == 0) & (lengths > 0))[:, :, tf.newaxis]
    last = (positions == lengths - 1)[:, :, tf.newaxis]
    # Select, because a score may be minus infinity, and its product with 0 is no number.
    start, end = (tf.cast(scores, inputs.dtype) for scores in (start, end))
    return inputs + tf.where(first, start, tf.zeros_like(start)) + tf.where(last, end, tf.zeros_like(end))


def crf_sequence_score(
    inputs: Tensor, tag_indices: Tensor, sequence_lengths: Tensor, transition_params: Tensor
) -> Tensor:
    """Return the unnormalised score of one path through each sentence.

    Args:
        inputs: Emission scores, float `[batch, time, tags]`.
        tag_indices: The path, int `[batch, time]`; any value in the padding.
        sequence_lengths: Number of tokens of each sentence, int `[batch]`.
        transition_params: Score of tag `j` after tag `i`, `[tags, tags]`.

    Returns:
        Scores, `[batch]`; 0 for an empty sentence.

    Example:
        >>> path = tf.constant([[0, 1, 1]])
        >>> crf_sequence_score(tf.ones([1, 3, 2]), path, tf.constant([2]), tf.eye(2)).numpy().tolist()
        [2.0]
    """
    unary = crf_unary_score(tag_indices, sequence_lengths, inputs)
    return unary + crf_binary_score(tag_indices, sequence_lengths, tf.cast(transition_params, unary.dtype))


def crf_unary_score(tag_indices: Tensor, sequence_lengths: Tensor, inputs: Tensor) -> Tensor:
    """Return the sum of the emission scores of one path through each sentence.

    Args:
        tag_indices: The path, int `[batch, time]`; any value in the padding.
        sequence_lengths: Number of tokens of each sentence, int `[batch]`.
        inputs: Emission scores, float `[batch, time, tags]`.

    Returns:
        Sums, `[batch]`; 0 for an empty sentence.

    Example:
        >>> x = tf.constant([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]])
        >>> crf_unary_score(tf.constant([[0, 1, 1]]), tf.constant([2]), x).numpy().tolist()
        [5.0]
    """
    inputs = tf.convert_to_tensor(inputs)
    # Select with a mask instead of a gather: the gradient of a gather is a slow scatter. The padding selects no tag.
    chosen = tf.one_hot(_real_tags(tag_indices, sequence_lengths), tf.shape(inputs)[2], True, False, dtype=tf.bool)
    return tf.reduce_sum(tf.where(chosen, inputs, tf.zeros([], inputs.dtype)), axis=[1, 2])


def crf_binary_score(tag_indices: Tensor, sequence_lengths: Tensor, transition_params: Tensor) -> Tensor:
    """Return the sum of the transition scores of one path through each sentence.

    Args:
        tag_indices: The path, int `[batch, time]`; any value in the padding.
        sequence_lengths: Number of tokens of each sentence, int `[batch]`.
        transition_params: Score of tag `j` after tag `i`, `[tags, tags]`. Scores below -1e30 count as -1e30.

    Returns:
        Sums, `[batch]`; 0 for a sentence of at most one token.

    Example:
        >>> path = tf.constant([[0, 1, 1]])
        >>> crf_binary_score(path, tf.constant([3]), tf.constant([[1.0, 2.0], [3.0, 4.0]])).numpy().tolist()
        [6.0]
    """
    transitions = tf.maximum(tf.convert_to_tensor(transition_params), FORBIDDEN)
    tags = _real_tags(tag_indices, sequence_lengths)
    chosen = tf.one_hot(tags, tf.shape(transitions)[0], dtype=transitions.dtype)
    transition_scores = tf.einsum("bti,ij->btj", chosen[:, :-1], transitions)
    return tf.reduce_sum(transition_scores * chosen[:, 1:], axis=[1, 2])


def crf_filtered_inputs(inputs: Tensor, tag_bitmap: Tensor) -> Tensor:
    """Set the scores of forbidden tags to -1e30.

    Args:
        inputs: Emission scores, float `[batch, time, tags]`.
        tag_bitmap: True for the tags that a token may have, bool `[batch, time, tags]`.

    Returns:
        Emission scores, -1e30 for all other tags (tensorflow-addons uses minus infinity).

    Example:
        >>> crf_filtered_inputs(tf.ones([1, 1, 2]), tf.constant([[[True, False]]])).numpy().tolist()
        [[[1.0, -1.0000000150474662e+30]]]
    """
    inputs = tf.convert_to_tensor(inputs)
    return tf.where(tf.cast(tag_bitmap, tf.bool), inputs, tf.constant(FORBIDDEN, inputs.dtype))


def crf_multitag_sequence_score(
    inputs: Tensor, tag_bitmap: Tensor, sequence_lengths: Tensor, transition_params: Tensor
) -> Tensor:
    """Return the log of the summed exponentials of the scores of all paths that use only allowed tags.

    Less the log-normaliser, it is the log-likelihood of a partially annotated sentence.

    Args:
        inputs: Emission scores, float `[batch, time, tags]`.
        tag_bitmap: True for the tags that a token may have, bool `[batch, time, tags]`; any value in the padding.
        sequence_lengths: Number of tokens of each sentence, int `[batch]`.
        transition_params: Score of tag `j` after tag `i`, `[tags, tags]`.

    Returns:
        Log-sums, `[batch]`; 0 for an empty sentence, and -1e30 or less where a token has no allowed tag.

    Example:
        >>> allowed = tf.constant([[[True, True], [True, False]]])
        >>> score = crf_multitag_sequence_score(tf.zeros([1, 2, 2]), allowed, tf.constant([2]), tf.zeros([2, 2]))
        >>> round(float(score[0]), 4)
        0.6931
    """
    return crf_log_norm(crf_filtered_inputs(inputs, tag_bitmap), sequence_lengths, transition_params)


def crf_log_norm(inputs: Tensor, sequence_lengths: Tensor, transition_params: Tensor) -> Tensor:
    """Return the log-normaliser of each sentence: the log of the summed exponentials of the scores of all paths.

    The gradient comes from one forward-backward pass, not from differentiating the recursion. The derivative with
    respect to an emission score is the marginal probability of that tag at that token. The derivative with respect to
    a transition score is the expected number of times that the transition is used. There is no second derivative:
    computing one raises a `LookupError`.

    Args:
        inputs: Emission scores, float `[batch, time, tags]`.
        sequence_lengths: Number of tokens of each sentence, int `[batch]`.
        transition_params: Score of tag `j` after tag `i`, `[tags, tags]`.

    Returns:
        Log-normalisers, `[batch]`; 0 for an empty sentence.

    Example:
        >>> round(float(crf_log_norm(tf.zeros([1, 3, 2]), tf.constant([3]), tf.zeros([2, 2]))[0]), 4)
        2.0794
    """
    lengths = tf.cast(sequence_lengths, tf.int32)

    @tf.custom_gradient
    def log_norm(inputs: Tensor, transitions: Tensor) -> tuple[Tensor, Any]:
        norm, forward, backward, sums = _sweep(inputs, lengths, transitions)

        def grad(upstream: Tensor) -> tuple[Tensor, ...]:
            gradients = _log_norm_gradients(inputs, lengths, transitions, forward, backward, sums, upstream)
            return tuple(_without_gradient(x) for x in gradients)

        return norm, grad

    inputs = pad_empty_time(inputs)
    return log_norm(inputs, tf.cast(transition_params, inputs.dtype))


@share_graph
def _sweep(inputs: Tensor, lengths: Tensor, transitions: Tensor) -> tuple[Tensor, ...]:
    return compute_on_lattice(inputs, lengths, transitions, lambda lattice: lattice.sweep())


@share_graph
def _log_norm_gradients(
    inputs: Tensor,
    lengths: Tensor,
    transitions: Tensor,
    forward: Tensor,
    backward: Tensor,
    sums: Tensor,
    upstream: Tensor,
) -> tuple[Tensor, Tensor]:
    def compute(lattice: Lattice) -> tuple[Tensor, ...]:
        return lattice.compute_marginals(forward, backward), lattice.sum_pairs(forward, backward, sums)

    marginals, expected = compute_on_lattice(inputs, lengths, transitions, compute)
    return tf.transpose(marginals * upstream[:, tf.newaxis], [1, 0, 2]), tf.tensordot(upstream, expected, 1)


def crf_log_likelihood(
    inputs: Tensor, tag_indices: Tensor, sequence_lengths: Tensor, transition_params: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the log-probability of one path through each sentence.

    Args:
        inputs: Emission scores, float `[batch, time, tags]`.
        tag_indices: The path, int `[batch, time]`; any value in the padding.
        sequence_lengths: Number of tokens of each sentence, int `[batch]`.
        transition_params: Score of tag `j` after tag `i`, `[tags, tags]`.

    Returns:
        Log-likelihoods `[batch]`, and `transition_params` (as in tensorflow-addons).

    Example:
        >>> x, path, n = tf.zeros([1, 3, 2]), tf.constant([[0, 1, 0]]), tf.constant([3])
        >>> [round(float(x), 4) for x in crf_log_likelihood(x, path, n, tf.zeros([2, 2]))[0]]
        [-2.0794]
    """
    score = crf_sequence_score(inputs, tag_indices, sequence_lengths, transition_params)
    return score - crf_log_norm(inputs, sequence_lengths, transition_params), transition_params


def crf_marginals(inputs: Tensor, sequence_lengths: Tensor, transition_params: Tensor) -> Tensor:
    """Return the marginal probability of each tag at each token (the posteriors).

    Args:
        inputs: Emission scores, float `[batch, time, tags]`.
        sequence_lengths: Number of tokens of each sentence, int `[batch]`.
        transition_params: Score of tag `j` after tag `i`, `[tags, tags]`.

    Returns:
        Probabilities, `[batch, time, tags]`; 0 in the padding.

    Example:
        >>> crf_marginals(tf.zeros([1, 2, 2]), tf.constant([1]), tf.zeros([2, 2])).numpy().round(4).tolist()
        [[[0.5, 0.5], [0.0, 0.0]]]
    """
    return _marginals(inputs, sequence_lengths, transition_params, is_log=False)


def crf_log_marginals(inputs: Tensor, sequence_lengths: Tensor, transition_params: Tensor) -> Tensor:
    """Return the logarithms of `crf_marginals`, exact for probabilities that are too small for float32.

    Args:
        inputs: Emission scores, float `[batch, time, tags]`.
        sequence_lengths: Number of tokens of each sentence, int `[batch]`.
        transition_params: Score of tag `j` after tag `i`, `[tags, tags]`.

    Returns:
        Log-probabilities, `[batch, time, tags]`; any finite value in the padding.

    Example:
        >>> x = tf.constant([[[0.0, -300.0], [0.0, 0.0]]])
        >>> crf_log_marginals(x, tf.constant([2]), tf.zeros([2, 2])).numpy().round(3).tolist()
        [[[0.0, -300.0], [-0.6930000185966492, -0.6930000185966492]]]
    """
    return _marginals(inputs, sequence_lengths, transition_params, is_log=True)


def _marginals(inputs: Tensor, sequence_lengths: Tensor, transition_params: Tensor, is_log: bool) -> Tensor:
    lengths = tf.cast(sequence_lengths, tf.int32)

    @tf.custom_gradient
    def compute_marginals(inputs: Tensor, transitions: Tensor) -> tuple[Tensor, Any]:
        result, forward, backward, sums = _sweep_and_marginals(inputs, lengths, transitions, is_log)

        def grad(upstream: Tensor) -> tuple[Tensor, ...]:
            gradients = _marginal_gradients(inputs, lengths, transitions, forward, backward, sums, upstream, is_log)
            return tuple(_without_gradient(x) for x in gradients)

        return result, grad

    time = tf.shape(inputs)[1]
    inputs = pad_empty_time(inputs)
    return compute_marginals(inputs, tf.cast(transition_params, inputs.dtype))[:, :time]


@share_graph
def _sweep_and_marginals(inputs: Tensor, lengths: Tensor, transitions: Tensor, is_log: bool) -> tuple[Tensor, ...]:
    def compute(lattice: Lattice) -> tuple[Tensor, ...]:
        _, forward, backward, sums = lattice.sweep()
        marginals = lattice.compute_log_marginals if is_log else lattice.compute_marginals
        return marginals(forward, backward), forward, backward, sums

    result, *states = compute_on_lattice(inputs, lengths, transitions, compute)
    return tf.transpose(result, [1, 0, 2]), *states


@share_graph
def _marginal_gradients(
    inputs: Tensor,
    lengths: Tensor,
    transitions: Tensor,
    forward: Tensor,
    backward: Tensor,
    sums: Tensor,
    upstream: Tensor,
    is_log: bool,
) -> tuple[Tensor, Tensor]:
    # The derivative of `log p(y_t = i)` by a score is the probability of its tag or its transition given `y_t = i`,
    # less the one without this condition. With `g` the upstream gradient of the logarithms, the gradient is the sum
    # of `g` times the conditional ones, less the sum of `g` times the marginals.
    def compute(lattice: Lattice) -> tuple[Tensor, ...]:
        marginals = lattice.compute_marginals(forward, backward)
        values = tf.transpose(upstream, [1, 0, 2]) * lattice.mask[..., tf.newaxis]
        values = values if is_log else values * marginals
        total = tf.reduce_sum(values, axis=[0, 2])
        from_before, from_after, pairs = lattice.move_values(forward, backward, values)
        by_inputs = values + (from_before + from_after) * lattice.mask[..., tf.newaxis]
        by_transitions = pairs - lattice.sum_pairs(forward, backward, sums) * total[:, tf.newaxis, tf.newaxis]
        return by_inputs - marginals * total[:, tf.newaxis], tf.reduce_sum(by_transitions, axis=0)

    by_inputs, by_transitions = compute_on_lattice(inputs, lengths, transitions, compute)
    return tf.transpose(by_inputs, [1, 0, 2]), by_transitions


def crf_expected_transitions(inputs: Tensor, sequence_lengths: Tensor, transition_params: Tensor) -> Tensor:
    """Return the expected number of uses of each transition: the sum over `t` of `p(y_t, y_{t+1})`.

    Args:
        inputs: Emission scores, float `[batch, time, tags]`.
        sequence_lengths: Number of tokens of each sentence, int `[batch]`.
        transition_params: Score of tag `j` after tag `i`, `[tags, tags]`.

    Returns:
        Expected numbers, `[batch, tags, tags]`. For each sentence they sum to the number of tokens minus one.

    Example:
        >>> crf_expected_transitions(tf.zeros([1, 3, 2]), tf.constant([3]), tf.zeros([2, 2])).numpy().round(4).tolist()
        [[[0.5, 0.5], [0.5, 0.5]]]
    """
    inputs = pad_empty_time(inputs)
    transitions = tf.cast(transition_params, inputs.dtype)
    return _sweep_and_sum_pairs(inputs, tf.cast(sequence_lengths, tf.int32), transitions)


@share_graph
def _sweep_and_sum_pairs(inputs: Tensor, lengths: Tensor, transitions: Tensor) -> Tensor:
    def compute(lattice: Lattice) -> tuple[Tensor, ...]:
        _, forward, backward, sums = lattice.sweep()
        return (lattice.sum_pairs(forward, backward, sums),)

    return compute_on_lattice(inputs, lengths, transitions, compute)[0]


def _real_tags(tag_indices: Tensor, sequence_lengths: Tensor) -> Tensor:
    """Set the tags in the padding to -1, which is no tag."""
    tags = tf.cast(tag_indices, tf.int32)
    return tf.where(tf.sequence_mask(sequence_lengths, tf.shape(tags)[1]), tags, -1)


def _without_gradient(gradient: Tensor) -> Tensor:
    return tf.raw_ops.PreventGradient(input=gradient, message=_NO_DERIVATIVE)
