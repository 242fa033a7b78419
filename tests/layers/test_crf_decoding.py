"""The k best paths and constrained paths against the list of all paths."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.layers.test_crf import BruteForce, example
from tfkd.layers import crf_constrained_decode, crf_decode, crf_decode_top_k, crf_sequence_score
from tfkd_base.errors import TfkdError


def check(paths, scores, inputs, transitions, lengths, k):
    """Compare with all paths, best first. Paths with equal scores may have any order."""
    assert paths.dtype == tf.int32
    paths, scores = np.asarray(paths), np.asarray(scores)
    assert paths.shape == (len(lengths), k, inputs.shape[1])
    assert scores.shape == (len(lengths), k)
    for b, length in enumerate(lengths):
        if length == 0:
            assert scores[b].tolist() == [0.0] + [-np.inf] * (k - 1)
            assert not paths[b].any()
            continue
        truth = BruteForce(inputs[b, :length], transitions)
        possible = np.sort(truth.scores[truth.scores > -1e29])[::-1]
        count = min(k, len(possible))
        np.testing.assert_allclose(scores[b, :count], possible[:count], rtol=1e-5, atol=1e-4)
        assert np.all(scores[b, count:] == -np.inf)
        assert not paths[b, count:].any()
        assert not paths[b, :, length:].any()
        tag_paths = [tuple(path) for path in paths[b, :count, :length]]
        assert len(set(tag_paths)) == count
        index = {tuple(path): score for path, score in zip(truth.paths, truth.scores, strict=True)}
        np.testing.assert_allclose([index[path] for path in tag_paths], scores[b, :count], rtol=1e-5, atol=1e-4)


@settings(max_examples=15, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 5), min_size=1, max_size=4),
    tags=st.integers(1, 4),
    k=st.integers(1, 9),
    scale=st.sampled_from([1.0, 30.0]),
    forbidden=st.booleans(),
    whole=st.booleans(),
    seed=st.integers(0, 999),
)
def test_the_k_best_paths_are_the_best_of_all_paths(lengths, tags, k, scale, forbidden, whole, seed):
    inputs, transitions, n = example(seed, lengths, tags, scale)
    if whole:  # many equal scores
        inputs, transitions = np.round(inputs), np.round(transitions)
    if forbidden:
        rng = np.random.default_rng(seed)
        transitions[rng.random((tags, tags)) < 0.4] = -1e30
        inputs[rng.random(inputs.shape) < 0.1] = -1e30
    check(*crf_decode_top_k(inputs, transitions, n, k), inputs, transitions, lengths, k)


@pytest.mark.parametrize("jit_compile", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_one_traced_function_takes_all_shapes(jit_compile):
    @tf.function(
        jit_compile=jit_compile,
        autograph=False,
        input_signature=[
            tf.TensorSpec([None, None, None]),
            tf.TensorSpec([None, None]),
            tf.TensorSpec([None], tf.int64),
        ],
    )
    def traced(x, a, n):
        return crf_decode_top_k(x, a, n, 3), crf_decode(x, a, n)

    # XLA compiles again for each shape, so it gets one shape.
    for seed, lengths, tags in ((2, [5, 0, 1], 3), (0, [4, 2, 1], 3), (1, [1], 2))[: 1 if jit_compile else 3]:
        inputs, transitions, n = example(seed, lengths, tags)
        (paths, scores), (best, score) = traced(inputs, transitions, n)
        check(paths, scores, inputs, transitions, lengths, 3)
        np.testing.assert_array_equal(paths[:, 0], best)
        np.testing.assert_allclose(scores[:, 0], score, rtol=1e-5)


def test_long_sentences():
    inputs, transitions, n = example(3, [300, 211], 9, 2.0)
    paths, scores = crf_decode_top_k(inputs, transitions, n, 5)
    best, _ = crf_decode(inputs, transitions, n)
    np.testing.assert_array_equal(paths[:, 0], best)
    assert np.all(np.diff(scores) <= 0)
    for rank in range(5):
        expected = crf_sequence_score(inputs, paths[:, rank], n, transitions)
        np.testing.assert_allclose(scores[:, rank], expected, rtol=1e-5)
    assert len({path.numpy().tobytes() for path in paths[0]}) == 5


@pytest.mark.parametrize("k", [0, -1, 1.5, True])
def test_an_invalid_k_is_refused(k):
    inputs, transitions, n = example(4, [2], 2)
    with pytest.raises(TfkdError, match="integer of at least 1"):
        crf_decode_top_k(inputs, transitions, n, k)


def test_constrained_path_is_the_best_allowed_path():
    lengths = [4, 1, 3, 0]
    inputs, transitions, n = example(5, lengths, 3)
    allowed = np.random.default_rng(6).random(inputs.shape) < 0.5
    allowed[..., 2] |= ~allowed.any(-1)
    paths, scores = crf_constrained_decode(inputs, allowed, transitions, n)
    for b, length in enumerate(lengths):
        assert not np.any(paths[b, length:])
        if length == 0:
            assert scores[b] == 0.0
            continue
        truth = BruteForce(inputs[b, :length], transitions)
        matching = np.all(allowed[b, np.arange(length), truth.paths], axis=1)
        winner = np.argmax(np.where(matching, truth.scores, -np.inf))
        assert paths[b, :length].numpy().tolist() == truth.paths[winner].tolist()
        np.testing.assert_allclose(scores[b], truth.scores[winner], rtol=1e-5)
