"""The schedule with a warm-up."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfkd.optimizers import Adam, WarmUp

FALL = keras.optimizers.schedules.PolynomialDecay(0.8, 4, 0.0)


def rates(schedule, steps):
    return [float(schedule(step)) for step in range(steps)]


@pytest.mark.parametrize(
    ("after", "steps", "expected"),
    [
        (0.4, 4, [0.1, 0.2, 0.3, 0.4, 0.4, 0.4]),
        (0.4, 1, [0.4, 0.4]),
        (0.4, 0, [0.4, 0.4]),
        # The warm-up ends at the first value of the schedule, which starts after it.
        (FALL, 2, [0.4, 0.8, 0.8, 0.6, 0.4, 0.2, 0.0, 0.0]),
        (FALL, 0, [0.8, 0.6, 0.4, 0.2, 0.0]),
    ],
)
def test_rates_rise_and_then_follow_the_schedule(after, steps, expected):
    schedule = WarmUp(after, steps)
    np.testing.assert_allclose(rates(schedule, len(expected)), expected, rtol=1e-6, atol=1e-8)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    assert type(copy) is WarmUp
    assert copy.get_config() == schedule.get_config()
    assert rates(copy, len(expected)) == rates(schedule, len(expected))
    in_graph = tf.function(schedule, autograph=False)
    np.testing.assert_allclose([float(in_graph(tf.constant(s))) for s in range(len(expected))], expected, atol=1e-7)


def test_an_optimizer_uses_and_saves_the_schedule():
    weight = keras.Variable(np.zeros((1,), "float32"))
    optimizer = keras.optimizers.SGD(WarmUp(FALL, 2))
    values = []
    for _ in range(6):
        optimizer.apply([tf.constant([-1.0])], [weight])
        values.append(float(weight.numpy()[0]))
    np.testing.assert_allclose(np.diff([0.0, *values]), rates(WarmUp(FALL, 2), 6), atol=1e-6)
    adam = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(Adam(WarmUp(FALL, 2))))
    assert type(adam) is Adam
    assert float(adam.learning_rate) == pytest.approx(0.4)
