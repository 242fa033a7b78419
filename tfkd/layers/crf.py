"""Functions of a linear-chain conditional random field (CRF).

A path `y` over a sentence of `n` tokens scores `sum_t inputs[t, y_t] + sum_t transitions[y_t, y_{t+1}]`;
its probability is the exponential of that score over the sum of the exponentials of all paths' scores
(Lafferty, McCallum and Pereira 2001). The names and the order of the arguments are those of
tensorflow-addons where the meaning is the same. Scores of a start and an end are added to the first
and the last token's inputs by `crf_boundaries`, so that no function needs to know of them.

Everything is computed in log space and in the dtype of `inputs`, which should be float32. Sentences
are padded on the right; what stands in the padding changes nothing.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

Tensor = Any


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
    tags = tf.clip_by_value(tf.cast(tag_indices, tf.int32), 0, tf.shape(inputs)[2] - 1)
    mask = tf.sequence_mask(sequence_lengths, tf.shape(inputs)[1], dtype=inputs.dtype)
    # A product with one-hot rows rather than a gather: its gradient is a product too, not a slow scatter.
    chosen = tf.one_hot(tags, tf.shape(inputs)[2], dtype=inputs.dtype) * mask[:, :, tf.newaxis]
    emission = tf.reduce_sum(inputs * chosen, axis=[1, 2])
    following = tf.einsum("bti,ij->btj", chosen[:, :-1], tf.cast(transition_params, inputs.dtype))
    return emission + tf.reduce_sum(following * chosen[:, 1:], axis=[1, 2])


def crf_log_norm(inputs: Tensor, sequence_lengths: Tensor, transition_params: Tensor) -> Tensor:
    """Compute the log of the sum of the exponentials of all paths' scores.

    The gradient is taken from the marginals of one forward-backward pass, not by differentiating
    through the recursion: the derivative of the log-normaliser by an emission is the probability of
    that tag at that token, and by a transition the expected number of its uses. There is no second
    derivative.

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

    @tf.custom_gradient
    def log_norm(inputs: Tensor, transitions: Tensor) -> tuple[Tensor, Any]:
        forward, backward, normalizer = _forward_backward(inputs, sequence_lengths, transitions)

        def grad(upstream: Tensor) -> tuple[Tensor, Tensor]:
            mask = tf.sequence_mask(sequence_lengths, tf.shape(inputs)[1], dtype=inputs.dtype)
            weight = mask * upstream[:, tf.newaxis]
            # p(y_t = i, y_{t+1} = j), for each pair of tokens a distribution of its own.
            pairs = forward[:, :-1, :, tf.newaxis] + transitions + backward[:, 1:, tf.newaxis, :]
            tags = tf.shape(inputs)[2]
            together = tf.nn.softmax(tf.reshape(pairs, [tf.shape(pairs)[0], tf.shape(pairs)[1], tags * tags]))
            expected = tf.einsum("btp,bt->p", together, weight[:, 1:])
            marginals = tf.nn.softmax(forward + backward - inputs)
            return marginals * weight[:, :, tf.newaxis], tf.reshape(expected, [tags, tags])

        return normalizer, grad

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
    forward, backward, _ = _forward_backward(inputs, sequence_lengths, transition_params)
    mask = tf.sequence_mask(sequence_lengths, tf.shape(inputs)[1], dtype=inputs.dtype)
    return tf.nn.softmax(forward + backward - inputs) * mask[:, :, tf.newaxis]


