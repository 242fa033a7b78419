"""CRF functions against brute force over all paths, in NumPy float64."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfkd.layers import crf_boundaries, crf_decode, crf_log_likelihood, crf_log_norm, crf_marginals, crf_sequence_score


class BruteForce:
    """Sums over one sentence, computed from the list of all its paths."""

    def __init__(self, inputs: np.ndarray, transitions: np.ndarray) -> None:
        length, tags = inputs.shape
        self.paths = np.array(list(itertools.product(range(tags), repeat=length)))
        x, a = inputs.astype(float), transitions.astype(float)
        self.scores = x[np.arange(length), self.paths].sum(1) + a[self.paths[:, :-1], self.paths[:, 1:]].sum(1)
        peak = self.scores.max()
        self.log_norm = peak + np.log(np.exp(self.scores - peak).sum())
        self.probabilities = np.exp(self.scores - self.log_norm)
        self.marginals = np.stack(
            [[self.probabilities[self.paths[:, t] == k].sum() for k in range(tags)] for t in range(length)]
        )
        self.expected_transitions = np.zeros((tags, tags))
        for path, probability in zip(self.paths, self.probabilities, strict=True):
            np.add.at(self.expected_transitions, (path[:-1], path[1:]), probability)


def example(seed: int, lengths: list[int], tags: int, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(len(lengths), max(max(lengths), 1), tags)) * scale
    return inputs.astype("float32"), (rng.normal(size=(tags, tags)) * scale).astype("float32"), np.array(lengths)


@functools.cache
def trace(function):
    """Return one traced function of inputs, lengths and transitions for all shapes."""
    specs = [tf.TensorSpec([None, None, None]), tf.TensorSpec([None], tf.int64), tf.TensorSpec([None, None])]
    return tf.function(function, input_signature=specs, autograph=False)


def sums_and_gradients(x, n, a):
    with tf.GradientTape() as tape:
        tape.watch([x, a])
        norm = crf_log_norm(x, n, a)
        # The weights differ between sentences, so that a mix-up of their upstream gradients shows.
        total = tf.reduce_sum(norm * (1.0 + tf.range(tf.size(n), dtype=tf.float32)))
    return norm, *tape.gradient(total, [x, a]), crf_marginals(x, n, a)


def sums_and_best_path(x, n, a):
    return crf_log_norm(x, n, a), crf_marginals(x, n, a), crf_decode(x, a, n)[0]


CASES = [
    (0, [4, 1, 3], 3, 1.0),
    (1, [1], 2, 1.0),
    (2, [5, 5], 4, 1.0),
    (3, [2, 4, 1, 3], 3, 30.0),
    (4, [6, 2], 2, 0.01),
]


@pytest.mark.parametrize(("seed", "lengths", "tags", "scale"), CASES)
@pytest.mark.parametrize("graph", [False, True])
def test_log_norm_marginals_and_gradients_match_all_paths(seed, lengths, tags, scale, graph):
    inputs, transitions, n = example(seed, lengths, tags, scale)
    function = trace(sums_and_gradients) if graph else sums_and_gradients
    norm, by_inputs, by_transitions, marginals = function(tf.constant(inputs), n, tf.constant(transitions))

    expected_by_transitions = np.zeros((tags, tags))
    for b, length in enumerate(lengths):
        truth = BruteForce(inputs[b, :length], transitions)
        np.testing.assert_allclose(norm[b], truth.log_norm, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(marginals[b, :length], truth.marginals, atol=2e-5)
        np.testing.assert_allclose(by_inputs[b, :length], (1 + b) * truth.marginals, atol=1e-4)
        assert not np.any(marginals[b, length:])
        assert not np.any(by_inputs[b, length:])
        expected_by_transitions += (1 + b) * truth.expected_transitions
    np.testing.assert_allclose(by_transitions, expected_by_transitions, atol=2e-4)


@pytest.mark.parametrize(("seed", "lengths", "tags", "scale"), CASES)
def test_decoded_path_and_likelihood_match_all_paths(seed, lengths, tags, scale):
    inputs, transitions, n = example(seed, lengths, tags, scale)
    paths, best = crf_decode(inputs, transitions, n)
    likelihood, _ = crf_log_likelihood(inputs, paths, n, transitions)
    for b, length in enumerate(lengths):
        truth = BruteForce(inputs[b, :length], transitions)
        winner = int(truth.scores.argmax())
        assert paths[b, :length].numpy().tolist() == truth.paths[winner].tolist()
        assert not np.any(paths[b, length:])
        np.testing.assert_allclose(best[b], truth.scores[winner], rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(likelihood[b], np.log(truth.probabilities[winner]), atol=2e-4)


@pytest.mark.parametrize("path", [[0, 2, 1, 1], [2, 2, 0, 0]])
def test_sequence_score_of_any_path(path):
    inputs, transitions, n = example(7, [4, 2], 3)
    scores = crf_sequence_score(inputs, np.array([path, path]), n, transitions)
    for b, length in enumerate(n):
        truth = BruteForce(inputs[b, :length], transitions)
        index = truth.paths.tolist().index(path[:length])
        np.testing.assert_allclose(scores[b], truth.scores[index], rtol=1e-5)


def test_likelihood_gradient_is_observed_minus_expected():
    inputs, transitions, n = example(8, [4, 3], 3)
    path = np.array([[0, 1, 2, 0], [1, 1, 0, 2]])
    x, a = tf.constant(inputs), tf.constant(transitions)
    with tf.GradientTape() as tape:
        tape.watch([x, a])
        total = tf.reduce_sum(crf_log_likelihood(x, path, n, a)[0])
    by_inputs, by_transitions = tape.gradient(total, [x, a])
    expected = np.zeros((3, 3))
    for b, length in enumerate(n):
        truth = BruteForce(inputs[b, :length], transitions)
        observed = np.eye(3)[path[b, :length]]
        np.testing.assert_allclose(by_inputs[b, :length], observed - truth.marginals, atol=1e-5)
        np.add.at(expected, (path[b, : length - 1], path[b, 1:length]), 1.0)
        expected -= truth.expected_transitions
    np.testing.assert_allclose(by_transitions, expected, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 4), min_size=1, max_size=4),
    extra=st.integers(1, 5),
    junk=st.floats(-1e4, 1e4),
    seed=st.integers(0, 99),
)
def test_values_in_the_padding_do_not_matter(lengths, extra, junk, seed):
    inputs, transitions, n = example(seed, lengths, 3)
    for b, length in enumerate(lengths):
        inputs[b, length:] = 0
    padded = np.concatenate([inputs, np.full((len(lengths), extra, 3), junk, "float32")], axis=1)
    for b, length in enumerate(lengths):
        padded[b, length:] = junk
    norm, marginals, paths = trace(sums_and_best_path)(inputs, n, transitions)
    norm_padded, marginals_padded, paths_padded = trace(sums_and_best_path)(padded, n, transitions)
    # Where terms of about 1 cancel, the rounding of float32 exceeds a relative error of 1e-6.
    np.testing.assert_allclose(norm_padded, norm, rtol=1e-6, atol=5e-7)
    np.testing.assert_allclose(marginals_padded[:, : inputs.shape[1]], marginals, atol=1e-6)
    np.testing.assert_array_equal(paths_padded[:, : inputs.shape[1]], paths)


def test_empty_sentence_has_one_path_with_score_zero():
    inputs, transitions, _ = example(9, [3], 3)
    n = np.array([0])
    assert float(crf_log_norm(inputs, n, transitions)[0]) == 0.0
    assert float(crf_decode(inputs, transitions, n)[1][0]) == 0.0
    assert not np.any(crf_marginals(inputs, n, transitions))


def test_boundaries_are_added_to_the_first_and_the_last_real_token():
    inputs, _transitions, n = example(10, [3, 1, 0], 3)
    start, end = np.array([1.0, 2.0, 3.0], "float32"), np.array([10.0, 20.0, 30.0], "float32")
    with_boundaries = crf_boundaries(inputs, n, start, end).numpy()
    expected = inputs.copy()
    expected[0, 0] += start
    expected[0, 2] += end
    expected[1, 0] += start + end
    np.testing.assert_allclose(with_boundaries, expected, rtol=1e-6)


@pytest.mark.parametrize("length", [1, 7])  # one iteration of the loop over time, and two
def test_compiles_with_xla(length):
    inputs, transitions, n = example(11, [length, max(1, length - 1)], 3)

    @tf.function(jit_compile=True, autograph=False)
    def compiled(x, a):
        with tf.GradientTape() as tape:
            tape.watch([x, a])
            total = tf.reduce_sum(crf_log_norm(x, n, a))
        return *tape.gradient(total, [x, a]), crf_decode(x, a, n)[0]

    with tf.GradientTape() as tape:
        x, a = tf.constant(inputs), tf.constant(transitions)
        tape.watch([x, a])
        total = tf.reduce_sum(crf_log_norm(x, n, a))
    expected = (*tape.gradient(total, [x, a]), crf_decode(inputs, transitions, n)[0])
    for got, want in zip(compiled(x, a), expected, strict=True):
        np.testing.assert_allclose(got, want, atol=1e-5)


def test_long_sentences_stay_exact():
    """Sum over 426 tokens (the longest sentence of the real corpora) in float32 against float64."""
    inputs, transitions, n = example(12, [426], 5, scale=5.0)
    state = inputs[0, 0].astype(float)
    for t in range(1, 426):
        through = state[:, None] + transitions.astype(float)
        peak = through.max(0)
        state = peak + np.log(np.exp(through - peak).sum(0)) + inputs[0, t]
    expected = state.max() + np.log(np.exp(state - state.max()).sum())
    np.testing.assert_allclose(crf_log_norm(inputs, n, transitions)[0], expected, rtol=1e-5)

    back = np.zeros((426, 5))
    for t in range(424, -1, -1):
        through = transitions.astype(float) + inputs[0, t + 1] + back[t + 1]
        peak = through.max(1)
        back[t] = peak + np.log(np.exp(through - peak[:, None]).sum(1))
    first = np.exp(inputs[0, 0] + back[0] - expected)
    np.testing.assert_allclose(crf_marginals(inputs, n, transitions)[0, 0], first, atol=1e-5)
