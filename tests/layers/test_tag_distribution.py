"""Distributions over tag sequences, with and without a chain, against the list of all paths."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tests.layers.test_crf import BruteForce
from tfkd.layers import Chain, CRFHead, SoftmaxHead, TagDistribution
from tfkd_base.corpora import allowed_transitions

LENGTHS = [4, 1, 0, 3]
NAMES = ("O", "B-X", "I-X")
TAGS = len(NAMES)
MASK = np.arange(4) < np.array(LENGTHS)[:, None]


def scores(seed, chained):
    """Return emission scores, with high values in the padding, and the scores of a chain (zeros without one)."""
    rng = np.random.default_rng(seed)
    emissions = np.where(MASK[..., None], rng.normal(size=(*MASK.shape, TAGS)) * 2, 40.0)
    shapes = ((TAGS,), (TAGS, TAGS), (TAGS,))
    return emissions, [rng.normal(size=shape) if chained else np.zeros(shape) for shape in shapes]


def distribution(seed, chained, penalties=None):
    emissions, chain = scores(seed, chained)
    tensors = [tf.constant(x, tf.float32) for x in chain]
    return TagDistribution(
        tf.constant(emissions, tf.float32), tf.constant(MASK), Chain(*tensors) if chained else None, penalties
    )


def truths(seed, chained, temperature=1.0):
    """Return all paths of each sentence; None for the empty sentence."""
    emissions, (start, transitions, end) = scores(seed, chained)
    paths = []
    for x, n in zip(emissions, LENGTHS, strict=True):
        x = x[:n].copy()
        if n:
            x[0] += start
            x[-1] += end
        paths.append(BruteForce(x / temperature, transitions / temperature) if n else None)
    return paths


@pytest.mark.parametrize("chained", [False, True])
@pytest.mark.parametrize("temperature", [1.0, 2.5, "scheduled"])
def test_sums_match_all_paths(chained, temperature):
    value = tf.constant(0.5) if temperature == "scheduled" else temperature
    tempered = distribution(0, chained).tempered(value)
    marginals, transitions, norms = tempered.marginals(), tempered.expected_transitions(), tempered.log_norms()
    logs = tempered.log_marginals()
    assert np.isfinite(logs).all()
    for b, truth in enumerate(truths(0, chained, float(value))):
        if truth is None:
            assert norms[b] == 0
            assert not transitions[b].numpy().any()
            continue
        n = LENGTHS[b]
        np.testing.assert_allclose(marginals[b, :n], truth.marginals, atol=1e-5)
        np.testing.assert_allclose(logs[b, :n], np.log(truth.marginals), atol=1e-3)
        np.testing.assert_allclose(transitions[b], truth.expected_transitions, atol=1e-5)
        np.testing.assert_allclose(norms[b], truth.log_norm, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("chained", [False, True])
@pytest.mark.parametrize("others_chained", [False, True])
def test_expected_scores_are_the_mean_over_the_paths_of_another_distribution(chained, others_chained):
    other = distribution(1, others_chained)
    scores = distribution(0, chained).expected_scores(other.marginals(), other.expected_transitions())
    for value, own, theirs in zip(scores, truths(0, chained), truths(1, others_chained), strict=True):
        expected = 0.0 if own is None else (theirs.probabilities * own.scores).sum()
        np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("chained", [False, True])
def test_log_probabilities_of_all_paths_do_not_depend_on_the_padding(chained):
    every = np.array(list(itertools.product(range(TAGS), repeat=4)))
    logs = distribution(0, chained).log_probabilities(tf.constant(np.stack([every] * len(LENGTHS))))
    assert logs.shape == (len(LENGTHS), TAGS**4)
    for values, n, truth in zip(logs.numpy(), LENGTHS, truths(0, chained), strict=True):
        if truth is None:
            assert not values.any()
            continue
        expected = {tuple(p): np.log(q) for p, q in zip(truth.paths, truth.probabilities, strict=True)}
        np.testing.assert_allclose(values, [expected[tuple(path[:n])] for path in every], atol=1e-4)


@pytest.mark.parametrize("chained", [False, True])
def test_the_log_probability_of_allowed_tags_is_the_sum_over_their_paths(chained):
    allowed = np.random.default_rng(3).random((*MASK.shape, TAGS)) < 0.6
    allowed[..., 0] |= ~allowed.any(-1)
    logs = distribution(0, chained).log_probability_of(tf.constant(allowed))
    for value, own, truth, n in zip(logs.numpy(), allowed, truths(0, chained), LENGTHS, strict=True):
        has_allowed = [all(own[np.arange(n), list(path)]) for path in (truth.paths if truth else ())]
        expected = np.log(truth.probabilities[has_allowed].sum()) if truth else 0.0
        np.testing.assert_allclose(value, expected, atol=1e-5)


@pytest.mark.parametrize("chained", [False, True])
@pytest.mark.parametrize("scheme", [None, "iob2"])
@pytest.mark.parametrize("number", [1, 4, 40])
def test_best_paths_are_the_most_probable_allowed_paths(chained, scheme, number):
    start, transition, end = allowed_transitions(NAMES, scheme or "iob2")
    penalties = Chain(*(tf.constant(np.where(x, 0, -1e30), tf.float32) for x in (start, transition, end)))
    paths, logs = distribution(0, chained, penalties if scheme else None).best_paths(number)
    assert paths.shape == (len(LENGTHS), number, 4)

    def allowed(path):
        return start[path[0]] and end[path[-1]] and all(transition[i][j] for i, j in itertools.pairwise(path))

    for b, (n, truth) in enumerate(zip(LENGTHS, truths(0, chained), strict=True)):
        if truth is None:
            assert logs[b].numpy().tolist() == [0.0] + [-np.inf] * (number - 1)
            continue
        pairs = zip(truth.paths.tolist(), np.log(truth.probabilities), strict=True)
        best = sorted(((q, p) for p, q in pairs if not scheme or allowed(p)), reverse=True)[:number]
        assert len(best) < number or number < 40 or n == 4
        assert paths[b, : len(best), :n].numpy().tolist() == [path for _, path in best]
        np.testing.assert_allclose(logs[b, : len(best)], [q for q, _ in best], atol=1e-4)
        assert (logs[b, len(best) :].numpy() == -np.inf).all()


def test_a_tempered_distribution_keeps_the_constraints_of_the_scheme():
    penalties = Chain(*(tf.constant(x, tf.float32) for x in ([0, 0, -1e30], np.zeros((3, 3)), [0, 0, 0])))
    certain = TagDistribution(tf.constant([[[0.0, 1.0, 9.0]]]), tf.constant([[True]]), None, penalties)
    assert certain.tempered(100.0).best_paths(2)[0].numpy().tolist() == [[[1], [0]]]


@pytest.mark.parametrize("kind", [SoftmaxHead, CRFHead])
def test_the_distribution_of_a_head_matches_its_loss_and_its_decoding(kind):
    head = kind(NAMES)
    head.build((None, None, 4))
    rng = np.random.default_rng(3)
    for weight in head.trainable_weights[2:]:
        weight.assign(rng.normal(size=weight.shape))
    emissions = tf.constant(scores(0, False)[0], tf.float32)
    gold = rng.integers(0, TAGS, MASK.shape)
    with tf.GradientTape(persistent=True) as tape:
        distribution = head.distribution(emissions, tf.constant(MASK))
        loss = -tf.reduce_sum(distribution.log_probabilities(tf.constant(gold[:, None])))
        head_loss = head.summed_loss(emissions, gold, tf.constant(MASK))
    assert (distribution.chain is None) == (kind is SoftmaxHead)
    np.testing.assert_allclose(loss, head_loss, rtol=1e-4)
    for weight in head.trainable_weights[2:]:
        gradient, head_gradient = (tape.gradient(total, weight.value) for total in (loss, head_loss))
        assert np.abs(gradient).max() > 0.01
        np.testing.assert_allclose(gradient, head_gradient, atol=1e-4)
    tags, probabilities = head.decode(emissions, MASK)
    np.testing.assert_array_equal(np.where(MASK, distribution.best_paths(1)[0][:, 0], 0), tags)
    chosen = np.take_along_axis(distribution.marginals().numpy(), tags.numpy()[..., None], -1)[..., 0]
    np.testing.assert_allclose(np.where(MASK, chosen, 0), probabilities, atol=1e-5)
