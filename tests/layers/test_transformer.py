"""Transformer layers against NumPy in float64, in values and gradients."""

from __future__ import annotations

import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.layers.checks import check_layer
from tests.numeric import numeric_gradient
from tfkd.layers import PieceEmbedding, TransformerLayer

RNG = np.random.default_rng(0)
MASK = np.array([[True] * 5, [True] * 3 + [False] * 2, [True] + [False] * 4])
erf = np.vectorize(math.erf)
BY_HAND = {
    "gelu": lambda x: x * (1 + erf(x / np.sqrt(2))) / 2,
    "gelu_approximate": lambda x: x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2,
    "relu": lambda x: np.maximum(x, 0),
    "silu": lambda x: x / (1 + np.exp(-x)),
}


@pytest.fixture(autouse=True)
def reset_random_numbers(monkeypatch):
    monkeypatch.setitem(globals(), "RNG", np.random.default_rng(1))


@keras.saving.register_keras_serializable("tests")
class States(TransformerLayer):
    """Layer that returns only its states, as `check_layer` expects."""

    def call(self, states, mask, training=False):
        return super().call(states, mask, training)[0]

    def compute_output_spec(self, states, mask, training=False):
        return super().compute_output_spec(states, mask, training)[0]


def randomize(layer, *shape, scale=0.4):
    """Build a layer and give it random weights."""
    layer.build(shape)
    rng = np.random.default_rng(0)
    for weight in layer.trainable_weights:
        weight.assign(rng.normal(size=weight.shape) * scale + ("scale" in weight.name))
    return layer


def read_weights(layer):
    return {w.name: w.numpy().astype(float) for w in layer.trainable_weights}


def normalise(x, scale, offset, epsilon=1e-12):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon) * scale + offset


def compute_by_hand(w, x, mask, heads=2, activation="gelu", epsilon=1e-12):
    """Compute a layer with these weights, one head and one row after another."""
    units = x.shape[-1]
    width = units // heads
    parts = np.split(x @ w["query_key_value_kernel"] + w["query_key_value_bias"], 3, axis=-1)
    output, attention = np.zeros_like(x), np.zeros((len(x), heads, x.shape[1], x.shape[1]))
    for row, head in np.ndindex(len(x), heads):
        query, key, value = (part[row, :, head * width : (head + 1) * width] for part in parts)
        scores = np.exp(query @ key[mask[row]].T / np.sqrt(width))
        attention[row, head][:, mask[row]] = scores / scores.sum(-1, keepdims=True)
        output[row, :, head * width : (head + 1) * width] = attention[row, head] @ value
    output = output @ w["attention_output_kernel"] + w["attention_output_bias"]
    x = normalise(x + output, w["attention_scale"], w["attention_offset"], epsilon)
    inner = BY_HAND[activation](x @ w["inner_kernel"] + w["inner_bias"])
    x = x + inner @ w["outer_kernel"] + w["outer_bias"]
    return normalise(x, w["scale"], w["offset"], epsilon), attention


def test_layer_contract(tmp_path):
    states = RNG.normal(size=(3, 5, 6)).astype("float32")
    layer = randomize(States(6, heads=3, inner_units=8), 3, 5, 6)
    check_layer(layer, states, MASK, shape=(3, 5, 6), weights=12, tmp_path=tmp_path)
    embedding = randomize(PieceEmbedding(pieces=9, positions=7, units=6), 2, 4)
    ids = np.array([[3, 0, 3, 8], [1, 2, 0, 0]], "int32")
    check_layer(embedding, ids, shape=(2, 4, 6), weights=5, tmp_path=tmp_path)


