"""The optimiser of several tasks: separate states, accumulation, clipping and schedules."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.callbacks import SwapEMAWeights

from tfkd.optimizers import Adam, TaskOptimizer
from tfkd_base.errors import TfkdError


def make_variables():
    """Return a variable of a shared layer and one of each task, named as in a model."""
    dense = {}
    for name in ("shared", "a_head", "b_head"):
        layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros", name=name)
        layer.build((None, 1))
        dense[name] = layer.kernel
    return dense


def make(inner):
    optimizer = TaskOptimizer(inner, {"a": ["a_head"], "b": ["b_head"]})
    variables = make_variables()
    optimizer.build(list(variables.values()))
    return optimizer, variables


def step(optimizer, variables, task, gradient=1.0):
    pair = [variables["shared"], variables[f"{task}_head"]]
    optimizer.apply([tf.reshape(tf.cast(gradient, tf.float32), [1, 1])] * 2, pair)


def test_the_first_step_of_a_late_task_is_corrected_as_a_first_step():
    optimizer, variables = make(keras.optimizers.Adam(0.01))
    for _ in range(50):
        step(optimizer, variables, "a")
    before = {v.path: v.numpy().copy() for v in optimizer.tasks["b"].variables}
    assert variables["b_head"].numpy() == 0.0
    assert all(not value.any() for path, value in before.items() if "learning_rate" not in path)
    step(optimizer, variables, "b")
    # With one counter for all tasks the step would be 0.0071.
    np.testing.assert_allclose(variables["b_head"].numpy(), -0.01, rtol=1e-4)
    assert int(optimizer.shared.iterations) == 51
    assert int(optimizer.iterations) == 51
    assert int(optimizer.tasks["a"].iterations) == 50
    assert int(optimizer.tasks["b"].iterations) == 1


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize("inner", [keras.optimizers.SGD, keras.optimizers.Adam, Adam])
def test_with_accumulation_every_group_steps_by_its_sum_over_all_batches(inner, traced):
    optimizer, variables = make(inner(0.5, gradient_accumulation_steps=3))
    separate = {name: inner(0.5) for name in variables}
    expected = {name: keras.Variable(np.zeros((1, 1), "float32")) for name in variables}
    traced_steps = {
        task: tf.function(lambda g, task=task: step(optimizer, variables, task, g), autograph=False) if traced else None
        for task in "ab"
    }
    # Task b is rare. It never has the batch after which the groups step, and none of the second three batches.
    order = ["b", "a", "a", "a", "a", "a", "a", "b", "a"]
    for number, task in enumerate(order):
        gradient = float(number + 1)
        if traced:
            traced_steps[task](tf.constant(gradient))
        else:
            step(optimizer, variables, task, gradient)
        if number % 3 == 2:
            three = list(enumerate(order[number - 2 : number + 1], number - 1))
            for name, variable in expected.items():
                own = [float(n) for n, t in three if name in ("shared", f"{t}_head")]
                if own:
                    separate[name].apply([tf.constant([[sum(own) / 3]])], [variable])
        for name, value in variables.items():
            np.testing.assert_allclose(value.numpy(), expected[name].numpy(), rtol=1e-6, err_msg=f"{name} {number}")
    assert all(value.numpy() != 0.0 for value in variables.values())
    assert int(optimizer.shared.iterations) == 3
    assert int(optimizer.tasks["b"].iterations) == 2


def test_with_accumulation_the_schedule_counts_batches_as_in_keras():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([2, 4], [1.0, 0.1, 0.01])
    alone, variable = keras.optimizers.SGD(schedule, gradient_accumulation_steps=3), keras.Variable([[0.0]])
    optimizer, variables = make(keras.optimizers.SGD(schedule, gradient_accumulation_steps=3))
    for task in "abaaab":
        step(optimizer, variables, task)
        alone.apply([tf.constant([[1.0]])], [variable])
        np.testing.assert_allclose(variables["shared"].numpy(), variable.numpy(), rtol=1e-6)
    # With the rates of the third and the sixth batch.
    np.testing.assert_allclose(variables["b_head"].numpy(), -(0.1 + 0.01) / 3, rtol=1e-6)


def test_norm_is_clipped_over_the_whole_step():
    optimizer, variables = make(keras.optimizers.SGD(1.0, global_clipnorm=1.0))
    optimizer.apply([tf.constant([[3.0]]), tf.constant([[4.0]])], [variables["shared"], variables["a_head"]])
    np.testing.assert_allclose(variables["shared"].numpy(), -0.6, rtol=1e-6)
    np.testing.assert_allclose(variables["a_head"].numpy(), -0.8, rtol=1e-6)


def test_norm_is_computed_from_summed_rows():
    optimizer, variables = make(keras.optimizers.SGD(1.0, global_clipnorm=1.0))
    duplicates = tf.IndexedSlices(tf.constant([[1.5], [1.5]]), tf.constant([0, 0]), tf.constant([1, 1]))
    optimizer.apply([duplicates, tf.constant([[4.0]])], [variables["shared"], variables["a_head"]])
    np.testing.assert_allclose(variables["shared"].numpy(), -0.6, rtol=1e-6)
    np.testing.assert_allclose(variables["a_head"].numpy(), -0.8, rtol=1e-6)


def test_all_follow_the_shared_learning_rate_and_its_schedule():
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([2], [1.0, 0.1])
    optimizer, variables = make(keras.optimizers.SGD(schedule))
    for task in "aaab":
        step(optimizer, variables, task)
    np.testing.assert_allclose(variables["b_head"].numpy(), -0.1, rtol=1e-6)
    optimizer, variables = make(keras.optimizers.SGD(1.0))
    optimizer.learning_rate = 0.25
    step(optimizer, variables, "b")
    np.testing.assert_allclose(variables["b_head"].numpy(), -0.25)


def test_serialization():
    optimizer, _ = make(Adam(0.02, global_clipnorm=3.0))
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(optimizer))
    assert type(copy) is TaskOptimizer
    assert type(copy.shared) is Adam
    assert copy.groups == optimizer.groups
    assert copy.step_clipnorm == 3.0
    assert copy.get_config() == optimizer.get_config()


def test_loss_scaling_skips_steps_on_overflow():
    inner, variables = make(keras.optimizers.SGD(1.0))
    scaled = keras.optimizers.LossScaleOptimizer(inner, initial_scale=8.0)
    scaled.build(list(variables.values()))
    pair = [variables["shared"], variables["a_head"]]
    scaled.apply([tf.constant([[8.0]])] * 2, pair)
    np.testing.assert_allclose(variables["a_head"].numpy(), -1.0)
    scaled.apply([tf.constant([[np.inf]])] * 2, pair)
    np.testing.assert_allclose(variables["a_head"].numpy(), -1.0)
    np.testing.assert_allclose(float(scaled.scale_loss(tf.constant(1.0))), 4.0)


def test_copies_have_what_get_config_does_not_hold():
    class Own(keras.optimizers.AdamW):
        def __init__(self, *args, factor=1.0, **kwargs):
            super().__init__(*args, **kwargs)
            self.factor = factor
            self._names = ["a"]

        def update_step(self, gradient, variable, learning_rate):
            super().update_step(self.factor * self.extra * gradient, variable, learning_rate)

    inner = Own(0.1, weight_decay=0.5, factor=3.0)
    inner.exclude_from_weight_decay(var_names=["kernel"])
    inner.extra = 0.5
    optimizer, variables = make(inner)
    for copy in optimizer.tasks.values():
        assert (copy.factor, copy.extra, copy._names) == (3.0, 0.5, ["a"])
        assert copy._names is not inner._names
        assert int(copy.iterations) == 0
    variables["a_head"].assign([[8.0]])
    step(optimizer, variables, "a", gradient=0.0)
    np.testing.assert_array_equal(variables["a_head"].numpy(), [[8.0]])

    listed = keras.optimizers.AdamW(0.1, weight_decay=0.5)
    variables = make_variables()
    listed.exclude_from_weight_decay(var_list=[variables["b_head"]])
    optimizer = TaskOptimizer(listed, {"a": ["a_head"], "b": ["b_head"]})
    optimizer.build(list(variables.values()))
    for variable in variables.values():
        variable.assign([[8.0]])
    for task in "ab":
        step(optimizer, variables, task, gradient=0.0)
    assert variables["a_head"].numpy() == pytest.approx(8.0 * 0.95)
    assert variables["b_head"].numpy() == 8.0


def test_an_optimizer_that_cannot_be_copied_is_refused():
    class Needy(keras.optimizers.SGD):
        def __init__(self, factor, **kwargs):
            super().__init__(**kwargs)

    with pytest.raises(TfkdError, match=r"cannot make one of Needy: .*'factor'.* Let `Needy.get_config` return"):
        TaskOptimizer(Needy(2.0), {"a": ["a_head"]})


def test_averages_are_those_of_each_group_and_a_task_without_steps_keeps_its_weights():
    optimizer, variables = make(keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.75))
    variables["b_head"].assign([[5.0]])
    for gradient in (-4.0, -4.0):
        step(optimizer, variables, "a", gradient)
    swap = SwapEMAWeights()
    swap.set_model(type("Model", (), {"optimizer": optimizer}))
    for expected in (5.0, 8.0):
        (swap.on_test_begin if expected == 5.0 else swap.on_test_end)()
        assert [variables[name].numpy().item() for name in ("shared", "a_head", "b_head")] == [expected, expected, 5.0]
    optimizer.finalize_variable_values(list(variables.values()))
    # The first average is the first value, 4; the second 0.75 * 4 + 0.25 * 8.
    assert variables["a_head"].numpy() == variables["shared"].numpy() == 5.0
    assert variables["b_head"].numpy() == 5.0
    assert [float(a.numpy().item()) for a in optimizer.moving_averages()] == [5.0, 5.0, 5.0]


@pytest.mark.parametrize("scale", [None, 8.0])
def test_a_scaled_loss_is_clipped_as_an_unscaled_one(scale):
    optimizer, variables = make(keras.optimizers.SGD(1.0, global_clipnorm=1.0, loss_scale_factor=scale))
    step(optimizer, variables, "a", gradient=3.0 * float(optimizer.scale_loss(tf.constant(1.0))))
    np.testing.assert_allclose(
        [variables[name].numpy().item() for name in ("shared", "a_head")], -(0.5**0.5), rtol=1e-5
    )
