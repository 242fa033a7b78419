"""A layer forwards and backwards, as a step to time."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from tfkd.benchmarks._turns import Step, warmed_up


def gradient_step(layer: keras.layers.Layer, inputs: tf.Tensor, mask: tf.Tensor | None = None) -> Step:
    """Make a step that runs a layer and takes the gradients by its weights, and by its inputs where there are any."""
    if isinstance(layer, keras.Sequential):
        inputs = tf.reshape(inputs, [-1, inputs.shape[-1]])
    call: Callable[[], tf.Tensor] = (lambda: layer(inputs)) if mask is None else (lambda: layer(inputs, mask=mask))
    call()
    sources = [w.value for w in layer.trainable_weights] + [inputs] * inputs.dtype.is_floating

    @tf.function(autograph=False)
    def gradients() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(tf.square(call()))
        return [tf.convert_to_tensor(g) for g in tape.gradient(loss, sources)]

    return warmed_up(lambda: gradients()[0].numpy())
