"""Masks with holes and padding on the left: every layer, head and distribution gives what it gives without them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfkd.layers import (
    BiLSTMLayer,
    Chain,
    CharacterBiLSTM,
    CharacterCNN,
    CRFHead,
    PieceWindows,
    SoftmaxHead,
    TagDistribution,
    TagHead,
    WordPooling,
)
from tfkd.layers.packing import Packing

MASK = np.array([[0, 1, 0, 1, 1, 0], [1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1]], bool)
TAGS = ("O", "B-A", "I-A")


def plain(values: np.ndarray, row: int) -> np.ndarray:
    """Return the values of the real tokens of one sentence, as a batch without padding."""
    return values[row : row + 1, MASK[row]]


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def test_values_are_packed_and_unpacked_with_their_gradients() -> None:
    values = tf.constant(random(4, 6, 2))
    packing = Packing(tf.constant(MASK))
    with tf.GradientTape() as tape:
        tape.watch(values)
        packed = packing.pack(values)
        loss = tf.reduce_sum(packed * random(4, 6, 2, seed=1))
    for row in range(4):
        np.testing.assert_array_equal(packed[row, : MASK[row].sum()], values[row][MASK[row]])
    np.testing.assert_array_equal(packing.unpack(packed), values)
    np.testing.assert_array_equal(packing.pack(tape.gradient(loss, values)), random(4, 6, 2, seed=1))


def test_a_bilstm_reads_only_real_tokens() -> None:
    layer, values = BiLSTMLayer(3), random(4, 6, 5)
    output = layer(values, mask=tf.constant(MASK)).numpy()
    assert not output[~MASK].any()
    for row in (0, 1, 3):
        np.testing.assert_allclose(output[row][MASK[row]], layer(plain(values, row))[0], atol=1e-6)


@pytest.mark.parametrize("kind", [CharacterCNN, CharacterBiLSTM])
def test_characters_may_have_padding_anywhere(kind: Any) -> None:
    layer = kind(9, units=4)
    vectors = layer(np.array([[[5, 6, 7, 0, 0], [0, 5, 0, 6, 7], [0, 0, 5, 6, 7], [0, 0, 0, 0, 0]]], np.int32)).numpy()[
        0
    ]
    np.testing.assert_allclose(vectors[1], vectors[0], atol=1e-6)
    np.testing.assert_allclose(vectors[2], vectors[0], atol=1e-6)
    assert not vectors[3].any()


def test_subwords_may_have_padding_anywhere() -> None:
    windows = PieceWindows(positions=6, begin=8, end=9, padding=0, overlap=1)
    counts = np.array([[0, 2, 0, 3]], np.int32)
    states = random(2, 6, 3)
    ids, mask, places = windows(np.array([[1, 2, 3, 4, 5]], np.int32))
    for pieces in ([[-1, 1, 2, -1, 3, 4, 5]], [[-1, -1, 1, 2, 3, 4, 5]]):
        ids_2, mask_2, places_2 = windows(np.array(pieces, np.int32))
        for pooling in ("first", "mean"):
            expected = WordPooling(pooling)(states, places, counts)
            np.testing.assert_array_equal(WordPooling(pooling)(states, places_2[:, :5], counts), expected)
        width = ids.shape[1]
        np.testing.assert_array_equal(tf.boolean_mask(ids_2, mask_2)[: width * 2], tf.boolean_mask(ids, mask))


@pytest.mark.parametrize("compiled", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("kind", [SoftmaxHead, CRFHead])
def test_a_head_scores_and_decodes_only_real_tokens(kind: type[TagHead], compiled: bool) -> None:
    head = kind(TAGS)
    head.build((None, None, 2))
    head.set_weights([random(*w.shape, seed=i) for i, w in enumerate(head.weights)])
    emissions, gold = 3 * random(4, 6, 3, seed=7), np.where(MASK, np.arange(24).reshape(4, 6) % 3, -1)

    @tf.function(jit_compile=compiled)
    def compute(emissions: tf.Tensor, gold: tf.Tensor, mask: tf.Tensor) -> tuple[tf.Tensor, ...]:
        with tf.GradientTape() as tape:
            tape.watch(emissions)
            loss = head.summed_loss(emissions, gold, mask)
        return loss, tape.gradient(loss, emissions), *head.decode(emissions, mask)

    loss, gradient, tags, scores = (x.numpy() for x in compute(emissions, gold, MASK))
    total = 0.0
    for row in (0, 1, 3):
        length = int(MASK[row].sum())
        padding = [(0, 0), (0, 6 - length)]  # one shape, so that XLA compiles once
        alone = compute(
            np.pad(plain(emissions, row), [*padding, (0, 0)]),
            np.pad(plain(gold, row), padding),
            np.arange(6)[None] < length,
        )
        total += float(alone[0])
        for value, expected in zip((gradient, tags, scores), alone[1:], strict=True):
            np.testing.assert_allclose(value[row][MASK[row]], expected[0, :length], atol=1e-5)
    assert loss == pytest.approx(total, rel=1e-5)
    assert not tags[~MASK].any()
    assert not scores[~MASK].any()
    assert not gradient[~MASK].any()


@pytest.mark.parametrize("has_chain", [False, True], ids=["softmax", "crf"])
def test_a_distribution_is_over_the_real_tokens(has_chain: bool) -> None:
    chain = Chain(*map(tf.constant, (random(3), random(3, 3, seed=1), random(3, seed=2)))) if has_chain else None
    emissions, other = random(4, 6, 3, seed=3), random(4, 6, 3, seed=4)
    paths = np.arange(48).reshape(4, 2, 6) % 3

    def results(emissions: Any, other: Any, paths: Any, mask: Any) -> dict[str, np.ndarray]:
        own = TagDistribution(tf.constant(emissions), tf.constant(mask), chain)
        teacher = TagDistribution(tf.constant(other), tf.constant(mask), chain)
        best, scores = own.best_paths(3)
        return {
            "marginals": own.marginals().numpy(),
            "log_marginals": own.log_marginals().numpy(),
            "expected_transitions": own.expected_transitions().numpy(),
            "log_norms": own.log_norms().numpy(),
            "expected_scores": own.expected_scores(teacher.marginals(), teacher.expected_transitions()).numpy(),
            "log_probabilities": own.log_probabilities(tf.constant(paths)).numpy(),
            "best_paths": tf.transpose(best, [0, 2, 1]).numpy(),
            "best_scores": scores.numpy(),
        }

    holes = results(emissions, other, paths, MASK)
    for row in (0, 1, 3):
        real = MASK[row]
        alone = results(
            plain(emissions, row), plain(other, row), paths[row : row + 1, :, real], np.ones((1, real.sum()), bool)
        )
        for name, expected in alone.items():
            of_token = name in ("marginals", "log_marginals", "best_paths")
            value = holes[name][row][real] if of_token else holes[name][row]
            np.testing.assert_allclose(value, expected[0], atol=2e-5, err_msg=name)


def test_a_usual_mask_moves_nothing() -> None:
    packing = Packing(tf.sequence_mask([2, 0, 3], 3))
    values = tf.constant(random(3, 3, 2))
    np.testing.assert_array_equal(packing.pack(values), values)
    assert keras.ops.shape(packing.unpack(values)) == (3, 3, 2)
