"""A bidirectional LSTM in one loop over both directions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf
from typing_extensions import override

Tensor = Any


@keras.saving.register_keras_serializable("tfkd")
class BiLSTM(keras.layers.Layer):
    """A bidirectional LSTM (Hochreiter and Schmidhuber 1997; Graves and Schmidhuber 2005) over whole sentences.

    Computes what `keras.layers.Bidirectional(keras.layers.LSTM(units, return_sequences=True))` does, differently: both
    directions run in one loop, the product of the inputs stands before it, and the gradient is written by hand,
    with the products for the weights after its loop. That makes a graph several times smaller, which is traced
    and optimised as much faster.

    Gates stand in the order input, forget, output, cell; the forget gate's bias begins at 1. In mixed precision
    products are taken in the compute dtype, gates and cells in float32.

    Args:
        units: Units of each direction.

    Input: `[batch, time, width]`, and a mask that is True at real tokens, all of them on the left. Output:
    `[batch, time, 2 * units]` in the compute dtype, zeros in the padding. The mask is passed on.

    Example:
        >>> BiLSTM(3)(tf.ones([2, 5, 4]), mask=tf.sequence_mask([5, 2], 5)).shape
        TensorShape([2, 5, 6])
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.supports_masking = True

    @override
    def build(self, input_shape: Sequence[int | None]) -> None:
        width, gates = input_shape[-1], 4 * self.units
        uniform, orthogonal = keras.initializers.GlorotUniform(), keras.initializers.Orthogonal()

        def each_direction(initializer: Any) -> Callable[..., Tensor]:
            return lambda shape, dtype=None: tf.stack([_clone(initializer)(shape[1:], dtype) for _ in range(2)])

        def bias(shape: Sequence[int], dtype: Any = None) -> Tensor:
            return tf.tile(tf.repeat([0.0, 1.0, 0.0, 0.0], self.units)[tf.newaxis], [2, 1])

        self.kernel = self.add_weight(shape=(2, width, gates), initializer=each_direction(uniform), name="kernel")
        self.recurrent_kernel = self.add_weight(
            shape=(2, self.units, gates), initializer=each_direction(orthogonal), name="recurrent_kernel"
        )
        self.bias = self.add_weight(shape=(2, gates), initializer=bias, autocast=False, name="bias")

    @override
    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        shape = tf.shape(inputs)
        lengths = tf.fill([shape[0]], shape[1]) if mask is None else tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)
        by_time = tf.transpose(inputs, [1, 0, 2])
        turned = tf.reverse_sequence(by_time, lengths, seq_axis=0, batch_axis=1)
        states = _lstm(
            tf.stack([by_time, turned]),
            tf.convert_to_tensor(self.kernel),
            tf.convert_to_tensor(self.recurrent_kernel),
            tf.convert_to_tensor(self.bias),
        )
        backward = tf.reverse_sequence(states[1], lengths, seq_axis=0, batch_axis=1)
        joined = tf.transpose(tf.concat([states[0], backward], axis=-1), [1, 0, 2])
        # Padding stands behind the real tokens in both directions, so it needs no care before here.
        real = tf.sequence_mask(lengths, shape[1])[:, :, tf.newaxis]
        output = tf.where(real, tf.cast(joined, self.compute_dtype), tf.zeros([], self.compute_dtype))
        return tf.ensure_shape(output, [*inputs.shape[:2], 2 * self.units])

    @override
    def compute_output_spec(self, inputs: Tensor, mask: Tensor | None = None) -> keras.KerasTensor:
        return keras.KerasTensor((*inputs.shape[:-1], 2 * self.units), dtype=self.compute_dtype)

    @override
    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


