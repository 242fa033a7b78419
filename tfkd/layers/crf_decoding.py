"""The best paths through a linear-chain conditional random field (CRF): one, constrained, or the k best.

Scores are as in `tfkd.layers.crf`. A transition or a tag is forbidden by a score of -1e30.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfkd.layers.crf import crf_filtered_inputs
from tfkd.layers.scan import scan
from tfkd_base.errors import TfkdError

Tensor = Any

_HARDLY = -1e29
"""A path that scores less has something forbidden in it."""


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
    lengths = tf.cast(sequence_length, tf.int32)
    scores, ways = _best_scores(potentials, transition_params)
    steps, tags = tf.shape(scores)[0], tf.shape(scores)[2]

    def back(state: tuple[Tensor], score: Tensor, inside: Tensor) -> tuple[tuple[Tensor], tuple[Tensor]]:
        # Where the best way to a tag comes from is looked up for the one tag that is taken, not for all on the way
        # there. At the last token and in the padding, the tag of the highest score is taken whatever follows.
        way = tf.gather(ways, tf.where(inside, state[0], tags))
        tag = tf.argmax(score + way, axis=-1, output_type=tf.int32)
        return (tag,), (tag,)

    (path,) = scan(back, [tf.zeros_like(lengths)], _backwards(scores, _followed(lengths, steps)))
    last = tf.maximum(lengths - 1, 0)
    best = tf.reduce_max(tf.gather(tf.transpose(scores, [1, 0, 2]), last, batch_dims=1), axis=-1)
    paths = tf.where(tf.sequence_mask(lengths, steps), tf.transpose(path[::-1]), 0)
    return paths, tf.where(lengths > 0, best, tf.zeros([], best.dtype))


def crf_constrained_decode(
    potentials: Tensor, tag_bitmap: Tensor, transition_params: Tensor, sequence_length: Tensor
) -> tuple[Tensor, Tensor]:
    """Find the path of the highest score among those that have allowed tags only.

    Args:
        potentials: Emission scores, float `[batch, time, tags]`.
        tag_bitmap: True for the tags that a token may have, bool `[batch, time, tags]`.
        transition_params: Score of tag `j` after tag `i`, `[tags, tags]`.
        sequence_length: Tokens of each sentence, int `[batch]`.

    Returns:
        The paths, int32 `[batch, time]`, 0 in the padding, and their scores `[batch]`, about -1e30 or less where a
        token has no allowed tag.

    Example:
        >>> allowed = tf.constant([[[True, False], [True, True]]])
        >>> x = tf.constant([[[0.0, 1.0], [2.0, 0.0]]])
        >>> crf_constrained_decode(x, allowed, tf.zeros([2, 2]), tf.constant([2]))[0].numpy().tolist()
        [[0, 0]]
    """
    return crf_decode(crf_filtered_inputs(potentials, tag_bitmap), transition_params, sequence_length)


def crf_decode_top_k(
    potentials: Tensor, transition_params: Tensor, sequence_length: Tensor, k: int
) -> tuple[Tensor, Tensor]:
    """Find the k paths of the highest scores through each sentence.

    The search goes backwards, from the ends of paths, and keeps the k ends that the best beginnings complete to the
    highest scores (Soong and Huang 1991). These scores are known exactly from the way forwards, and k distinct ends
    stand for k distinct paths, so no end of one of the k best paths is ever dropped.

    Args:
        potentials: Emission scores, float `[batch, time, tags]`.
        transition_params: Score of tag `j` after tag `i`, `[tags, tags]`.
        sequence_length: Tokens of each sentence, int `[batch]`.
        k: How many paths.

    Returns:
        The paths, int32 `[batch, k, time]`, best first, 0 in the padding, and their scores `[batch, k]`. Where there
        are fewer than k without anything forbidden, the others are 0 and score minus infinity. A sentence of no token
        has one path, which scores 0.

    Raises:
        TfkdError: If k is not a whole number from 1 on.

    Example:
        >>> x = tf.constant([[[0.0, 1.0], [2.0, 0.0]]])
        >>> paths, scores = crf_decode_top_k(x, tf.zeros([2, 2]), tf.constant([2]), 2)
        >>> paths.numpy().tolist(), scores.numpy().tolist()
        ([[[1, 0], [0, 0]]], [[3.0, 2.0]])
    """
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise TfkdError(f"k is {k!r}; expected how many paths to find, a whole number from 1 on")
    lengths = tf.cast(sequence_length, tf.int32)
    scores, ways = _best_scores(potentials, transition_params)
    dtype = scores.dtype
    (steps, batch, tags), nothing = tf.unstack(tf.shape(scores)), tf.constant(float("-inf"), dtype)
    by_time = tf.transpose(tf.cast(potentials, dtype), [1, 0, 2])
    # Before the last token of a sentence there is one end, the empty one.
    empty = tf.broadcast_to(tf.where(tf.range(k) == 0, tf.zeros([], dtype), nothing), [batch, k])
    followed = _followed(lengths, steps)[..., tf.newaxis]

    def back(state: tuple[Tensor, ...], score: Tensor, emission: Tensor, inside: Tensor) -> tuple[Any, Any]:
        tag, end = state
        ends = tf.gather(ways, tf.where(inside, tag, tags)) + tf.where(inside, end, empty)[..., tf.newaxis]
        best, index = tf.math.top_k(tf.reshape(ends + score[:, tf.newaxis], [batch, k * tags]), k)
        tag = index % tags
        end = tf.gather(tf.reshape(ends, [batch, k * tags]), index, batch_dims=1)
        end += tf.gather(emission, tag, batch_dims=1)
        return (tag, end), (best, index // tags, tag)

    chosen = tf.zeros([batch, k], tf.int32)
    totals, parents, taken = scan(back, [chosen, empty], _backwards(scores, by_time, followed))

    def forth(state: tuple[Tensor], parent: Tensor, tag: Tensor) -> tuple[tuple[Tensor], tuple[Tensor]]:
        return (tf.gather(parent, state[0], batch_dims=1),), (tf.gather(tag, state[0], batch_dims=1),)

    slots = tf.broadcast_to(tf.range(k), [batch, k])
    (paths,) = scan(forth, [slots], _backwards(parents, taken))
    best = totals[-1]
    best = tf.where((lengths > 0)[:, tf.newaxis], tf.where(best > _HARDLY, best, nothing), empty)
    real = tf.sequence_mask(lengths, steps)[:, tf.newaxis] & (best > nothing)[..., tf.newaxis]
    return tf.where(real, tf.transpose(paths, [1, 2, 0]), 0), best


def _best_scores(potentials: Tensor, transition_params: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the score of the best path to each tag at each token.

    Returns:
        The scores, `[time, batch, tags]`, and the score of each way to a tag, `[tags + 1, tags]`: the transitions
        turned round, and zeros in the last row.
    """
    potentials = tf.convert_to_tensor(potentials)
    across = tf.transpose(tf.cast(transition_params, potentials.dtype))
    by_time = tf.transpose(potentials, [1, 0, 2])

    def forward(state: tuple[Tensor], emission: Tensor) -> tuple[tuple[Tensor], tuple[Tensor]]:
        score = state[0] + emission
        return (tf.reduce_max(score[:, tf.newaxis, :] + across, axis=-1),), (score,)

    (scores,) = scan(forward, [tf.zeros_like(by_time[0])], [by_time])
    return scores, tf.concat([across, tf.zeros_like(across[:1])], axis=0)


def _followed(lengths: Tensor, steps: Tensor) -> Tensor:
    """Return True at each token that another one follows, `[time, batch]`."""
    return tf.transpose(tf.sequence_mask(lengths - 1, steps))


def _backwards(*by_time: Tensor) -> list[Tensor]:
    return [x[::-1] for x in by_time]
