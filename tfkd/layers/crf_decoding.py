"""Decoding of a linear-chain conditional random field (CRF): the best path, with or without constraints, or the k best.

Scores are defined as in `tfkd.layers.crf`. A score of -1e30 forbids a tag or a transition.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfkd.layers.crf import crf_filtered_inputs
from tfkd.layers.crf_recursions import pad_empty_time, scan
from tfkd.layers.shared_graphs import share_graph
from tfkd.tensors import Tensor
from tfkd_base.errors import TfkdError

_LOWEST_ALLOWED = -1e29
"""Paths with a lower score contain a forbidden tag or transition."""


def crf_decode(potentials: Tensor, transition_params: Tensor, sequence_length: Tensor) -> tuple[Tensor, Tensor]:
    """Return the path with the highest score through each sentence (Viterbi 1967).

    Args:
        potentials: Emission scores, float `[batch, time, tags]`.
        transition_params: Score of tag `j` after tag `i`, `[tags, tags]`.
        sequence_length: Number of tokens of each sentence, int `[batch]`.

    Returns:
        The paths, int32 `[batch, time]`, 0 in the padding, and their scores `[batch]`. Among paths with the same
        score, the one with the lowest tag index at the last token wins, then at the token before it, and so on.

    Example:
        >>> path, score = crf_decode(tf.constant([[[0.0, 1.0], [2.0, 0.0]]]), tf.zeros([2, 2]), tf.constant([2]))
        >>> path.numpy().tolist(), score.numpy().tolist()
        ([[1, 0]], [3.0])
    """
    return _decode(*_tensors(potentials, transition_params, sequence_length))


@share_graph
def _decode(potentials: Tensor, transition_params: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    time = tf.shape(potentials)[1]
    scores, into_tag = _best_scores(pad_empty_time(potentials), transition_params)
    steps, tags = tf.shape(scores)[0], tf.shape(scores)[2]

    def back(state: tuple[Tensor], score: Tensor, inside: Tensor) -> tuple[tuple[Tensor], tuple[Tensor]]:
        # Look up the best predecessor only for the chosen tag, instead of storing it for all tags. At the last token
        # and in the padding the tag with the highest score is chosen: row `tags` adds no transition scores.
        transitions = tf.gather(into_tag, tf.where(inside, state[0], tags))
        tag = tf.argmax(score + transitions, axis=-1, output_type=tf.int32)
        return (tag,), (tag,)

    (path,) = scan(back, [tf.zeros_like(lengths)], _reverse(scores, _has_next(lengths, steps)))
    last = tf.maximum(lengths - 1, 0)
    best = tf.reduce_max(tf.gather(tf.transpose(scores, [1, 0, 2]), last, batch_dims=1), axis=-1)
    paths = tf.where(tf.sequence_mask(lengths, steps), tf.transpose(path[::-1]), 0)
    return paths[:, :time], tf.where(lengths > 0, best, tf.zeros([], best.dtype))


def crf_constrained_decode(
    potentials: Tensor, tag_bitmap: Tensor, transition_params: Tensor, sequence_length: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the path with the highest score among those that use only allowed tags.

    Args:
        potentials: Emission scores, float `[batch, time, tags]`.
        tag_bitmap: True for the tags that a token may have, bool `[batch, time, tags]`.
        transition_params: Score of tag `j` after tag `i`, `[tags, tags]`.
        sequence_length: Number of tokens of each sentence, int `[batch]`.

    Returns:
        The paths, int32 `[batch, time]`, 0 in the padding, and their scores `[batch]`. The score is about -1e30 or
        less where a token has no allowed tag.

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
    """Return the k paths with the highest scores through each sentence.

    The search runs from the last token to the first. At each token it keeps the k suffixes of paths whose best
    completion has the highest score (Soong and Huang 1991). The forward pass gives the exact score of the best
    completion, and k different suffixes belong to k different paths, so no suffix of the k best paths is lost.

    Args:
        potentials: Emission scores, float `[batch, time, tags]`.
        transition_params: Score of tag `j` after tag `i`, `[tags, tags]`.
        sequence_length: Number of tokens of each sentence, int `[batch]`.
        k: Number of paths, at least 1.

    Returns:
        The paths, int32 `[batch, k, time]`, best first, 0 in the padding, and their scores `[batch, k]`. If fewer than
        k paths are allowed, the remaining ones are 0 and have the score minus infinity. An empty sentence has one path
        with the score 0.

    Raises:
        TfkdError: If k is not an integer of at least 1.

    Example:
        >>> x = tf.constant([[[0.0, 1.0], [2.0, 0.0]]])
        >>> paths, scores = crf_decode_top_k(x, tf.zeros([2, 2]), tf.constant([2]), 2)
        >>> paths.numpy().tolist(), scores.numpy().tolist()
        ([[[1, 0], [0, 0]]], [[3.0, 2.0]])
    """
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise TfkdError(f"expected k, the number of paths, to be an integer of at least 1, got {k!r}")
    return _decode_top_k(*_tensors(potentials, transition_params, sequence_length), k)


def _decode_top_k(potentials: Tensor, transition_params: Tensor, lengths: Tensor, k: int) -> tuple[Tensor, Tensor]:
    time = tf.shape(potentials)[1]
    potentials = pad_empty_time(potentials)
    scores, into_tag = _best_scores(potentials, transition_params)
    dtype = scores.dtype
    (steps, batch, tags), nothing = tf.unstack(tf.shape(scores)), tf.constant(float("-inf"), dtype)
    by_time = tf.transpose(tf.cast(potentials, dtype), [1, 0, 2])
    # At the last token of a sentence there is one suffix, the empty one, with a score of 0.
    empty = tf.broadcast_to(tf.where(tf.range(k) == 0, tf.zeros([], dtype), nothing), [batch, k])
    has_next = _has_next(lengths, steps)[..., tf.newaxis]

    def back(state: tuple[Tensor, ...], score: Tensor, emission: Tensor, inside: Tensor) -> tuple[Any, Any]:
        tag, suffix = state
        suffixes = tf.gather(into_tag, tf.where(inside, tag, tags)) + tf.where(inside, suffix, empty)[..., tf.newaxis]
        best, index = tf.math.top_k(tf.reshape(suffixes + score[:, tf.newaxis], [batch, k * tags]), k)
        tag = index % tags
        suffix = tf.gather(tf.reshape(suffixes, [batch, k * tags]), index, batch_dims=1)
        suffix += tf.gather(emission, tag, batch_dims=1)
        return (tag, suffix), (best, index // tags, tag)

    chosen = tf.zeros([batch, k], tf.int32)
    totals, parents, tag_ids = scan(
        back, [chosen, empty], _reverse(scores, by_time, has_next), like=[empty, chosen, chosen]
    )

    def forth(state: tuple[Tensor], parent: Tensor, tag: Tensor) -> tuple[tuple[Tensor], tuple[Tensor]]:
        return (tf.gather(parent, state[0], batch_dims=1),), (tf.gather(tag, state[0], batch_dims=1),)

    slots = tf.broadcast_to(tf.range(k), [batch, k])
    (paths,) = scan(forth, [slots], _reverse(parents, tag_ids))
    best = totals[-1]
    best = tf.where((lengths > 0)[:, tf.newaxis], tf.where(best > _LOWEST_ALLOWED, best, nothing), empty)
    real = tf.sequence_mask(lengths, steps)[:, tf.newaxis] & (best > nothing)[..., tf.newaxis]
    return tf.where(real, tf.transpose(paths, [1, 2, 0]), 0)[:, :, :time], best


def _best_scores(potentials: Tensor, transition_params: Tensor) -> tuple[Tensor, Tensor]:
    """Return the score of the best path to each tag at each token.

    Returns:
        The scores, `[time, batch, tags]`, and the transposed transitions with a row of zeros below, `[tags + 1, tags]`.
    """
    transposed = tf.transpose(tf.cast(transition_params, potentials.dtype))
    by_time = tf.transpose(potentials, [1, 0, 2])

    def forward(state: tuple[Tensor], emission: Tensor) -> tuple[tuple[Tensor], tuple[Tensor]]:
        score = state[0] + emission
        return (tf.reduce_max(score[:, tf.newaxis, :] + transposed, axis=-1),), (score,)

    (scores,) = scan(forward, [tf.zeros_like(by_time[0])], [by_time])
    return scores, tf.concat([transposed, tf.zeros_like(transposed[:1])], axis=0)


def _tensors(potentials: Tensor, transitions: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return tf.convert_to_tensor(potentials), tf.convert_to_tensor(transitions), tf.cast(lengths, tf.int32)


def _has_next(lengths: Tensor, steps: Tensor) -> Tensor:
    """Return True at each token except the last of its sentence, `[time, batch]`."""
    return tf.transpose(tf.sequence_mask(lengths - 1, steps))


def _reverse(*by_time: Tensor) -> list[Tensor]:
    return [x[::-1] for x in by_time]
