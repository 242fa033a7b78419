"""The bidirectional LSTM against the one of Keras, in values and gradients."""

from __future__ import annotations

import functools

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.layers.checks import check_layer
from tfkd.layers import BiLSTMLayer

RNG = np.random.default_rng(0)


def test_layer_contract(tmp_path):
    states = RNG.normal(size=(2, 4, 6)).astype("float32")
    check_layer(BiLSTMLayer(3), states, shape=(2, 4, 6), weights=3, tmp_path=tmp_path)


def keras_twin(layer: BiLSTMLayer, width: int) -> keras.layers.Bidirectional:
    """Return the layer of Keras with the same weights. Its gates have the order input, forget, cell, output."""
    u = layer.units
    order = np.r_[0 : 2 * u, 3 * u : 4 * u, 2 * u : 3 * u]
    twin = keras.layers.Bidirectional(keras.layers.LSTM(u, return_sequences=True))
    twin.build((None, None, width))
    by_direction = zip(*(w.numpy()[..., order] for w in layer.weights), strict=True)
    twin.set_weights([w for direction in by_direction for w in direction])
    return twin


WIDTH, UNITS = 5, 4


def run(model, x, mask, weight):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = model(x, mask=mask)
        total = tf.reduce_sum(y * weight)
    return y, *tape.gradient(total, [x, *(w.value for w in model.trainable_weights)])


@functools.cache
def layer_and_function(jit):
    """Return a layer with random weights, and one compiled function for all cases of the same shape."""
    layer = BiLSTMLayer(UNITS)
    layer.build((None, None, WIDTH))
    for w in layer.weights:
        w.assign(RNG.normal(size=w.shape) * 0.5)
    return layer, tf.function(functools.partial(run, layer), jit_compile=jit, autograph=False)


@pytest.mark.parametrize("lengths", [[7, 7, 7], [7, 3, 1], [1, 1, 1], [0, 5, 7]])
@pytest.mark.parametrize("jit", [False, True])
def test_values_and_gradients_equal_those_of_keras(lengths, jit):
    time, width, units = max(lengths), WIDTH, UNITS
    x = tf.constant(RNG.normal(size=(3, time, width)).astype("float32"))
    mask = tf.sequence_mask(lengths, time)
    weight = tf.constant(RNG.normal(size=(3, time, 2 * units)).astype("float32")) * tf.cast(mask, tf.float32)[..., None]
    layer, function = layer_and_function(jit)
    y, by_x, *by_weights = function(x, mask, weight)
    y_twin, by_x_twin, *by_weights_twin = run(keras_twin(layer, width), x, mask, weight)
    real = mask.numpy()
    np.testing.assert_allclose(y.numpy()[real], y_twin.numpy()[real], atol=1e-5)
    assert not y.numpy()[~real].any()
    np.testing.assert_allclose(by_x, by_x_twin, atol=1e-5)
    order = np.r_[0 : 2 * units, 3 * units : 4 * units, 2 * units : 3 * units]
    for ours, theirs in zip(by_weights, zip(by_weights_twin[:3], by_weights_twin[3:], strict=True), strict=True):
        np.testing.assert_allclose(ours.numpy()[..., order], np.stack(theirs), atol=5e-5)


def test_without_a_mask_every_token_is_real():
    x = tf.constant(RNG.normal(size=(2, 6, 3)).astype("float32"))
    layer = BiLSTMLayer(4)
    np.testing.assert_allclose(layer(x), layer(x, mask=tf.ones([2, 6], tf.bool)), atol=1e-6)


def test_initial_weights_follow_the_distributions_of_keras():
    layer = BiLSTMLayer(30)
    layer.build((None, None, 20))
    kernel, recurrent, bias = (w.numpy() for w in layer.weights)
    for direction in range(2):
        np.testing.assert_allclose(recurrent[direction] @ recurrent[direction].T, np.eye(30), atol=1e-4)
        assert np.abs(kernel[direction]).max() <= np.sqrt(6 / (20 + 120))
        assert bias[direction].tolist() == [0.0] * 30 + [1.0] * 30 + [0.0] * 60
    assert not np.array_equal(kernel[0], kernel[1])


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_gradients_in_mixed_precision_are_those_of_float32(policy):
    x = tf.constant(RNG.normal(size=(2, 5, 3)).astype("float32"))
    whole = BiLSTMLayer(4)
    whole(x)
    half = BiLSTMLayer(4, dtype=policy)
    half(x)
    half.set_weights(whole.get_weights())
    gradients = []
    for layer in (whole, half):
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(tf.square(tf.cast(layer(x), tf.float32)))
        gradients.append(tape.gradient(total, [w.value for w in layer.trainable_weights]))
    for a, b in zip(*gradients, strict=True):
        assert b.dtype == tf.float32
        np.testing.assert_allclose(b, a, atol=0.05 * float(tf.reduce_max(tf.abs(a))))


def test_saved_models_store_the_layer_under_its_old_name(tmp_path):
    """The class was called `BiLSTM`: its registered name and the path of its weights must not change."""
    layer = BiLSTMLayer(2)
    assert keras.saving.get_registered_name(BiLSTMLayer) == "tfkd>BiLSTM"
    inputs = keras.Input((None, 3))
    keras.Model(inputs, layer(inputs)).save_weights(tmp_path / "model.weights.h5")
    with h5py.File(tmp_path / "model.weights.h5") as file:
        assert set(file["layers"]) == {"bi_lstm", "input_layer"}
