"""Functions of a linear-chain conditional random field (CRF).

A path `y` over a sentence of `n` tokens scores `sum_t inputs[t, y_t] + sum_t transitions[y_t, y_{t+1}]`;
its probability is the exponential of that score over the sum of the exponentials of all paths' scores
(Lafferty, McCallum and Pereira 2001). The names and the order of the arguments are those of
tensorflow-addons where the meaning is the same. Scores of a start and an end are added to the first
and the last token's inputs by `crf_boundaries`, so that no function needs to know of them.

Everything is computed in the dtype of `inputs`, which should be float32. Sentences are padded on the right; what stands
in the padding changes nothing. A score of -1e30 forbids; lower ones, minus infinity too, are taken for it where paths
are summed.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfkd.layers.crf_sums import FORBIDDEN, Lattice, in_the_right_space

Tensor = Any

_NO_MORE = "the log-normaliser and the marginals of a CRF have no derivative of a higher order"


def crf_boundaries(inputs: Tensor, sequence_lengths: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Add the scores of starting and of ending with a tag to the first and the last token.

    Args:
        inputs: Emission scores, float `[batch, time, tags]`.
        sequence_lengths: Tokens of each sentence, int `[batch]`.
        start: Score of each tag as the first, `[tags]`.
        end: Score of each tag as the last, `[tags]`.

    Returns:
        Emission scores with start and end in them, `[batch, time, tags]`. Sentences of no token are left alone.

    Example:
        >>> x = crf_boundaries(tf.zeros([1, 3, 2]), tf.constant([2]), tf.constant([1.0, 2.0]), tf.constant([3.0, 4.0]))
        >>> x.numpy().tolist()
        [[[1.0, 2.0], [3.0, 4.0], [0.0, 0.0]]]
    """
    positions = tf.range(tf.shape(inputs)[1])[tf.newaxis, :]
    lengths = tf.cast(sequence_lengths, tf.int32)[:, tf.newaxis]
    first = tf.cast((positions == 0) & (lengths > 0), inputs.dtype)[:, :, tf.newaxis]
    last = tf.cast(positions == lengths - 1, inputs.dtype)[:, :, tf.newaxis]
    return inputs + first * tf.cast(start, inputs.dtype) + last * tf.cast(end, inputs.dtype)


def crf_sequence_score(
    inputs: Tensor, tag_indices: Tensor, sequence_lengths: Tensor, transition_params: Tensor
) -> Tensor:
    """Compute the score of one path through each sentence, unnormalised.

    Args:
        inputs: Emission scores, float `[batch, time, tags]`.
        tag_indices: The path, int `[batch, time]`; any value in the padding.
        sequence_lengths: Tokens of each sentence, int `[batch]`.
        transition_params: Score of tag `j` after tag `i`, `[tags, tags]`.

    Returns:
        Scores, `[batch]`; 0 for a sentence of no token.

    Example:
        >>> path = tf.constant([[0, 1, 1]])
        >>> crf_sequence_score(tf.ones([1, 3, 2]), path, tf.constant([2]), tf.eye(2)).numpy().tolist()
        [2.0]
    """
    unary = crf_unary_score(tag_indices, sequence_lengths, inputs)
    return unary + crf_binary_score(tag_indices, sequence_lengths, tf.cast(transition_params, unary.dtype))


def crf_unary_score(tag_indices: Tensor, sequence_lengths: Tensor, inputs: Tensor) -> Tensor:
    """Compute what the emissions contribute to the score of one path through each sentence.

    Args:
        tag_indices: The path, int `[batch, time]`; any value in the padding.
        sequence_lengths: Tokens of each sentence, int `[batch]`.
        inputs: Emission scores, float `[batch, time, tags]`.

    Returns:
        Sums, `[batch]`; 0 for a sentence of no token.

    Example:
        >>> x = tf.constant([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]])
        >>> crf_unary_score(tf.constant([[0, 1, 1]]), tf.constant([2]), x).numpy().tolist()
        [5.0]
    """
    inputs = tf.convert_to_tensor(inputs)
    # Chosen by a comparison rather than gathered: the gradient is a choice too, not a slow scatter. In the padding no
    # tag is chosen.
    chosen = tf.one_hot(_real_tags(tag_indices, sequence_lengths), tf.shape(inputs)[2], True, False, dtype=tf.bool)
    return tf.reduce_sum(tf.where(chosen, inputs, tf.zeros([], inputs.dtype)), axis=[1, 2])


