"""Sums over paths with probabilities and with logarithms: derivatives, expected transitions, extreme scores."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.layers.test_crf import BruteForce
from tests.numeric import numeric_gradient
from tfkd.layers import (
    crf_expected_transitions,
    crf_filtered_inputs,
    crf_log_norm,
    crf_marginals,
    crf_multitag_sequence_score,
)

LENGTHS = [4, 0, 1, 3]


def chain(spread: float, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Return emission scores and transition scores in float64; the latter have the given spread."""
    rng = np.random.default_rng(seed)
    transitions = rng.random((3, 3))
    transitions.flat[0], transitions.flat[5] = 0, 1
    return rng.normal(size=(4, 4, 3)), (transitions - 0.3) * spread


def weighted_marginals(inputs, transitions, weights):
    """Return the weighted sum of all marginals, plus the squares of those of the first tokens."""
    total = 0.0
    for b, length in enumerate(LENGTHS):
        if length:
            truth = BruteForce(inputs[b, :length], transitions)
            total += (truth.marginals * weights[b, :length]).sum() + (truth.marginals[0] ** 2).sum()
    return total


@functools.cache
def trace(function, jit_compile=False):
    return tf.function(function, jit_compile=jit_compile, autograph=False)


def marginals_and_gradients(x, a, weights):
    with tf.GradientTape() as tape:
        tape.watch([x, a])
        marginals = crf_marginals(x, LENGTHS, a)
        total = tf.reduce_sum(marginals * weights) + tf.reduce_sum(marginals[:, 0] ** 2)
    return total, *tape.gradient(total, [x, a])


@pytest.mark.parametrize(
    ("spread", "how"),
    [
        (2.0, "eager"),
        (31.0, "eager"),
        (29.0, "graph"),
        (31.0, "graph"),
        pytest.param(29.0, "xla", marks=pytest.mark.slow),
    ],
)
def test_derivative_of_marginals_matches_all_paths(spread, how):
    inputs, transitions = chain(spread)
    weights = np.random.default_rng(4).normal(size=inputs.shape)

    function = marginals_and_gradients if how == "eager" else trace(marginals_and_gradients, how == "xla")
    total, by_inputs, by_transitions = function(tf.constant(inputs), tf.constant(transitions), tf.constant(weights))
    np.testing.assert_allclose(total, weighted_marginals(inputs, transitions, weights), rtol=1e-9)
    for b, length in enumerate(LENGTHS):
        assert not np.any(by_inputs[b, length:])
    numeric = numeric_gradient(lambda x: weighted_marginals(x, transitions, weights), inputs)
    np.testing.assert_allclose(by_inputs, numeric, atol=1e-8)
    numeric = numeric_gradient(lambda a: weighted_marginals(inputs, a, weights), transitions)
    np.testing.assert_allclose(by_transitions, numeric, atol=1e-8)


@pytest.mark.parametrize(("spread", "graph"), [(2.0, False), (31.0, False), (2.0, True)])
def test_expected_transitions_and_their_derivative_match_all_paths(spread, graph):
    inputs, transitions = chain(spread)
    weights = np.random.default_rng(5).normal(size=(4, 3, 3))

    def compute(x, a):
        with tf.GradientTape() as tape:
            tape.watch([x, a])
            expected = crf_expected_transitions(x, LENGTHS, a)
            total = tf.reduce_sum(expected * weights)
        return expected, *tape.gradient(total, [x, a])

    function = tf.function(compute, autograph=False) if graph else compute
    expected, by_inputs, by_transitions = function(tf.constant(inputs), tf.constant(transitions))

    def truth(b):
        return BruteForce(inputs[b, : LENGTHS[b]], transitions).expected_transitions if LENGTHS[b] else 0.0

    for b in range(4):
        np.testing.assert_allclose(expected[b], np.broadcast_to(truth(b), (3, 3)), atol=1e-12)
    step = 1e-5
    for array, gradient in ((inputs, by_inputs), (transitions, by_transitions)):
        for index in [(0, 0, 1), (0, 3, 2), (3, 1, 0), (2, 0, 0), (1, 0, 0)] if array is inputs else [(0, 0), (1, 2)]:
            original, sums = array[index], []
            for shift in (step, -step):
                array[index] = original + shift
                sums.append(sum(np.sum(truth(b) * weights[b]) for b in range(4)))
            array[index] = original
            np.testing.assert_allclose(gradient[index], (sums[0] - sums[1]) / (2 * step), atol=1e-8)


