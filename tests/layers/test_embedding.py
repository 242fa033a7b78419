from __future__ import annotations

import numpy as np
import tensorflow as tf

from tests.layers.checks import check_layer
from tfkd.layers import WordEmbedding


def test_does_what_every_layer_must(tmp_path):
    check_layer(WordEmbedding(9, 4), np.array([[1, 8, 0]], "int32"), shape=(1, 3, 4), weights=1, tmp_path=tmp_path)


def test_padding_is_zeros_and_learns_nothing():
    layer = WordEmbedding(5, 2)
    with tf.GradientTape() as tape:
        vectors = layer(tf.constant([[3, 0]]))
        loss = tf.reduce_sum(vectors)
    assert not np.any(vectors[0, 1])
    np.testing.assert_array_equal(vectors[0, 0], layer.embeddings[3])
    gradient = tf.convert_to_tensor(tape.gradient(loss, layer.embeddings.value))
    assert gradient.numpy().tolist() == [[0, 0], [0, 0], [0, 0], [1, 1], [0, 0]]


def test_gradient_names_the_rows_it_touches():
    layer = WordEmbedding(1000, 2)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(tf.constant([[3, 7]])))
    gradient = tape.gradient(loss, layer.embeddings.value)
    assert isinstance(gradient, tf.IndexedSlices)
    assert gradient.indices.numpy().tolist() == [3, 7]


def test_word_dropout_hides_known_words_in_training_only():
    layer = WordEmbedding(5, 3, word_dropout=0.4)
    ids = tf.constant([[4] * 5000 + [0] * 10])
    unknown, known = (layer(tf.constant([[i]]))[0, 0].numpy() for i in (1, 4))
    trained = layer(ids, training=True)[0].numpy()
    hidden = (trained[:5000] == unknown).all(-1)
    assert 0.37 < hidden.mean() < 0.43
    assert (trained[:5000][~hidden] == known).all()
    assert not trained[5000:].any()
    assert (layer(ids, training=False)[0, :5000].numpy() == known).all()
