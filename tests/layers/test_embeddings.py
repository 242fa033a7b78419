"""Embeddings of words and of characters."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.layers.checks import check_layer
from tfkd.layers import CharacterBiLSTM, CharacterCNN, WordEmbedding

IDS = np.array([[[3, 4, 5, 0], [6, 0, 0, 0], [0, 0, 0, 0]], [[2, 2, 2, 2], [3, 4, 0, 0], [1, 0, 0, 0]]], "int32")


@pytest.mark.parametrize(("layer", "weights"), [(CharacterCNN(9, 6, 5), 3), (CharacterBiLSTM(9, 6, 5), 7)])
def test_layer_contract_of_character_encoders(layer, weights, tmp_path):
    check_layer(layer, IDS, shape=(2, 3, 6), weights=weights, tmp_path=tmp_path)


@pytest.mark.parametrize("layer", [CharacterCNN(9, 6, 5), CharacterBiLSTM(9, 6, 5)])
def test_padding_characters_and_words_do_not_matter(layer):
    vectors = layer(IDS).numpy()
    wider = layer(np.pad(IDS, ((0, 0), (0, 2), (0, 3)))).numpy()
    np.testing.assert_allclose(wider[:, :3], vectors, atol=1e-6)
    assert not vectors[0, 2].any()
    assert not wider[:, 3:].any()


def test_cnn_matches_a_convolution_in_numpy():
    layer = CharacterCNN(9, 4, 3)
    got = layer(IDS).numpy()
    table, kernel, bias = (w.numpy() for w in (layer.embeddings, layer.kernel, layer.bias))
    word = [3, 4, 5]
    padded = np.concatenate([np.zeros((1, 3)), table[word], np.zeros((1, 3))])
    filtered = np.stack([np.einsum("ke,keu->u", padded[i : i + 3], kernel) for i in range(3)])
    np.testing.assert_allclose(got[0, 0], np.maximum(filtered.max(0) + bias, 0), atol=1e-6)


def test_bilstm_matches_keras_on_a_single_word():
    layer = CharacterBiLSTM(9, 6, 5)
    got = layer(IDS).numpy()
    alone = layer.lstm(tf.constant(layer.embeddings.numpy()[[3, 4, 5]][None]))
    np.testing.assert_allclose(got[0, 0], alone[0], atol=1e-6)


def test_odd_units_are_refused():
    with pytest.raises(ValueError, match="even number, got 5"):
        CharacterBiLSTM(9, 5)


def test_gradients_under_xla_are_the_same():
    layer = CharacterCNN(9, 6, 5)
    layer(IDS)

    def gradient():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(layer(IDS)))
        return tape.gradient(loss, [w.value for w in layer.trainable_weights])

    for got, want in zip(tf.function(gradient, jit_compile=True, autograph=False)(), gradient(), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-5)


def test_layer_contract_of_word_embeddings(tmp_path):
    check_layer(WordEmbedding(9, 4), np.array([[1, 8, 0]], "int32"), shape=(1, 3, 4), weights=1, tmp_path=tmp_path)


def test_the_vector_of_the_padding_is_zero_and_stays_zero():
    layer = WordEmbedding(5, 2)
    with tf.GradientTape() as tape:
        vectors = layer(tf.constant([[3, 0]]))
        loss = tf.reduce_sum(vectors)
    assert not np.any(vectors[0, 1])
    np.testing.assert_array_equal(vectors[0, 0], layer.embeddings[3])
    gradient = tf.convert_to_tensor(tape.gradient(loss, layer.embeddings.value))
    assert gradient.numpy().tolist() == [[0, 0], [0, 0], [0, 0], [1, 1], [0, 0]]


def test_gradient_names_only_the_rows_used():
    layer = WordEmbedding(1000, 2)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(tf.constant([[3, 7]])))
    gradient = tape.gradient(loss, layer.embeddings.value)
    assert isinstance(gradient, tf.IndexedSlices)
    assert gradient.indices.numpy().tolist() == [3, 7]


def test_word_dropout_replaces_known_words_only_in_training():
    layer = WordEmbedding(5, 3, word_dropout=0.4)
    ids = tf.constant([[4] * 5000 + [0] * 10])
    unknown, known = (layer(tf.constant([[i]]))[0, 0].numpy() for i in (1, 4))
    trained = layer(ids, training=True)[0].numpy()
    hidden = (trained[:5000] == unknown).all(-1)
    assert 0.37 < hidden.mean() < 0.43
    assert (trained[:5000][~hidden] == known).all()
    assert not trained[5000:].any()
    assert (layer(ids, training=False)[0, :5000].numpy() == known).all()