def crf_binary_score(tag_indices: Tensor, sequence_lengths: Tensor, transition_params: Tensor) -> Tensor:
    """Compute what the transitions contribute to the score of one path through each sentence.

    Args:
        tag_indices: The path, int `[batch, time]`; any value in the padding.
        sequence_lengths: Tokens of each sentence, int `[batch]`.
        transition_params: Score of tag `j` after tag `i`, finite, `[tags, tags]`.

    Returns:
        Sums, `[batch]`; 0 for a sentence of one token or of none.

    Example:
        >>> path = tf.constant([[0, 1, 1]])
        >>> crf_binary_score(path, tf.constant([3]), tf.constant([[1.0, 2.0], [3.0, 4.0]])).numpy().tolist()
        [6.0]
    """
    transitions = tf.convert_to_tensor(transition_params)
    tags = _real_tags(tag_indices, sequence_lengths)
    chosen = tf.one_hot(tags, tf.shape(transitions)[0], dtype=transitions.dtype)
    following = tf.einsum("bti,ij->btj", chosen[:, :-1], transitions)
    return tf.reduce_sum(following * chosen[:, 1:], axis=[1, 2])


def crf_filtered_inputs(inputs: Tensor, tag_bitmap: Tensor) -> Tensor:
    """Forbid tags at tokens.

    Args:
        inputs: Emission scores, float `[batch, time, tags]`.
        tag_bitmap: True for the tags that a token may have, bool `[batch, time, tags]`.

    Returns:
        Emission scores, -1e30 for the others (tensorflow-addons has minus infinity).

    Example:
        >>> crf_filtered_inputs(tf.ones([1, 1, 2]), tf.constant([[[True, False]]])).numpy().tolist()
        [[[1.0, -1.0000000150474662e+30]]]
    """
    inputs = tf.convert_to_tensor(inputs)
    return tf.where(tf.cast(tag_bitmap, tf.bool), inputs, tf.constant(FORBIDDEN, inputs.dtype))


def crf_multitag_sequence_score(
    inputs: Tensor, tag_bitmap: Tensor, sequence_lengths: Tensor, transition_params: Tensor
) -> Tensor:
    """Compute the log of the sum of the exponentials of the scores of all paths that have allowed tags only.

    With the log-normaliser it gives the likelihood of a sentence that is annotated in part.

    Args:
        inputs: Emission scores, float `[batch, time, tags]`.
        tag_bitmap: True for the tags that a token may have, bool `[batch, time, tags]`; any value in the padding.
        sequence_lengths: Tokens of each sentence, int `[batch]`.
        transition_params: Score of tag `j` after tag `i`, `[tags, tags]`.

    Returns:
        Log-sums, `[batch]`; 0 for a sentence of no token, and -1e30 or less where a token has no allowed tag.

    Example:
        >>> one_of_two = tf.constant([[[True, True], [True, False]]])
        >>> score = crf_multitag_sequence_score(tf.zeros([1, 2, 2]), one_of_two, tf.constant([2]), tf.zeros([2, 2]))
        >>> round(float(score[0]), 4)
        0.6931
    """
    return crf_log_norm(crf_filtered_inputs(inputs, tag_bitmap), sequence_lengths, transition_params)


def crf_log_norm(inputs: Tensor, sequence_lengths: Tensor, transition_params: Tensor) -> Tensor:
    """Compute the log of the sum of the exponentials of all paths' scores.

    The gradient is taken from the marginals of one forward-backward pass, not by differentiating
    through the recursion: the derivative of the log-normaliser by an emission is the probability of
    that tag at that token, and by a transition the expected number of its uses. There is no second
    derivative: asking for one is a LookupError.

    Args:
        inputs: Emission scores, float `[batch, time, tags]`.
        sequence_lengths: Tokens of each sentence, int `[batch]`.
        transition_params: Score of tag `j` after tag `i`, `[tags, tags]`.

    Returns:
        Log-normalisers, `[batch]`; 0 for a sentence of no token.

    Example:
        >>> round(float(crf_log_norm(tf.zeros([1, 3, 2]), tf.constant([3]), tf.zeros([2, 2]))[0]), 4)
        2.0794
    """
    lengths = tf.cast(sequence_lengths, tf.int32)

    @tf.custom_gradient
    def log_norm(inputs: Tensor, transitions: Tensor) -> tuple[Tensor, Any]:
        norm, forward, backward, sums = in_the_right_space(
            inputs, lengths, transitions, lambda lattice: lattice.sweep()
        )

        def grad(upstream: Tensor) -> tuple[Tensor, Tensor]:
            def compute(lattice: Lattice) -> tuple[Tensor, ...]:
                expected = lattice.pairs(forward, backward, sums, tf.ones_like(forward), None)
                return lattice.marginals(forward, backward), expected

            marginals, expected = in_the_right_space(inputs, lengths, transitions, compute)
            by_inputs = tf.transpose(marginals * upstream[:, tf.newaxis], [1, 0, 2])
            return _last(by_inputs), _last(tf.tensordot(upstream, expected, 1))

        return norm, grad

    inputs = tf.convert_to_tensor(inputs)
    return log_norm(inputs, tf.cast(transition_params, inputs.dtype))


