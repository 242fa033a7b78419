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
        # The climb ends at the schedule's first value, and the schedule begins when it is over.
        (FALL, 2, [0.4, 0.8, 0.8, 0.6, 0.4, 0.2, 0.0, 0.0]),
        (FALL, 0, [0.8, 0.6, 0.4, 0.2, 0.0]),
    ],
)
def test_climbs_and_then_follows(after, steps, expected):
    schedule = WarmUp(after, steps)
    np.testing.assert_allclose(rates(schedule, len(expected)), expected, rtol=1e-6, atol=1e-8)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(schedule))
    assert type(again) is WarmUp
    assert again.get_config() == schedule.get_config()
    assert rates(again, len(expected)) == rates(schedule, len(expected))
    in_graph = tf.function(schedule, autograph=False)
    np.testing.assert_allclose([float(in_graph(tf.constant(s))) for s in range(len(expected))], expected, atol=1e-7)


def test_an_optimizer_takes_its_steps_and_is_loaded_with_it():
    weight = keras.Variable(np.zeros((1,), "float32"))
    optimizer = keras.optimizers.SGD(WarmUp(FALL, 2))
    places = []
    for _ in range(6):
        optimizer.apply([tf.constant([-1.0])], [weight])
        places.append(float(weight.numpy()[0]))
    np.testing.assert_allclose(np.diff([0.0, *places]), rates(WarmUp(FALL, 2), 6), atol=1e-6)
    adam = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(Adam(WarmUp(FALL, 2))))
    assert type(adam) is Adam
    assert float(adam.learning_rate) == pytest.approx(0.4)