@tf.custom_gradient
def _lstm(inputs: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor) -> tuple[Tensor, Any]:
    """Run LSTMs side by side.

    Args:
        inputs: `[2, time, batch, width]`, in the dtype of the products.
        kernel: `[2, width, 4 * units]`, the same dtype.
        recurrent: `[2, units, 4 * units]`, the same dtype.
        bias: `[2, 4 * units]`, float32.

    Returns:
        The states, float32 `[2, time, batch, units]`.
    """
    projected = _product(inputs, kernel) + bias[:, tf.newaxis, tf.newaxis, :]
    steps, batch, units = tf.shape(inputs)[1], tf.shape(inputs)[2], recurrent.shape[1]
    zero = tf.zeros([2, batch, units])
    arrays = tuple(tf.TensorArray(tf.float32, size=steps, element_shape=[2, None, units]) for _ in range(2))

    def step(t: Tensor, state: Tensor, cell: Tensor, states: tf.TensorArray, cells: tf.TensorArray) -> tuple[Any, ...]:
        gates = projected[:, t] + tf.cast(tf.matmul(tf.cast(state, recurrent.dtype), recurrent), tf.float32)
        i, f, o = tf.split(tf.sigmoid(gates[..., : 3 * units]), 3, axis=-1)
        cell = f * cell + i * tf.tanh(gates[..., 3 * units :])
        state = o * tf.tanh(cell)
        return t + 1, state, cell, states.write(t, state), cells.write(t, cell)

    *_, states, cells = tf.while_loop(lambda t, *_: t < steps, step, (0, zero, zero, *arrays), maximum_iterations=steps)
    state, cell = (tf.transpose(a.stack(), [1, 0, 2, 3]) for a in (states, cells))

    def grad(upstream: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        before, cell_before = (tf.pad(x[:, :-1], [[0, 0], [1, 0], [0, 0], [0, 0]]) for x in (state, cell))
        # All steps' gates again, in one product, rather than kept in the loop: without a gradient they cost nothing.
        by_gate = _by_gate(projected + _product(tf.cast(before, recurrent.dtype), recurrent), cell, cell_before, units)
        d_gates = _backward(upstream, *by_gate, recurrent)
        d = tf.cast(d_gates, kernel.dtype)
        flat = [tf.reshape(x, [2, steps * batch, x.shape[-1]]) for x in (inputs, tf.cast(before, d.dtype), d)]
        d_kernel = tf.matmul(flat[0], flat[2], transpose_a=True)
        d_recurrent = tf.matmul(flat[1], flat[2], transpose_a=True)
        d_inputs = tf.reshape(tf.matmul(flat[2], kernel, transpose_b=True), tf.shape(inputs))
        return d_inputs, d_kernel, d_recurrent, tf.reduce_sum(d_gates, axis=[1, 2])

    return state, grad


def _by_gate(gates: Tensor, cell: Tensor, cell_before: Tensor, units: int) -> tuple[Tensor, Tensor, Tensor]:
    """Compute for all steps what the backward loop multiplies by.

    Returns:
        The derivative of each gate's input by the cell's (for the output gate: by the state's) gradient,
        `[..., 4 * units]`; that of the cell's gradient by the state's; and the forget gates.
    """
    i, f, o = tf.split(tf.sigmoid(gates[..., : 3 * units]), 3, axis=-1)
    g, activated = tf.tanh(gates[..., 3 * units :]), tf.tanh(cell)
    factors = [g * i * (1 - i), cell_before * f * (1 - f), activated * o * (1 - o), i * (1 - g * g)]
    return tf.concat(factors, axis=-1), o * (1 - activated * activated), f


def _backward(upstream: Tensor, factors: Tensor, to_cell: Tensor, forget: Tensor, recurrent: Tensor) -> Tensor:
    """Run back through the steps; return the gradient of the gates' inputs, float32 `[2, time, batch, 4 * units]`."""
    steps = tf.shape(upstream)[1]
    zero = tf.zeros_like(upstream[:, 0])
    across = tf.transpose(recurrent, [0, 2, 1])
    array = tf.TensorArray(tf.float32, size=steps, element_shape=[2, None, factors.shape[-1]])

    def step(t: Tensor, d_state: Tensor, d_cell: Tensor, d_gates: tf.TensorArray) -> tuple[Any, ...]:
        d_state = d_state + upstream[:, t]
        d_cell = d_cell + d_state * to_cell[:, t]
        d = tf.concat([d_cell, d_cell, d_state, d_cell], axis=-1) * factors[:, t]
        d_before = tf.cast(tf.matmul(tf.cast(d, across.dtype), across), tf.float32)
        return t - 1, d_before, d_cell * forget[:, t], d_gates.write(t, d)

    *_, d_gates = tf.while_loop(lambda t, *_: t >= 0, step, (steps - 1, zero, zero, array), maximum_iterations=steps)
    return tf.transpose(d_gates.stack(), [1, 0, 2, 3])


def _product(inputs: Tensor, kernel: Tensor) -> Tensor:
    """Multiply `[2, time, batch, width]` by `[2, width, gates]`, as one product for each direction, to float32."""
    shape = tf.shape(inputs)
    flat = tf.matmul(tf.reshape(inputs, [2, shape[1] * shape[2], inputs.shape[-1]]), kernel)
    return tf.cast(tf.reshape(flat, [2, shape[1], shape[2], kernel.shape[-1]]), tf.float32)


def _clone(initializer: keras.initializers.Initializer) -> keras.initializers.Initializer:
    """Make an initialiser that draws anew: one of Keras' own gives the same numbers at every call."""
    config = initializer.get_config()
    config["seed"] = None
    return type(initializer).from_config(config)