@pytest.mark.parametrize("spread", [25.0, 29.9, 30.1, 300.0])
@pytest.mark.parametrize("scale", [1.0, 200.0])
def test_extreme_scores_stay_exact_in_float32(spread, scale):
    """Compare with float64 logarithms over 60 tokens, on both sides of the limit between the two lattices."""
    rng = np.random.default_rng(6)
    inputs = (rng.normal(size=(1, 60, 4)) * scale).astype("float32")
    transitions = rng.choice([0.0, spread], size=(4, 4)).astype("float32")
    transitions[0, :2] = 0, spread
    x, a = inputs[0].astype(float), transitions.astype(float)

    def logsumexp(scores):
        peak = scores.max(0)
        return peak + np.log(np.exp(scores - peak).sum(0))

    forward, backward = [x[0]], [np.zeros(4)]
    for t in range(1, 60):
        forward.append(logsumexp(forward[-1][:, None] + a) + x[t])
        backward.append(logsumexp((a + x[60 - t] + backward[-1]).T))
    norm = logsumexp(forward[-1])
    marginals = np.exp(np.array(forward) + np.array(backward)[::-1] - norm)
    np.testing.assert_allclose(crf_log_norm(inputs, [60], transitions)[0], norm, rtol=1e-5)
    # The rounding error of differences of float32 scores of this size.
    atol = 2e-5 + 1e-6 * (scale + spread)
    np.testing.assert_allclose(crf_marginals(inputs, [60], transitions)[0], marginals, atol=atol)


@pytest.mark.parametrize("forbidden", [-1e30, -np.inf])
@pytest.mark.parametrize("spread", [2.0, 31.0])
def test_forbidden_tags_have_probability_zero(forbidden, spread):
    inputs, transitions = (x.astype("float32") for x in chain(spread))
    allowed = np.random.default_rng(8).random(inputs.shape) < 0.6
    allowed[..., 1] |= ~allowed.any(-1)
    filtered = np.where(allowed, inputs, np.float32(forbidden))
    score = crf_multitag_sequence_score(inputs, allowed, LENGTHS, transitions)
    marginals = crf_marginals(filtered, LENGTHS, transitions)
    assert not np.any(marginals.numpy()[~allowed])
    for b, length in enumerate(LENGTHS):
        if length == 0:
            assert score[b] == 0.0
            continue
        truth = BruteForce(inputs[b, :length], transitions)
        matching = np.all(allowed[b, np.arange(length), truth.paths], axis=1)
        expected = np.logaddexp.reduce(truth.scores[matching])
        np.testing.assert_allclose(score[b], expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(crf_log_norm(filtered, LENGTHS, transitions)[b], expected, rtol=1e-5, atol=1e-5)


def test_forbidden_transitions_are_never_used():
    inputs, transitions = (x.astype("float32") for x in chain(2.0))
    transitions[0, 1] = transitions[2, 2] = -1e30
    expected = crf_expected_transitions(inputs, LENGTHS, transitions)
    assert not np.any(expected[:, 0, 1])
    assert not np.any(expected[:, 2, 2])
    for b, length in enumerate(LENGTHS):
        if length:
            truth = BruteForce(inputs[b, :length], transitions)
            np.testing.assert_allclose(expected[b], truth.expected_transitions, atol=1e-5)


def test_a_sentence_without_an_allowed_path_has_a_very_low_score_and_finite_marginals():
    inputs, transitions = (x.astype("float32") for x in chain(2.0))
    filtered = crf_filtered_inputs(inputs, np.zeros(inputs.shape, bool))
    norm = crf_log_norm(filtered, LENGTHS, transitions)
    np.testing.assert_allclose(norm, [-4e30, 0.0, -1e30, -3e30], rtol=1e-5)
    assert np.all(np.isfinite(crf_marginals(filtered, LENGTHS, transitions)))


@pytest.mark.parametrize("function", [crf_log_norm, crf_marginals])
def test_a_missing_derivative_is_refused(function):
    inputs, transitions = (tf.constant(x) for x in chain(2.0))
    with tf.GradientTape() as outer:
        outer.watch(inputs)
        with tf.GradientTape() as inner:
            inner.watch(inputs)
            total = tf.reduce_sum(function(inputs, LENGTHS, transitions) ** 2)
        first = inner.gradient(total, inputs)
    with pytest.raises(LookupError, match="higher order"):
        outer.gradient(first, inputs)


@pytest.mark.parametrize("lowest", [-np.inf, -1e30])
def test_a_tag_that_may_not_follow_any_tag_has_probability_zero(lowest):
    inputs, transitions = (x.astype("float32") for x in chain(2.0))
    transitions[:, 1] = lowest
    norm = crf_log_norm(inputs, LENGTHS, transitions)
    marginals = crf_marginals(inputs, LENGTHS, transitions).numpy()
    assert not np.any(marginals[:, 1:, 1])
    for b, length in enumerate(LENGTHS):
        if length:
            with np.errstate(invalid="ignore"):
                truth = BruteForce(inputs[b, :length], np.maximum(transitions, -1e30))
            np.testing.assert_allclose(norm[b], np.logaddexp.reduce(truth.scores), rtol=1e-5, atol=1e-5)
