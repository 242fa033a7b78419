from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.layers.checks import check_layer
from tests.layers.test_crf import BruteForce
from tfkd.layers import CRFHead, SoftmaxHead
from tfkd_base.corpora import allowed_transitions, tag_list

TAGS = ("O", "B-X", "I-X")


@pytest.mark.parametrize(("layer", "weights"), [(SoftmaxHead(TAGS), 2), (CRFHead(TAGS), 5)])
def test_layer_contract(layer, weights, tmp_path):
    states = np.random.default_rng(0).normal(size=(2, 4, 6)).astype("float32")
    layer(states)
    check_layer(layer, states, shape=(2, 4, 3), weights=weights, learned=2, tmp_path=tmp_path)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_crf_head_loss_matches_all_paths_in_every_precision(policy):
    head = CRFHead(TAGS, dtype=policy)
    states = np.random.default_rng(1).normal(size=(2, 4, 6)).astype("float32")
    emissions = head(states)
    assert emissions.dtype == tf.float32
    rng = np.random.default_rng(2)
    for weight in (head.start, head.transitions, head.end):
        weight.assign(rng.normal(size=weight.shape))
    mask = np.array([[True] * 4, [True, True, False, False]])
    gold = np.array([[0, 1, 2, 0], [1, 2, -1, -1]])
    got = float(head.summed_loss(emissions, gold, mask, np.array([1.0, 3.0], "float32")))
    expected = 0.0
    for b, (length, weight) in enumerate(((4, 1.0), (2, 3.0))):
        x = emissions[b, :length].numpy().astype(float)
        x[0] += head.start.numpy()
        x[-1] += head.end.numpy()
        truth = BruteForce(x, head.transitions.numpy())
        expected -= weight * np.log(truth.probabilities[truth.paths.tolist().index(gold[b, :length].tolist())])
    np.testing.assert_allclose(got, expected, rtol=1e-4)
    tags, scores = head.decode(emissions, mask)
    assert tags.shape == scores.shape == (2, 4)
    np.testing.assert_array_equal(head.best_tags(emissions, mask), tags)


def test_crf_head_learns_start_transitions_and_end():
    head = CRFHead(TAGS)
    states = np.random.default_rng(1).normal(size=(2, 3, 4)).astype("float32")
    mask, gold = np.ones((2, 3), bool), np.array([[0, 1, 2], [1, 0, 0]])
    with tf.GradientTape() as tape:
        loss = head.summed_loss(head(states), gold, mask)
    gradients = tape.gradient(loss, [w.value for w in head.trainable_weights])
    assert all(np.abs(g).sum() > 1e-3 for g in gradients)


def test_softmax_head_loss_is_the_cross_entropy_of_real_tokens():
    head = SoftmaxHead(TAGS)
    x = np.random.default_rng(3).normal(size=(2, 3, 3)).astype("float32")
    mask = np.array([[True, True, True], [True, False, False]])
    gold = np.array([[0, 2, 1], [1, -1, -1]])
    log_p = x - np.log(np.exp(x).sum(-1, keepdims=True))
    losses = [[-log_p[0, 0, 0], -log_p[0, 1, 2], -log_p[0, 2, 1]], [-log_p[1, 0, 1]]]
    np.testing.assert_allclose(head.summed_loss(x, gold, mask), sum(map(sum, losses)), rtol=1e-5)
    by_sentence = head.summed_loss(x, gold, mask, np.array([2.0, 0.5], "float32"))
    np.testing.assert_allclose(by_sentence, 2 * sum(losses[0]) + 0.5 * sum(losses[1]), rtol=1e-5)
    tokens = np.array([[1, 0, 2], [3, 9, 9]], "float32")
    by_token = head.summed_loss(x, gold, mask, tokens)
    np.testing.assert_allclose(by_token, losses[0][0] + 2 * losses[0][2] + 3 * losses[1][0], rtol=1e-5)


def test_crf_head_refuses_token_weights():
    head = CRFHead(TAGS)
    emissions = head(np.zeros((1, 2, 4), "float32"))
    with pytest.raises(ValueError, match="whole sentences"):
        head.summed_loss(emissions, np.zeros((1, 2)), np.ones((1, 2), bool), tf.ones([1, 2]))


@functools.cache
def heads_and_decoders(scheme):
    """Return the tags of a scheme, both heads, and one traced decoding function for each."""
    tags = tag_list(["X"], scheme)
    heads = SoftmaxHead(tags, scheme), CRFHead(tags, scheme)
    heads[1].build((None, None, 4))
    specs = [tf.TensorSpec([1, None, len(tags)]), tf.TensorSpec([1, None], tf.bool)]
    return tags, heads, [tf.function(head.decode, input_signature=specs) for head in heads]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), scheme=st.sampled_from(["iob2", "iobes"]), length=st.integers(1, 4))
def test_both_heads_decode_the_best_allowed_path(seed, scheme, length):
    tags, (_, crf), (decode_softmax, decode_crf) = heads_and_decoders(scheme)
    start, transition, end = allowed_transitions(tags, scheme)
    rng = np.random.default_rng(seed)
    x = (rng.normal(size=(1, length + 2, len(tags))) * 3).astype("float32")
    mask = np.array([[True] * length + [False] * 2])
    for weight in (crf.start, crf.transitions, crf.end):
        weight.assign(rng.normal(size=weight.shape))

    def valid(path):
        pairs = itertools.pairwise(path)
        return start[path[0]] and end[path[-1]] and all(transition[a][b] for a, b in pairs)

    paths = [p for p in itertools.product(range(len(tags)), repeat=length) if valid(p)]
    plain = [sum(x[0, t, k] for t, k in enumerate(p)) for p in paths]
    a, s, e = crf.transitions.numpy(), crf.start.numpy(), crf.end.numpy()
    chained = [
        score + s[p[0]] + e[p[-1]] + sum(a[i, j] for i, j in itertools.pairwise(p))
        for p, score in zip(paths, plain, strict=True)
    ]
    for decode, scores in ((decode_softmax, plain), (decode_crf, chained)):
        decoded, probability = decode(x, mask)
        assert tuple(decoded[0, :length].numpy()) == paths[int(np.argmax(scores))]
        assert not decoded[0, length:].numpy().any()
        assert not probability[0, length:].numpy().any()
    bounded = x[0, :length].astype(float)
    bounded[0] += s
    bounded[-1] += e
    decoded, probability = decode_crf(x, mask)
    marginals = BruteForce(bounded, a).marginals
    np.testing.assert_allclose(
        probability[0, :length], marginals[np.arange(length), decoded[0, :length].numpy()], atol=1e-4
    )


def test_a_tag_outside_the_scheme_is_refused():
    with pytest.raises(ValueError, match="Q-X"):
        SoftmaxHead(("O", "Q-X"))
