"""Steps to time: a training step, a layer with its gradients, the matrix products of a BiLSTM."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from benchmarks._turns import Step, warm_up


def training_step(model: keras.Model, batch: Any) -> Callable[[Any], Any]:
    """Trace a model's training step once for batches of any shape, as `fit` does."""
    spec = tf.nest.map_structure(lambda t: tf.TensorSpec([None] * len(t.shape), t.dtype), batch)
    traced: Callable[[Any], Any] = tf.function(model.train_step, autograph=False).get_concrete_function(spec)
    return traced


def gradient_step(layer: keras.layers.Layer, inputs: tf.Tensor, mask: tf.Tensor | None = None) -> Step:
    """Return a step that runs a layer and computes the gradients of its weights and of real-valued inputs."""
    if isinstance(layer, keras.Sequential):
        inputs = tf.reshape(inputs, [-1, inputs.shape[-1]])
    call: Callable[[], tf.Tensor] = (lambda: layer(inputs)) if mask is None else (lambda: layer(inputs, mask=mask))
    call()
    sources = [w.value for w in layer.trainable_weights] + [inputs] * inputs.dtype.is_floating

    @tf.function(autograph=False)
    def gradients() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            if inputs.dtype.is_floating:
                tape.watch(inputs)
            loss = tf.reduce_sum(tf.square(call()))
        return [tf.convert_to_tensor(g) for g in tape.gradient(loss, sources)]

    return warm_up(lambda: gradients()[0].numpy())


def bilstm_products(batch: int, time: int, width: int, units: int) -> Step:
    """Return a step with only the matrix products of a BiLSTM's gradient step.

    For each direction: those of the inputs, the recurrent ones one after another, and those for the gradients of
    states, inputs and weights. Everything else that a BiLSTM computes is left out.
    """
    gates = 4 * units
    kernel, recurrent = tf.random.normal([width, gates]), tf.random.normal([units, gates]) / units
    inputs, states = tf.random.normal([time * batch, width]), tf.random.normal([time * batch, units])
    slopes, across = tf.random.normal([time * batch, gates]), tf.transpose(recurrent)

    def step(t: tf.Tensor, forward: list[tf.Tensor], back: list[tf.Tensor]) -> tuple[tf.Tensor, ...]:
        forward = [tf.matmul(x, recurrent)[:, :units] for x in forward]
        return t + 1, forward, [tf.matmul(slopes[:batch] + x[:, :1], across) for x in back]

    @tf.function(autograph=False)
    def products() -> list[tf.Tensor]:
        start = [tf.constant(0), *([tf.ones([batch, units])] * 2 for _ in range(2))]
        _, forward, back = tf.while_loop(lambda t, *_: t < time, step, start, maximum_iterations=time)
        large = []
        for direction in range(2):
            x, h, d = inputs + direction, states + direction, slopes + direction
            large += [tf.matmul(x, kernel), tf.matmul(x, d, transpose_a=True), tf.matmul(h, d, transpose_a=True)]
            large.append(tf.matmul(d, kernel, transpose_b=True))
        return [tf.reduce_sum(p) for p in (*forward, *back, *large)]

    return warm_up(lambda: products()[-1].numpy())