@pytest.mark.parametrize("activation", BY_HAND)
@pytest.mark.parametrize("heads", [1, 2, 3])
def test_matches_numpy(activation, heads):
    layer = randomize(TransformerLayer(6, heads, inner_units=10, activation=activation, epsilon=0.01), 3, 5, 6)
    x = RNG.normal(size=(3, 5, 6)).astype("float32")
    states, attention = layer(x, MASK)
    expected, weights = compute_by_hand(read_weights(layer), x.astype(float), MASK, heads, activation, 0.01)
    np.testing.assert_allclose(states.numpy()[MASK], expected[MASK], atol=2e-5)
    np.testing.assert_allclose(attention, weights, atol=1e-6)
    assert attention.dtype == tf.float32


def test_embedding_matches_numpy_and_its_gradient_names_the_rows_used():
    layer = randomize(PieceEmbedding(pieces=9, positions=7, units=6, epsilon=0.01), 2, 4)
    ids = np.array([[3, 0, 3, 8], [1, 2, 0, 0]])
    w = read_weights(layer)
    expected = normalise(w["pieces"][ids] + w["positions"][:4] + w["segment"], w["scale"], w["offset"], 0.01)
    upstream = RNG.normal(size=(2, 4, 6))
    with tf.GradientTape() as tape:
        vectors = layer(tf.constant(ids, tf.int32))
        total = tf.reduce_sum(vectors * tf.cast(upstream, tf.float32))
    np.testing.assert_allclose(vectors, expected, atol=2e-6)
    gradient = tape.gradient(total, layer.piece_vectors.value)
    assert isinstance(gradient, tf.IndexedSlices)
    assert gradient.indices.numpy().tolist() == ids.ravel().tolist()

    def loss(pieces):
        x = pieces[ids] + w["positions"][:4] + w["segment"]
        return (normalise(x, w["scale"], w["offset"], 0.01) * upstream).sum()

    np.testing.assert_allclose(tf.convert_to_tensor(gradient), numeric_gradient(loss, w["pieces"]), atol=1e-4)


@pytest.fixture(scope="module")
def layer():
    return randomize(TransformerLayer(4, heads=2, inner_units=6), 3, 5, 4)


def gradients(layer, x, upstream, of_attention, jit=None):
    """Return states, attention, and the gradients of a sum of both with respect to input and weights."""

    def run():
        with tf.GradientTape() as tape:
            tape.watch(x)
            states, attention = layer(x, MASK)
            total = tf.reduce_sum(states * upstream) + tf.reduce_sum(attention * of_attention)
        return states, attention, *tape.gradient(total, [x, *(w.value for w in layer.trainable_weights)])

    return (run if jit is None else tf.function(run, jit_compile=jit, autograph=False))()


def test_gradients_match_finite_differences_with_and_without_xla(layer):
    x = tf.constant(RNG.normal(size=(3, 5, 4)).astype("float32"))
    upstream = (RNG.normal(size=(3, 5, 4)) * MASK[..., None]).astype("float32")
    of_attention = (RNG.normal(size=(3, 2, 5, 5)) * MASK[:, None, :, None]).astype("float32")
    states, attention, by_x, *by_weights = gradients(layer, x, upstream, of_attention)
    w = read_weights(layer)

    def loss(states, weights):
        output, attention = compute_by_hand(weights, states, MASK)
        return (output * upstream).sum() + (attention * of_attention).sum()

    exact = x.numpy().astype(float)
    np.testing.assert_allclose(by_x, numeric_gradient(lambda value: loss(value, w), exact), atol=1e-3, rtol=1e-3)
    for weight, gradient in zip(layer.trainable_weights, by_weights, strict=True):
        expected = numeric_gradient(lambda value, name=weight.name: loss(exact, {**w, name: value}), w[weight.name])
        np.testing.assert_allclose(gradient, expected, atol=1e-3, rtol=1e-3, err_msg=weight.name)
    compiled = gradients(layer, x, upstream, of_attention, jit=True)
    for with_xla, without in zip(compiled, (states, attention, by_x, *by_weights), strict=True):
        np.testing.assert_allclose(with_xla, without, atol=2e-4, rtol=1e-4)


