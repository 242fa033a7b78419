from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.layers.checks import check_layer
from tfkd.layers import CharacterBiLSTM, CharacterCNN

IDS = np.array([[[3, 4, 5, 0], [6, 0, 0, 0], [0, 0, 0, 0]], [[2, 2, 2, 2], [3, 4, 0, 0], [1, 0, 0, 0]]], "int32")


@pytest.mark.parametrize(("layer", "weights"), [(CharacterCNN(9, 6, 5), 3), (CharacterBiLSTM(9, 6, 5), 7)])
def test_does_what_every_layer_must(layer, weights, tmp_path):
    check_layer(layer, IDS, shape=(2, 3, 6), weights=weights, tmp_path=tmp_path)


@pytest.mark.parametrize("layer", [CharacterCNN(9, 6, 5), CharacterBiLSTM(9, 6, 5)])
def test_padding_characters_and_words_change_nothing(layer):
    vectors = layer(IDS).numpy()
    wider = layer(np.pad(IDS, ((0, 0), (0, 2), (0, 3)))).numpy()
    np.testing.assert_allclose(wider[:, :3], vectors, atol=1e-6)
    assert not vectors[0, 2].any()
    assert not wider[:, 3:].any()


def test_cnn_gives_the_numbers_of_a_convolution_by_hand():
    layer = CharacterCNN(9, 4, 3)
    got = layer(IDS).numpy()
    table, kernel, bias = (w.numpy() for w in (layer.embeddings, layer.kernel, layer.bias))
    word = [3, 4, 5]
    padded = np.concatenate([np.zeros((1, 3)), table[word], np.zeros((1, 3))])
    filtered = np.stack([np.einsum("ke,keu->u", padded[i : i + 3], kernel) for i in range(3)])
    np.testing.assert_allclose(got[0, 0], np.maximum(filtered.max(0) + bias, 0), atol=1e-6)


def test_bilstm_gives_the_numbers_of_keras_on_the_word_alone():
    layer = CharacterBiLSTM(9, 6, 5)
    got = layer(IDS).numpy()
    alone = layer.lstm(tf.constant(layer.embeddings.numpy()[[3, 4, 5]][None]))
    np.testing.assert_allclose(got[0, 0], alone[0], atol=1e-6)


def test_odd_units_are_refused():
    with pytest.raises(ValueError, match="even number, got 5"):
        CharacterBiLSTM(9, 5)


def test_longer_words_keep_their_gradient_under_xla():
    layer = CharacterCNN(9, 6, 5)
    layer(IDS)

    def gradient():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(layer(IDS)))
        return tape.gradient(loss, [w.value for w in layer.trainable_weights])

    for got, want in zip(tf.function(gradient, jit_compile=True)(), gradient(), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-5)
