from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfkd.optimizers import Adam, TaskOptimizer


def variables():
    """One variable of a shared layer and one of each task's, named as in a model."""
    dense = {}
    for name in ("shared", "a_head", "b_head"):
        layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros", name=name)
        layer.build((None, 1))
        dense[name] = layer.kernel
    return dense


def make(inner):
    optimizer = TaskOptimizer(inner, {"a": ["a_head"], "b": ["b_head"]})
    known = variables()
    optimizer.build(list(known.values()))
    return optimizer, known


def step(optimizer, known, task, gradient=1.0):
    pair = [known["shared"], known[f"{task}_head"]]
    optimizer.apply([tf.constant([[gradient]])] * 2, pair)


def test_a_tasks_first_step_is_a_first_step_however_late_it_comes():
    optimizer, known = make(keras.optimizers.Adam(0.01))
    for _ in range(500):
        step(optimizer, known, "a")
    before = {v.path: v.numpy().copy() for v in optimizer.tasks["b"].variables}
    assert known["b_head"].numpy() == 0.0
    assert all(not value.any() for path, value in before.items() if "learning_rate" not in path)
    step(optimizer, known, "b")
    # With one counter for all it would move 0.0199.
    np.testing.assert_allclose(known["b_head"].numpy(), -0.01, rtol=1e-4)
    assert int(optimizer.shared.iterations) == 501
    assert int(optimizer.iterations) == 501
    assert int(optimizer.tasks["a"].iterations) == 500
    assert int(optimizer.tasks["b"].iterations) == 1


@pytest.mark.parametrize("inner", [keras.optimizers.SGD, keras.optimizers.Adam, Adam])
def test_no_gradient_is_lost_in_accumulation(inner):
    rate = 0.5
    optimizer, known = make(inner(rate, gradient_accumulation_steps=3))
    apart = {name: keras.Variable(np.zeros((1, 1), "float32")) for name in known}
    alone = {name: inner(rate, gradient_accumulation_steps=3) for name in known}
    # Task b comes seldom, and never on a step that updates the shared layers.
    order = ["b", "a", "a", "a", "b", "a", "a", "b", "a"]
    for number, task in enumerate(order):
        gradient = float(number + 1)
        step(optimizer, known, task, gradient)
        for name in ("shared", f"{task}_head"):
            alone[name].apply([tf.constant([[gradient]])], [apart[name]])
    for name, value in known.items():
        np.testing.assert_allclose(value.numpy(), apart[name].numpy(), rtol=1e-6)
        assert value.numpy() != 0.0


def test_norm_is_clipped_over_the_whole_step():
    optimizer, known = make(keras.optimizers.SGD(1.0, global_clipnorm=1.0))
    optimizer.apply([tf.constant([[3.0]]), tf.constant([[4.0]])], [known["shared"], known["a_head"]])
    np.testing.assert_allclose(known["shared"].numpy(), -0.6, rtol=1e-6)
    np.testing.assert_allclose(known["a_head"].numpy(), -0.8, rtol=1e-6)


def test_all_follow_the_shared_learning_rate_and_its_schedule():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([2], [1.0, 0.1])
    optimizer, known = make(keras.optimizers.SGD(schedule))
    for task in "aaab":
        step(optimizer, known, task)
    np.testing.assert_allclose(known["b_head"].numpy(), -0.1, rtol=1e-6)
    optimizer, known = make(keras.optimizers.SGD(1.0))
    optimizer.learning_rate = 0.25
    step(optimizer, known, "b")
    np.testing.assert_allclose(known["b_head"].numpy(), -0.25)


def test_saves_and_loads_with_its_settings():
    optimizer, _ = make(Adam(0.02, global_clipnorm=3.0))
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(optimizer))
    assert type(again) is TaskOptimizer
    assert type(again.shared) is Adam
    assert again.groups == optimizer.groups
    assert again.step_clipnorm == 3.0
    assert again.get_config() == optimizer.get_config()


def test_loss_scaling_goes_around_it_and_steps_are_skipped_on_overflow():
    inner, known = make(keras.optimizers.SGD(1.0))
    scaled = keras.optimizers.LossScaleOptimizer(inner, initial_scale=8.0)
    scaled.build(list(known.values()))
    pair = [known["shared"], known["a_head"]]
    scaled.apply([tf.constant([[8.0]])] * 2, pair)
    np.testing.assert_allclose(known["a_head"].numpy(), -1.0)
    scaled.apply([tf.constant([[np.inf]])] * 2, pair)
    np.testing.assert_allclose(known["a_head"].numpy(), -1.0)
    np.testing.assert_allclose(float(scaled.scale_loss(tf.constant(1.0))), 4.0)