def test_values_in_the_padding_do_not_matter(layer):
    x = RNG.normal(size=(3, 5, 4)).astype("float32")
    other = np.where(MASK[..., None], x, RNG.normal(size=x.shape) * 1000).astype("float32")
    (states, attention), (other_states, other_attention) = layer(x, MASK), layer(other, MASK)
    np.testing.assert_allclose(other_states.numpy()[MASK], states.numpy()[MASK], atol=1e-6)
    queries = np.broadcast_to(MASK[:, None, :], (3, 2, 5))
    np.testing.assert_allclose(other_attention.numpy()[queries], attention.numpy()[queries], atol=1e-6)
    assert not attention.numpy()[np.broadcast_to(~MASK[:, None, None], (3, 2, 5, 5))].any()
    assert np.isfinite(other_states).all()
    # A row with one real subword attends only to this subword.
    np.testing.assert_allclose(attention[2, :, :, 0], np.ones((2, 5)), atol=1e-6)
    short = layer(x[1:2, :3], MASK[1:2, :3])[0]
    np.testing.assert_allclose(short[0], states[1, :3], atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_gradients_in_mixed_precision_match_float32(policy, layer):
    x = tf.constant(RNG.normal(size=(3, 5, 4)).astype("float32"))
    upstream = (RNG.normal(size=(3, 5, 4)) * MASK[..., None]).astype("float32")
    half = TransformerLayer(4, heads=2, inner_units=6, dtype=policy)
    half.build(x.shape)
    half.set_weights(layer.get_weights())
    gradients = []
    for each in (layer, half):
        with tf.GradientTape() as tape:
            states, attention = each(tf.cast(x, each.compute_dtype), MASK)
            assert (states.dtype, attention.dtype) == (each.compute_dtype, tf.float32)
            total = tf.reduce_sum(tf.cast(states, tf.float32) * upstream)
        gradients.append(tape.gradient(total, [w.value for w in each.trainable_weights]))
    for exact, rounded in zip(*gradients, strict=True):
        assert rounded.dtype == tf.float32
        np.testing.assert_allclose(rounded, exact, atol=0.06 * float(tf.reduce_max(tf.abs(exact))) + 0.02)


def test_dropout_applies_only_in_training_and_not_to_the_returned_attention():
    keras.utils.set_random_seed(1)
    x = RNG.normal(size=(3, 5, 8)).astype("float32")
    ids = tf.constant([[1, 2, 3, 4]])
    dropping, plain = (randomize(TransformerLayer(8, 2, 16, dropout=rate), 3, 5, 8) for rate in (0.5, 0.0))
    plain.set_weights(dropping.get_weights()[: len(plain.weights)])
    expected = plain(x, MASK, training=True)
    np.testing.assert_array_equal(dropping(x, MASK)[0], expected[0])
    first, second = (dropping(x, MASK, training=True) for _ in range(2))
    assert not np.allclose(first[0], expected[0], atol=0.01)
    assert not np.allclose(first[0], second[0], atol=0.01)
    np.testing.assert_array_equal(first[1], expected[1])
    embedding = randomize(PieceEmbedding(pieces=9, positions=7, units=40, dropout=0.5), 1, 4)
    assert (embedding(ids).numpy() != 0).all()
    dropped = embedding(ids, training=True).numpy()
    assert 0.3 < (dropped == 0).mean() < 0.7
    np.testing.assert_allclose(dropped[dropped != 0], 2 * embedding(ids).numpy()[dropped != 0], rtol=1e-5)


def test_initial_weights_follow_bert():
    layer = TransformerLayer(40, heads=4, inner_units=80)
    layer.build((None, None, 40))
    for weight in layer.trainable_weights:
        value = weight.numpy()
        if weight.name.endswith("kernel"):
            assert 0.015 < value.std() < 0.02
        else:
            assert (value == weight.name.endswith("scale")).all()
