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
    optimizer.apply([tf.reshape(tf.cast(gradient, tf.float32), [1, 1])] * 2, pair)


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


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize("inner", [keras.optimizers.SGD, keras.optimizers.Adam, Adam])
def test_accumulated_every_group_steps_by_its_sum_over_the_batches_of_all(inner, traced):
    optimizer, known = make(inner(0.5, gradient_accumulation_steps=3))
    alone = {name: inner(0.5) for name in known}
    apart = {name: keras.Variable(np.zeros((1, 1), "float32")) for name in known}
    of_task = {
        task: tf.function(lambda g, task=task: step(optimizer, known, task, g)) if traced else None for task in "ab"
    }
    # Task b comes seldom, never with the batch after which the groups step, and not at all in the second three.
    order = ["b", "a", "a", "a", "a", "a", "a", "b", "a"]
    for number, task in enumerate(order):
        gradient = float(number + 1)
        if traced:
            of_task[task](tf.constant(gradient))
        else:
            step(optimizer, known, task, gradient)
        if number % 3 == 2:
            three = list(enumerate(order[number - 2 : number + 1], number - 1))
            for name, variable in apart.items():
                own = [float(n) for n, t in three if name in ("shared", f"{t}_head")]
                if own:
                    alone[name].apply([tf.constant([[sum(own) / 3]])], [variable])
        for name, value in known.items():
            np.testing.assert_allclose(value.numpy(), apart[name].numpy(), rtol=1e-6, err_msg=f"{name} {number}")
    assert all(value.numpy() != 0.0 for value in known.values())
    assert int(optimizer.shared.iterations) == 3
    assert int(optimizer.tasks["b"].iterations) == 2


def test_accumulated_the_rate_follows_its_schedule_by_batches_as_keras_does():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([2, 4], [1.0, 0.1, 0.01])
    alone, variable = keras.optimizers.SGD(schedule, gradient_accumulation_steps=3), keras.Variable([[0.0]])
    optimizer, known = make(keras.optimizers.SGD(schedule, gradient_accumulation_steps=3))
    for task in "abaaab":
        step(optimizer, known, task)
        alone.apply([tf.constant([[1.0]])], [variable])
        np.testing.assert_allclose(known["shared"].numpy(), variable.numpy(), rtol=1e-6)
    # At the rates of the third and the sixth batch.
    np.testing.assert_allclose(known["b_head"].numpy(), -(0.1 + 0.01) / 3, rtol=1e-6)


def test_norm_is_clipped_over_the_whole_step():
    optimizer, known = make(keras.optimizers.SGD(1.0, global_clipnorm=1.0))
    optimizer.apply([tf.constant([[3.0]]), tf.constant([[4.0]])], [known["shared"], known["a_head"]])
    np.testing.assert_allclose(known["shared"].numpy(), -0.6, rtol=1e-6)
    np.testing.assert_allclose(known["a_head"].numpy(), -0.8, rtol=1e-6)


def test_norm_is_that_of_rows_summed():
    optimizer, known = make(keras.optimizers.SGD(1.0, global_clipnorm=1.0))
    twice = tf.IndexedSlices(tf.constant([[1.5], [1.5]]), tf.constant([0, 0]), tf.constant([1, 1]))
    optimizer.apply([twice, tf.constant([[4.0]])], [known["shared"], known["a_head"]])
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
