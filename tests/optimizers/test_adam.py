from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfkd.optimizers import Adam
from tfkd.optimizers.adam import sum_rows

RNG = np.random.default_rng(0)


def steps(optimizer, start, gradients):
    variable = keras.Variable(start.copy())
    for gradient in gradients:
        optimizer.apply([gradient], [variable])
    return variable.numpy()


def adam_by_hand(start, gradients, rate=0.01, b1=0.9, b2=0.999, eps=1e-7):
    """Adam in NumPy float64, with epsilon where Keras has it."""
    x, m, v = start.astype(float), np.zeros_like(start, float), np.zeros_like(start, float)
    for t, g in enumerate(gradients, 1):
        m += (g - m) * (1 - b1)
        v += (g * g - v) * (1 - b2)
        x -= rate * np.sqrt(1 - b2**t) / (1 - b1**t) * m / (np.sqrt(v) + eps)
    return x


def test_is_keras_adam_for_dense_gradients():
    start = RNG.normal(size=(4, 3)).astype("float32")
    gradients = [tf.constant(RNG.normal(size=(4, 3)).astype("float32")) for _ in range(5)]
    np.testing.assert_allclose(
        steps(Adam(0.01), start, gradients), steps(keras.optimizers.Adam(0.01), start, gradients), atol=1e-6
    )
    np.testing.assert_allclose(
        steps(Adam(0.01), start, gradients), adam_by_hand(start, [g.numpy() for g in gradients]), atol=1e-6
    )


def test_rows_of_every_step_move_as_under_dense_adam():
    start = RNG.normal(size=(4, 3)).astype("float32")
    dense = [RNG.normal(size=(4, 3)).astype("float32") for _ in range(5)]
    # Each gradient in two halves and in another order, so that rows stand twice and must be summed.
    rows = np.array([2, 0, 3, 1, 0, 1, 2, 3])
    sparse = [tf.IndexedSlices(tf.constant(g[rows] / 2), tf.constant(rows), tf.constant([4, 3])) for g in dense]
    np.testing.assert_allclose(steps(Adam(0.01), start, sparse), adam_by_hand(start, dense), atol=1e-6)


@pytest.mark.parametrize("jit", [False, True])
def test_rows_that_a_batch_does_not_use_are_left_alone(jit):
    start = RNG.normal(size=(5, 2)).astype("float32")
    variable, optimizer = keras.Variable(start.copy()), Adam(0.01)
    optimizer.build([variable])

    @tf.function(jit_compile=jit)
    def step(values, rows):
        optimizer.apply([tf.IndexedSlices(values, rows, tf.constant([5, 2]))], [variable])

    used = [[1, 3, 1], [3, 3, 3], [4, 1, 4]]
    values = [RNG.normal(size=(3, 2)).astype("float32") for _ in used]
    for v, rows in zip(values, used, strict=True):
        step(tf.constant(v), tf.constant(rows))

    np.testing.assert_array_equal(variable.numpy()[[0, 2]], start[[0, 2]])
    moments = [v for v in optimizer.variables if v.shape == (5, 2)]
    assert len(moments) == 2
    for moment in moments:
        assert not moment.numpy()[[0, 2]].any()
    # Row 3 by hand: used in steps 1 and 2, as one summed gradient each.
    m = v = np.zeros(2)
    x = start[3].astype(float)
    for t, g in ((1, values[0][1]), (2, values[1].sum(0))):
        m, v = m + (g - m) * 0.1, v + (g * g - v) * 0.001
        x = x - 0.01 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (np.sqrt(v) + 1e-7)
    np.testing.assert_allclose(variable.numpy()[3], x, atol=1e-6)


def test_clipping_sees_the_true_norm_of_rows_that_stand_twice():
    variable, optimizer = keras.Variable(np.zeros((3, 1), "float32")), Adam(1.0, global_clipnorm=1.0)
    optimizer.build([variable])
    optimizer.apply(
        [tf.IndexedSlices(tf.constant([[3.0], [3.0], [8.0]]), tf.constant([1, 1, 2]), tf.constant([3, 1]))], [variable]
    )
    momentum = next(v for v in optimizer.variables if "momentum" in v.path)
    np.testing.assert_allclose(momentum.numpy()[:, 0], [0, 0.1 * 0.6, 0.1 * 0.8], atol=1e-6)


@pytest.mark.parametrize("indices", [[0], [0, 0, 0], [2, 1, 0], [7, 7, 0, 3, 3, 3]])
def test_sum_rows_has_the_same_dense_form(indices):
    values = RNG.normal(size=(len(indices), 2)).astype("float32")
    gradient = tf.IndexedSlices(tf.constant(values), tf.constant(indices), tf.constant([8, 2]))
    summed = sum_rows(gradient)
    np.testing.assert_allclose(tf.convert_to_tensor(summed), tf.convert_to_tensor(gradient), atol=1e-6)
    used = len(set(indices))
    assert summed.indices.numpy()[:used].tolist() == sorted(set(indices))
    assert not summed.values.numpy()[used:].any()


def test_saves_and_loads_in_a_config():
    optimizer = Adam(0.02, global_clipnorm=3.0)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(optimizer))
    assert type(again) is Adam
    assert again.get_config() == optimizer.get_config()
