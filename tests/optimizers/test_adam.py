"""Adam against Keras and against NumPy in float64, for dense gradients and for rows."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfkd.optimizers import Adam, AdamW

RNG = np.random.default_rng(0)


def apply_steps(optimizer, start, gradients):
    variable = keras.Variable(start.copy())
    for gradient in gradients:
        optimizer.apply([gradient], [variable])
    return variable.numpy()


def adam_by_hand(start, gradients, rate=0.01, b1=0.9, b2=0.999, eps=1e-7):
    """Compute Adam in NumPy float64, with epsilon in the place where Keras adds it."""
    x, m, v = start.astype(float), np.zeros_like(start, float), np.zeros_like(start, float)
    for t, g in enumerate(gradients, 1):
        m += (g - m) * (1 - b1)
        v += (g * g - v) * (1 - b2)
        x -= rate * np.sqrt(1 - b2**t) / (1 - b1**t) * m / (np.sqrt(v) + eps)
    return x


def test_dense_gradients_match_keras_and_numpy():
    start = RNG.normal(size=(4, 3)).astype("float32")
    gradients = [tf.constant(RNG.normal(size=(4, 3)).astype("float32")) for _ in range(5)]
    np.testing.assert_allclose(
        apply_steps(Adam(0.01), start, gradients), apply_steps(keras.optimizers.Adam(0.01), start, gradients), atol=1e-6
    )
    np.testing.assert_allclose(
        apply_steps(Adam(0.01), start, gradients), adam_by_hand(start, [g.numpy() for g in gradients]), atol=1e-6
    )


def test_row_gradients_of_all_rows_match_dense_gradients():
    start = RNG.normal(size=(4, 3)).astype("float32")
    dense = [RNG.normal(size=(4, 3)).astype("float32") for _ in range(5)]
    # Each row occurs twice, with half of its gradient and in another order, so the halves must be summed.
    rows = np.array([2, 0, 3, 1, 0, 1, 2, 3])
    sparse = [tf.IndexedSlices(tf.constant(g[rows] / 2), tf.constant(rows), tf.constant([4, 3])) for g in dense]
    np.testing.assert_allclose(apply_steps(Adam(0.01), start, sparse), adam_by_hand(start, dense), atol=1e-6)


@pytest.mark.parametrize("jit", [False, True])
def test_unused_rows_do_not_change(jit):
    start = RNG.normal(size=(5, 2)).astype("float32")
    variable, optimizer = keras.Variable(start.copy()), Adam(0.01)
    optimizer.build([variable])

    @tf.function(jit_compile=jit, autograph=False)
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
    # Compute row 3 in NumPy: steps 1 and 2 use it, with one summed gradient each.
    m = v = np.zeros(2)
    x = start[3].astype(float)
    for t, g in ((1, values[0][1]), (2, values[1].sum(0))):
        m, v = m + (g - m) * 0.1, v + (g * g - v) * 0.001
        x = x - 0.01 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (np.sqrt(v) + 1e-7)
    np.testing.assert_allclose(variable.numpy()[3], x, atol=1e-6)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("kind", [Adam, AdamW])
def test_accumulated_row_gradients_match_one_large_batch(kind, jit):
    start = RNG.normal(size=(5, 2)).astype("float32")
    parts = [(RNG.normal(size=(3, 2)).astype("float32"), np.array(rows)) for rows in ([1, 3, 1], [3, 0, 3])] * 2

    def gradient(values, rows):
        return tf.IndexedSlices(tf.convert_to_tensor(values), tf.convert_to_tensor(rows), tf.constant([5, 2]))

    several, once = keras.Variable(start.copy()), keras.Variable(start.copy())
    accumulating, plain = kind(0.01, gradient_accumulation_steps=2), kind(0.01)
    accumulating.build([several])
    step = tf.function(
        lambda values, rows: accumulating.apply([gradient(values, rows)], [several]), jit_compile=jit, autograph=False
    )
    for values, rows in parts:
        step(values, rows)
    for (values, rows), (more, others) in zip(parts[::2], parts[1::2], strict=True):
        both = gradient(np.concatenate([values, more]) / 2, np.concatenate([rows, others]))
        plain.apply([both], [once])
    np.testing.assert_allclose(several.numpy(), once.numpy(), atol=1e-6)
    np.testing.assert_array_equal(several.numpy()[[2, 4]], start[[2, 4]])
    assert (several.numpy() != start)[[0, 1, 3]].all()


@pytest.mark.parametrize(
    ("clipping", "clipped"),
    [({"global_clipnorm": 1.0}, [0.6, 0.8]), ({"clipnorm": 1.0}, [0.6, 0.8]), ({"clipvalue": 7.0}, [6.0, 7.0])],
)
def test_clipping_applies_to_summed_rows(clipping, clipped):
    variable, optimizer = keras.Variable(np.zeros((4, 1), "float32")), Adam(1.0, **clipping)
    optimizer.build([variable])

    def step(values, rows):
        optimizer.apply([tf.IndexedSlices(tf.constant(values), tf.constant(rows), tf.constant([4, 1]))], [variable])

    step([[3.0], [3.0], [8.0]], [1, 1, 2])
    momentum = next(v for v in optimizer.variables if "momentum" in v.path)
    np.testing.assert_allclose(momentum.numpy()[:, 0], [0, *(0.1 * np.array(clipped)), 0], atol=1e-6)
    before = variable.numpy()[1:3]
    step([[0.5]], [3])
    np.testing.assert_array_equal(variable.numpy()[1:3], before)


def test_row_and_dense_gradients_are_clipped_together():
    table, dense = keras.Variable(np.zeros((2, 1), "float32")), keras.Variable(np.zeros(1, "float32"))
    optimizer = Adam(1.0, global_clipnorm=1.0)
    optimizer.build([table, dense])
    rows = tf.IndexedSlices(tf.constant([[3.0], [3.0]]), tf.constant([1, 1]), tf.constant([2, 1]))
    optimizer.apply([rows, tf.constant([8.0])], [table, dense])
    moments = [v.numpy().ravel().tolist() for v in optimizer.variables if "momentum" in v.path]
    np.testing.assert_allclose(moments[0], [0, 0.06], atol=1e-6)
    np.testing.assert_allclose(moments[1], [0.08], atol=1e-6)


def test_serialization():
    optimizer = Adam(0.02, global_clipnorm=3.0)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(optimizer))
    assert type(copy) is Adam
    assert copy.get_config() == optimizer.get_config()


def test_a_row_first_used_late_moves_by_the_documented_multiple_of_the_rate():
    optimizer, table = Adam(1e-3), keras.Variable(np.zeros((2, 1), "float32"))
    optimizer.build([table])
    for step, factor in ((1, 1.0), (3000, 3.0827), (100_000, 3.1623)):
        table.assign([[0.0], [0.0]])
        for variable in optimizer.variables[2:]:
            variable.assign(tf.zeros_like(variable))
        optimizer.iterations.assign(step - 1)
        optimizer.apply([tf.IndexedSlices(tf.constant([[0.5]]), tf.constant([1]), tf.constant([2, 1]))], [table])
        np.testing.assert_allclose(table.numpy(), [[0.0], [-factor * 1e-3]], rtol=1e-3)
