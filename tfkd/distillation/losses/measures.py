"""Distances of distributions and of vectors that stay exact in float32: for certain models, rare tags, any temperature.

Probabilities come as logarithms, so that none rounds to 0 or 1. Vectors are scaled before they are squared. No floor is
added under a probability or a length: a floor decides the result wherever the numbers are smaller than it.
"""

from __future__ import annotations

import tensorflow as tf

from tfkd.layers.crf_recursions import FORBIDDEN
from tfkd.tensors import Tensor

_NEAR = 0.5
"""Largest difference of two logarithms for which `divergence` uses a series; its first left-out term is below 1e-8."""

_SERIES = (1 / 40320, 1 / 5040, 1 / 720, 1 / 120, 1 / 24, 1 / 6, 1 / 2)
"""Coefficients of `(exp(d) - 1 - d) / d^2`, the highest power first."""


def divergence(log_p: Tensor, log_q: Tensor) -> Tensor:
    """Return the Kullback-Leibler divergence of distributions over the last axis, `sum_k p_k (log p_k - log q_k)`.

    It is computed as `sum_k q_k - p_k - p_k (log q_k - log p_k)`, whose terms are all at least 0, because the plain sum
    cancels: two distributions that a high temperature makes nearly even would differ by rounding alone. The difference
    is `sum_k q_k - sum_k p_k`, which is 0 for distributions.

    Args:
        log_p: Log-probabilities, float `[..., tags]`. Minus infinity stands for a probability of 0.
        log_q: As `log_p`.

    Returns:
        float `[...]`; about 1e30 where `q` is 0 and `p` is not.

    Example:
        >>> p, q = tf.math.log([0.5, 0.5, 0.0]), tf.math.log([0.25, 0.75, 0.0])
        >>> round(float(divergence(p, q)), 4), float(divergence(p, p))
        (0.1438, 0.0)
    """
    # Minus infinity times a probability of 0 is no number.
    log_p, log_q = tf.maximum(log_p, FORBIDDEN), tf.maximum(log_q, FORBIDDEN)
    p, q, difference = tf.exp(log_p), tf.exp(log_q), log_q - log_p
    is_near = tf.abs(difference) < _NEAR
    near, far = tf.where(is_near, difference, 0.0), tf.where(is_near, 0.0, difference)
    series = tf.zeros_like(near)
    for coefficient in _SERIES:
        series = series * near + coefficient
    return tf.reduce_sum(tf.where(is_near, p * near * near * series, q - p - p * far), axis=-1)


def split_target(scores: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Split distributions into one over a target tag and all others, and one among the others.

    Args:
        scores: Scores whose softmax is the distribution, float `[..., tags]`.
        target: Indices of the target tags, int `[...]`.

    Returns:
        The log-probabilities of the target and of all other tags together, `[..., 2]`; and the log-probabilities of
        the other tags among themselves, `[..., tags]`, about -1e30 for the target. Probabilities of 0 are about -1e30.

    Example:
        >>> pair, others = split_target(tf.math.log([[0.5, 0.125, 0.375]]), tf.constant([0]))
        >>> tf.exp(pair).numpy().round(3).tolist(), tf.exp(others).numpy().round(3).tolist()
        ([[0.5, 0.5]], [[0.0, 0.25, 0.75]])
    """
    is_target = tf.one_hot(target, scores.shape[-1], True, False, dtype=tf.bool)
    scores = tf.maximum(scores, FORBIDDEN)
    others = tf.where(is_target, FORBIDDEN, scores)
    of_others = tf.reduce_logsumexp(others, axis=-1)
    of_target = tf.reduce_sum(tf.where(is_target, scores, 0.0), axis=-1)
    return tf.nn.log_softmax(tf.stack([of_target, of_others], axis=-1)), others - of_others[..., tf.newaxis]


def unit_vectors(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """Scale vectors to length 1.

    Args:
        vectors: float `[..., width]`.

    Returns:
        The vectors, `[..., width]`, 0 where the length is 0; and whether the length is above 0, bool `[..., 1]`.

    Example:
        >>> units, has_length = unit_vectors(tf.constant([[3e-30, 4e-30], [0.0, 0.0]]))
        >>> units.numpy().round(3).tolist(), has_length.numpy().tolist()
        ([[0.6000000238418579, 0.800000011920929], [0.0, 0.0]], [[True], [False]])
    """
    highest = tf.reduce_max(tf.abs(vectors), axis=-1, keepdims=True)
    has_length = highest > 0
    # The direction does not depend on the scale, so neither does its gradient.
    scaled = vectors / tf.stop_gradient(tf.where(has_length, highest, 1.0))
    squares = tf.reduce_sum(tf.square(scaled), axis=-1, keepdims=True)
    return scaled * tf.math.rsqrt(tf.where(has_length, squares, 1.0)), has_length


def angular_distance(teacher: Tensor, student: Tensor) -> Tensor:
    """Return one minus the cosine of the angle between vectors.

    It is half the squared distance of the unit vectors, which is exactly 0 for equal ones. A teacher's vector of length
    0 has no direction to learn: the distance is 0. A student's vector of length 0 has a distance of 1.

    Args:
        teacher: float `[..., width]`.
        student: float `[..., width]`.

    Returns:
        float `[...]`.

    Example:
        >>> angular_distance(tf.constant([[1.0, 0.0], [0.0, 0.0]]), tf.constant([[0.0, 5.0], [1.0, 0.0]])).numpy()
        array([1., 0.], dtype=float32)
    """
    (theirs, has_theirs), (own, has_own) = unit_vectors(teacher), unit_vectors(student)
    halves = tf.reduce_sum(tf.square(theirs - own), axis=-1) / 2
    return tf.where(has_theirs[..., 0], halves + tf.where(has_own[..., 0], 0.0, 0.5), 0.0)
