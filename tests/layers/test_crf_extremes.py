"""CRF functions for batches without sentences or tokens, forbidden scores, and probabilities too small for float32."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.layers.test_crf import BruteForce
from tfkd.layers import (
    CRFHead,
    SoftmaxHead,
    crf_boundaries,
    crf_constrained_decode,
    crf_decode,
    crf_decode_top_k,
    crf_expected_transitions,
    crf_log_likelihood,
    crf_log_marginals,
    crf_log_norm,
    crf_marginals,
    crf_multitag_sequence_score,
)

TAGS = 3


def run_all(x, n, a, allowed, path):
    """Return the results of all functions, and the gradients of those that have one."""
    with tf.GradientTape() as tape:
        tape.watch([x, a])
        sums = [
            crf_log_norm(x, n, a),
            crf_log_likelihood(x, path, n, a)[0],
            crf_multitag_sequence_score(x, allowed, n, a),
        ]
        marginals = [crf_marginals(x, n, a), crf_log_marginals(x, n, a)]
        total = tf.add_n([tf.reduce_sum(each) for each in (*sums, *marginals)])
    paths = [crf_decode(x, a, n), crf_constrained_decode(x, allowed, a, n), crf_decode_top_k(x, a, n, 2)]
    bounded = crf_boundaries(x, n, tf.ones([TAGS]), tf.ones([TAGS]))
    return sums, marginals, paths, bounded, crf_expected_transitions(x, n, a), tape.gradient(total, [x, a])


@functools.cache
def trace():
    """Return `run_all` as one graph for all shapes."""
    scores, lengths = tf.TensorSpec([None, None, TAGS]), tf.TensorSpec([None], tf.int32)
    allowed, path = (tf.TensorSpec(scores.shape, tf.bool), tf.TensorSpec([None, None], tf.int32))
    return tf.function(run_all, input_signature=[scores, lengths, tf.TensorSpec([TAGS, TAGS]), allowed, path])


@pytest.mark.parametrize(("batch", "time"), [(2, 0), (0, 4), (0, 0)])
@pytest.mark.parametrize("spread", [1.0, 40.0])  # on both sides of the limit between the two lattices
def test_batches_without_sentences_or_tokens_have_one_empty_path_each(batch, time, spread):
    function = run_all if (batch, spread) == (2, 1.0) else trace()
    shape = [batch, time, TAGS]
    transitions = tf.constant(np.eye(TAGS) * spread, tf.float32)
    sums, marginals, paths, bounded, expected, gradients = function(
        tf.zeros(shape),
        tf.zeros([batch], tf.int32),
        transitions,
        tf.ones(shape, tf.bool),
        tf.zeros([batch, time], tf.int32),
    )
    for values in sums:
        assert values.numpy().tolist() == [0.0] * batch
    assert [x.shape.as_list() for x in (*marginals, bounded)] == [shape] * 3
    for path, score in paths[:2]:
        assert path.shape.as_list() == [batch, time]
        assert score.numpy().tolist() == [0.0] * batch
    assert paths[2][0].shape.as_list() == [batch, 2, time]
    assert paths[2][1].numpy().tolist() == [[0.0, -np.inf]] * batch
    np.testing.assert_array_equal(expected, np.zeros([batch, TAGS, TAGS]))
    np.testing.assert_array_equal(gradients[0], np.zeros(shape))
    np.testing.assert_array_equal(gradients[1], np.zeros([TAGS, TAGS]))


@pytest.mark.parametrize("kind", [SoftmaxHead, CRFHead])
@pytest.mark.parametrize("shape", [(2, 0), (0, 4), (0, 0)])
def test_heads_give_no_loss_and_no_tags_for_such_batches(kind, shape):
    head = kind(("O", "B-X", "I-X"))
    states = head(tf.zeros([*shape, 4]))
    mask = tf.ones(shape, tf.bool)
    assert float(head.summed_loss(states, tf.zeros(shape, tf.int32), mask)) == 0
    tags, probabilities = head.decode(states, mask)
    assert tags.shape == probabilities.shape == shape
    paths, logs = head.distribution(states, mask).best_paths(2)
    assert paths.shape == (shape[0], 2, shape[1])
    assert logs.numpy().tolist() == [[0.0, -np.inf]] * shape[0]


@pytest.mark.parametrize("spread", [5.0, 200.0])
def test_log_marginals_are_exact_far_below_the_smallest_float(spread):
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(2, 4, TAGS)).astype("float32")
    inputs[0, 1, 2], inputs[0, 3, 0], inputs[1, 0, 1] = -500, -1e4, -120
    transitions = rng.normal(size=(TAGS, TAGS)).astype("float32")
    transitions[0, 1], transitions[2, 0] = -spread, 1.0
    lengths = np.array([4, 2])
    logs = crf_log_marginals(inputs, lengths, transitions).numpy()
    assert np.isfinite(logs).all()
    for b, n in enumerate(lengths):
        truth = BruteForce(inputs[b, :n], transitions)
        for t, k in np.ndindex(n, TAGS):
            scores = truth.scores[truth.paths[:, t] == k]
            expected = scores.max() + np.log(np.exp(scores - scores.max()).sum()) - truth.log_norm
            np.testing.assert_allclose(logs[b, t, k], expected, rtol=2e-6, atol=2e-5)


@pytest.mark.parametrize("kind", [SoftmaxHead, CRFHead])
def test_a_tag_with_a_score_of_minus_infinity_counts_as_absent(kind):
    """Compare loss, gradient, marginals and best path with those of a head without the tag."""
    rng = np.random.default_rng(1)
    emissions = rng.normal(size=(2, 3, 2)).astype("float32") * 3
    more = tf.constant(np.concatenate([emissions, np.full((2, 3, 1), -np.inf, "float32")], axis=-1))
    mask, gold = np.array([[True] * 3, [True, False, False]]), tf.constant([[0, 1, 0], [1, 0, 0]])
    wide, narrow = kind(("O", "B-X", "I-X")), kind(("O", "B-X"))
    results = []
    for head, scores in ((wide, more), (narrow, tf.constant(emissions))):
        head.build((None, None, 4))
        with tf.GradientTape() as tape:
            tape.watch(scores)
            loss = head.summed_loss(scores, gold, mask)
        tags, probabilities = head.decode(scores, mask)
        results.append((loss, tape.gradient(loss, scores)[..., :2], tags, probabilities))
    for with_tag, without in zip(*results, strict=True):
        np.testing.assert_allclose(with_tag, without, rtol=1e-5, atol=1e-6)