def crf_log_likelihood(
    inputs: Tensor, tag_indices: Tensor, sequence_lengths: Tensor, transition_params: Tensor
) -> tuple[Tensor, Tensor]:
    """Compute the log-probability of one path through each sentence.

    Args:
        inputs: Emission scores, float `[batch, time, tags]`.
        tag_indices: The path, int `[batch, time]`; any value in the padding.
        sequence_lengths: Tokens of each sentence, int `[batch]`.
        transition_params: Score of tag `j` after tag `i`, `[tags, tags]`.

    Returns:
        Log-likelihoods `[batch]`, and the transitions, as tensorflow-addons returns them.

    Example:
        >>> x, path, n = tf.zeros([1, 3, 2]), tf.constant([[0, 1, 0]]), tf.constant([3])
        >>> [round(float(x), 4) for x in crf_log_likelihood(x, path, n, tf.zeros([2, 2]))[0]]
        [-2.0794]
    """
    score = crf_sequence_score(inputs, tag_indices, sequence_lengths, transition_params)
    return score - crf_log_norm(inputs, sequence_lengths, transition_params), transition_params


def crf_marginals(inputs: Tensor, sequence_lengths: Tensor, transition_params: Tensor) -> Tensor:
    """Compute the probability of each tag at each token, over all paths (the posteriors).

    Args:
        inputs: Emission scores, float `[batch, time, tags]`.
        sequence_lengths: Tokens of each sentence, int `[batch]`.
        transition_params: Score of tag `j` after tag `i`, `[tags, tags]`.

    Returns:
        Probabilities, `[batch, time, tags]`; 0 in the padding.

    Example:
        >>> crf_marginals(tf.zeros([1, 2, 2]), tf.constant([1]), tf.zeros([2, 2])).numpy().round(4).tolist()
        [[[0.5, 0.5], [0.0, 0.0]]]
    """
    lengths = tf.cast(sequence_lengths, tf.int32)

    @tf.custom_gradient
    def marginals(inputs: Tensor, transitions: Tensor) -> tuple[Tensor, Any]:
        def compute(lattice: Lattice) -> tuple[Tensor, ...]:
            _, forward, backward, sums = lattice.sweep()
            return lattice.marginals(forward, backward), forward, backward, sums

        found, forward, backward, sums = in_the_right_space(inputs, lengths, transitions, compute)

        def grad(upstream: Tensor) -> tuple[Tensor, Tensor]:
            # The marginals are the first derivative of the log-normaliser, so this is its second times `upstream`:
            # the covariance of what a path has of `upstream` in all with its tags and with its transitions.
            def compute(lattice: Lattice) -> tuple[Tensor, ...]:
                values = tf.transpose(upstream, [1, 0, 2]) * lattice.mask[..., tf.newaxis]
                before, after = lattice.averages(forward, backward, values)
                given = before + values + after
                mean = tf.reduce_sum(found * given, axis=-1, keepdims=True)
                by_transitions = lattice.pairs(forward, backward, sums, before + values, values + after - mean)
                return found * (given - mean), tf.reduce_sum(by_transitions, axis=0)

            by_inputs, by_transitions = in_the_right_space(inputs, lengths, transitions, compute)
            return _last(tf.transpose(by_inputs, [1, 0, 2])), _last(by_transitions)

        return tf.transpose(found, [1, 0, 2]), grad

    inputs = tf.convert_to_tensor(inputs)
    return marginals(inputs, tf.cast(transition_params, inputs.dtype))


def crf_expected_transitions(inputs: Tensor, sequence_lengths: Tensor, transition_params: Tensor) -> Tensor:
    """Compute how often each transition is used on average over all paths: the sum over `t` of `p(y_t, y_{t+1})`.

    Args:
        inputs: Emission scores, float `[batch, time, tags]`.
        sequence_lengths: Tokens of each sentence, int `[batch]`.
        transition_params: Score of tag `j` after tag `i`, `[tags, tags]`.

    Returns:
        Expected numbers, `[batch, tags, tags]`; they sum to the tokens of the sentence less one.

    Example:
        >>> crf_expected_transitions(tf.zeros([1, 3, 2]), tf.constant([3]), tf.zeros([2, 2])).numpy().round(4).tolist()
        [[[0.5, 0.5], [0.5, 0.5]]]
    """

    def compute(lattice: Lattice) -> tuple[Tensor, ...]:
        _, forward, backward, sums = lattice.sweep()
        return (lattice.pairs(forward, backward, sums, tf.ones_like(forward), None),)

    inputs = tf.convert_to_tensor(inputs)
    transitions = tf.cast(transition_params, inputs.dtype)
    return in_the_right_space(inputs, tf.cast(sequence_lengths, tf.int32), transitions, compute)[0]


def _real_tags(tag_indices: Tensor, sequence_lengths: Tensor) -> Tensor:
    """Put -1, which is no tag, in the padding."""
    tags = tf.cast(tag_indices, tf.int32)
    return tf.where(tf.sequence_mask(sequence_lengths, tf.shape(tags)[1]), tags, -1)


def _last(gradient: Tensor) -> Tensor:
    return tf.raw_ops.PreventGradient(input=gradient, message=_NO_MORE)