def crf_decode(potentials: Tensor, transition_params: Tensor, sequence_length: Tensor) -> tuple[Tensor, Tensor]:
    """Find the path of the highest score through each sentence (Viterbi 1967).

    Args:
        potentials: Emission scores, float `[batch, time, tags]`.
        transition_params: Score of tag `j` after tag `i`, `[tags, tags]`.
        sequence_length: Tokens of each sentence, int `[batch]`.

    Returns:
        The paths, int32 `[batch, time]`, 0 in the padding, and their scores `[batch]`. Of equal paths the
        one with the smaller tag indices from the end on is taken.

    Example:
        >>> path, score = crf_decode(tf.constant([[[0.0, 1.0], [2.0, 0.0]]]), tf.zeros([2, 2]), tf.constant([2]))
        >>> path.numpy().tolist(), score.numpy().tolist()
        ([[1, 0]], [3.0])
    """
    steps = tf.shape(potentials)[1]
    lengths = tf.cast(sequence_length, tf.int32)
    transitions = tf.cast(transition_params, potentials.dtype)
    by_time = tf.transpose(potentials, [1, 0, 2])
    stay = tf.broadcast_to(tf.range(tf.shape(potentials)[2]), tf.shape(potentials)[::2])
    pointers = tf.TensorArray(tf.int32, size=steps, element_shape=stay.shape)

    def forward(t: Tensor, score: Tensor, pointers: tf.TensorArray) -> tuple[Tensor, Tensor, tf.TensorArray]:
        through = score[:, :, tf.newaxis] + transitions
        real = (t < lengths)[:, tf.newaxis]
        # In the padding each tag points to itself, so that the way back passes through it unchanged.
        pointer = tf.where(real, tf.argmax(through, axis=1, output_type=tf.int32), stay)
        score = tf.where(real, tf.reduce_max(through, axis=1) + by_time[t], score)
        return t + 1, score, pointers.write(t, pointer)

    _, score, pointers = tf.while_loop(
        lambda t, *_: t < steps, forward, (1, by_time[0], pointers.write(0, stay)), maximum_iterations=steps
    )
    last = tf.argmax(score, axis=-1, output_type=tf.int32)
    back = pointers.stack()
    path = tf.TensorArray(tf.int32, size=steps, element_shape=last.shape)

    def backward(t: Tensor, tag: Tensor, path: tf.TensorArray) -> tuple[Tensor, Tensor, tf.TensorArray]:
        path = path.write(t, tag)
        return t - 1, tf.gather(back[t], tag, batch_dims=1), path

    _, _, path = tf.while_loop(lambda t, *_: t >= 0, backward, (steps - 1, last, path), maximum_iterations=steps)
    mask = tf.sequence_mask(lengths, steps)
    best = tf.where(lengths > 0, tf.reduce_max(score, axis=-1), tf.zeros([], score.dtype))
    return tf.where(mask, tf.transpose(path.stack()), 0), best


def _forward_backward(inputs: Tensor, sequence_lengths: Tensor, transitions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Run both recursions in one loop, the backward one on the sentences turned round.

    Both include the token's own emission: `forward[t, j]` is the log-sum of all paths that end at token `t` with tag
    `j`, `backward[t, j]` of all that begin there, each less a number of its token: the states are brought back to a
    highest value of 0 at each token, since in a long sentence float32 has no digits left for their differences.
    """
    inputs = tf.convert_to_tensor(inputs)
    lengths = tf.cast(sequence_lengths, tf.int32)
    transitions = tf.cast(transitions, inputs.dtype)
    turned = tf.reverse_sequence(inputs, lengths, seq_axis=1, batch_axis=0)
    by_time = tf.transpose(tf.stack([inputs, turned]), [2, 0, 1, 3])
    both = tf.stack([transitions, tf.transpose(transitions)])[:, tf.newaxis]
    steps = tf.shape(inputs)[1]
    states = tf.TensorArray(inputs.dtype, size=steps, element_shape=by_time.shape[1:])

    def step(t: Tensor, state: Tensor, shift: Tensor, states: tf.TensorArray) -> tuple[Any, ...]:
        following = _logsumexp(state[..., tf.newaxis] + both, axis=-2) + by_time[t]
        peak = tf.reduce_max(following, axis=-1, keepdims=True)
        real = (t < lengths)[tf.newaxis, :, tf.newaxis]
        state = tf.where(real, following - peak, state)
        return t + 1, state, tf.where(real, shift + peak, shift), states.write(t, state)

    first_shift = tf.reduce_max(by_time[0], axis=-1, keepdims=True)
    first = by_time[0] - first_shift
    _, last, shift, states = tf.while_loop(
        lambda t, *_: t < steps, step, (1, first, first_shift, states.write(0, first)), maximum_iterations=steps
    )
    stacked = tf.transpose(states.stack(), [1, 2, 0, 3])
    log_norm = _logsumexp(last[0], axis=-1) + shift[0, :, 0]
    log_norm = tf.where(lengths > 0, log_norm, tf.zeros([], inputs.dtype))
    return stacked[0], tf.reverse_sequence(stacked[1], lengths, seq_axis=1, batch_axis=0), log_norm


def _logsumexp(scores: Tensor, axis: int) -> Tensor:
    """Do what `tf.reduce_logsumexp` does for finite scores, in half the operations: it runs once a token."""
    peak = tf.reduce_max(scores, axis=axis, keepdims=True)
    return tf.math.log(tf.reduce_sum(tf.exp(scores - peak), axis=axis)) + tf.squeeze(peak, axis)
