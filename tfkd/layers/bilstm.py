"""A bidirectional LSTM with a gradient of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf
from typing_extensions import override

from tfkd.keras_internals import is_traced_for_xla
from tfkd.layers.crf_recursions import pad_empty_time
from tfkd.layers.cudnn_lstm import DTYPES, CudnnLSTM, has_gpu, may_use_cudnn, reorder_gates
from tfkd.layers.packing import Packing
from tfkd.layers.shared_graphs import share_graph
from tfkd.tensors import Tensor


@keras.saving.register_keras_serializable("tfkd", name="BiLSTM")
class BiLSTMLayer(keras.layers.Layer):
    """Bidirectional LSTM over whole sentences (Hochreiter and Schmidhuber 1997; Graves and Schmidhuber 2005).

    The result is that of `keras.layers.Bidirectional(keras.layers.LSTM(units, return_sequences=True))`. This layer
    is faster for two reasons: one operation runs all steps of a direction, and the gradient is written by hand, so
    that the products for the weights follow after one backward loop for both directions.

    The gates are stored in the order input, forget, output, cell. The bias of the forget gate starts at 1. In mixed
    precision, and in functions that XLA compiles, a loop of TensorFlow runs both directions: matrix products use the
    compute dtype; gates and cells use float32.

    If a model is built where TensorFlow sees a GPU, Keras' LSTM calls cuDNN with the same weights, except in exports,
    in bfloat16, in functions that XLA compiles, and on a CPU that a strategy or `tf.device` names.

    Args:
        units: Units of each direction.

    Input: `[batch, time, width]`, and a mask that is True at real tokens, wherever they are. Output:
    `[batch, time, 2 * units]` in the compute dtype, zeros in the padding. The mask is passed on.

    Example:
        >>> BiLSTMLayer(3)(tf.ones([2, 5, 4]), mask=tf.sequence_mask([5, 2], 5)).shape
        TensorShape([2, 5, 6])
    """

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.supports_masking = True
        self._cudnn: CudnnLSTM | None = None

    @override
    def build(self, input_shape: Sequence[int | None]) -> None:
        width, gates = input_shape[-1], 4 * self.units
        uniform, orthogonal = keras.initializers.GlorotUniform(), keras.initializers.Orthogonal()

        def per_direction(initializer: keras.initializers.Initializer) -> Callable[..., Tensor]:
            return lambda shape, dtype=None: tf.stack([_clone(initializer)(shape[1:], dtype) for _ in range(2)])

        def bias(shape: Sequence[int], dtype: Any = None) -> Tensor:
            return tf.tile(tf.repeat([0.0, 1.0, 0.0, 0.0], self.units)[tf.newaxis], [2, 1])

        self.kernel = self.add_weight(shape=(2, width, gates), initializer=per_direction(uniform), name="kernel")
        self.recurrent_kernel = self.add_weight(
            shape=(2, self.units, gates), initializer=per_direction(orthogonal), name="recurrent_kernel"
        )
        self.bias = self.add_weight(shape=(2, gates), initializer=bias, autocast=False, name="bias")
        if has_gpu() and self.compute_dtype in DTYPES:
            self._cudnn = CudnnLSTM(self.kernel.shape[1], self.units, self.compute_dtype)

    @override
    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        # In both directions the padding follows the real tokens, so only the output has to be masked.
        time = tf.shape(inputs)[1]
        packing = Packing(pad_empty_time(tf.ones(tf.shape(inputs)[:2], tf.bool) if mask is None else mask))
        lengths = packing.lengths
        by_time = tf.transpose(packing.pack(pad_empty_time(inputs)), [1, 0, 2])
        reversed_by_time = tf.reverse_sequence(by_time, lengths, seq_axis=0, batch_axis=1)
        run = self._cudnn if self._cudnn and may_use_cudnn() else _lstm
        forward, backward = run(
            by_time,
            reversed_by_time,
            tf.convert_to_tensor(self.kernel),
            tf.convert_to_tensor(self.recurrent_kernel),
            tf.convert_to_tensor(self.bias),
        )
        backward = tf.reverse_sequence(backward, lengths, seq_axis=0, batch_axis=1)
        joined = tf.transpose(tf.concat([forward, backward], axis=-1), [1, 0, 2])
        real = packing.mask[:, :, tf.newaxis]
        output = tf.where(real, tf.cast(joined, self.compute_dtype), tf.zeros([], self.compute_dtype))
        return tf.ensure_shape(packing.unpack(output)[:, :time], [*inputs.shape[:2], 2 * self.units])

    @override
    def compute_output_spec(self, inputs: Tensor, mask: Tensor | None = None) -> keras.KerasTensor:
        return keras.KerasTensor((*inputs.shape[:-1], 2 * self.units), dtype=self.compute_dtype)

    @override
    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


# Keras stores the weights of a layer under the name of its class: saved models have them under `bi_lstm`.
BiLSTMLayer.__name__ = "BiLSTM"


@tf.custom_gradient
def _lstm(forward: Tensor, backward: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor) -> tuple[Any, Any]:
    """Run the LSTMs of both directions.

    Args:
        forward: The inputs `[time, batch, width]`, in the dtype of the products.
        backward: The same inputs with the tokens of each sentence reversed.
        kernel: `[2, width, 4 * units]`, in the same dtype.
        recurrent: `[2, units, 4 * units]`, in the same dtype.
        bias: `[2, 4 * units]`, float32.

    Returns:
        The states of the two directions, each float32 `[time, batch, units]`.
    """
    run = _run_loop if kernel.dtype != tf.float32 or is_traced_for_xla() else _run_blocks
    results = run(forward, backward, kernel, recurrent, bias)

    def grad(*upstream: Tensor) -> tuple[Tensor, ...]:
        return _lstm_gradients(forward, backward, kernel, recurrent, *results, *upstream)

    return (results[0], results[1]), grad


@share_graph
def _run_blocks(
    forward: Tensor, backward: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor
) -> tuple[Tensor, ...]:
    """Run each direction with one operation for all steps.

    Returns:
        The states, the cells, the input, forget and output gates, the candidates and the hyperbolic tangent of the
        cells, each float32 `[time, batch, units]` of both directions.
    """
    units = recurrent.shape[1]
    matrices = tf.unstack(reorder_gates(tf.concat([kernel, recurrent], axis=1)))
    biases = tf.unstack(reorder_gates(bias))
    start, no_peephole = tf.zeros([tf.shape(forward)[1], units]), tf.zeros([units])
    runs = [
        tf.raw_ops.BlockLSTMV2(
            seq_len_max=tf.shape(inputs, tf.int64)[0],
            x=inputs,
            cs_prev=start,
            h_prev=start,
            w=matrix,
            wci=no_peephole,
            wcf=no_peephole,
            wco=no_peephole,
            b=row,
            cell_clip=-1.0,  # none
        )
        for inputs, matrix, row in zip((forward, backward), matrices, biases, strict=True)
    ]
    return tuple(getattr(run, kind) for kind in ("h", "cs", "i", "f", "o", "ci", "co") for run in runs)


@share_graph
def _run_loop(forward: Tensor, backward: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor) -> tuple[Tensor, ...]:
    """Run both directions in one loop, with the results of `_run_blocks`.

    Each direction has its own matrix products, because TensorFlow's batched product is half as fast.
    """
    weights = zip((forward, backward), tf.unstack(kernel), tf.unstack(bias), strict=True)
    states, cells, gates = _forward_loop([_multiply(x, k) + b for x, k, b in weights], tf.unstack(recurrent))
    by_gate = zip(*(tf.split(g, 4, axis=-1) for g in gates), strict=True)
    return *states, *cells, *(direction for gate in by_gate for direction in gate), *(tf.tanh(c) for c in cells)


@share_graph
def _lstm_gradients(
    forward: Tensor, backward: Tensor, kernel: Tensor, recurrent: Tensor, *rest: Tensor
) -> tuple[Any, ...]:
    """Return the gradients of all inputs.

    Args:
        forward: The inputs.
        backward: The reversed inputs.
        kernel: As in `_lstm`.
        recurrent: As in `_lstm`.
        rest: The results of `_run_blocks`, and the gradients of the states.
    """
    inputs, kernels, recurrents = (forward, backward), tf.unstack(kernel), tf.unstack(recurrent)
    states, *parts, upstream = (rest[first : first + 2] for first in range(0, 16, 2))
    factors = [_gate_factors(*of_direction) for of_direction in zip(*parts, strict=True)]
    d_gates = _backward_loop(upstream, factors, recurrents)
    d = [_by_token(tf.cast(x, kernel.dtype)) for x in d_gates]
    previous = [_by_token(tf.cast(_shift(s), kernel.dtype)) for s in states]
    d_kernel = tf.stack([tf.matmul(_by_token(x), y, transpose_a=True) for x, y in zip(inputs, d, strict=True)])
    d_recurrent = tf.stack([tf.matmul(x, y, transpose_a=True) for x, y in zip(previous, d, strict=True)])
    d_bias = tf.stack([tf.reduce_sum(x, axis=[0, 1]) for x in d_gates])
    d_inputs = [tf.matmul(y, k, transpose_b=True) for y, k in zip(d, kernels, strict=True)]
    return (*(tf.reshape(x, tf.shape(forward)) for x in d_inputs), d_kernel, d_recurrent, d_bias)


def _forward_loop(projected: Sequence[Tensor], recurrents: Sequence[Tensor]) -> tuple[list[Tensor], ...]:
    """Run the forward pass of both directions.

    Returns:
        The states and the cells, `[time, batch, units]`, and the gates, `[time, batch, 4 * units]`, of each direction.
    """
    steps, batch, units = tf.shape(projected[0])[0], tf.shape(projected[0])[1], recurrents[0].shape[0]
    zero = tf.zeros([batch, units])

    def step(t: Tensor, carried: Any, arrays: Any) -> tuple[Any, ...]:
        new, written = [], []
        for inputs, recurrent, (state, cell), stacks in zip(projected, recurrents, carried, arrays, strict=True):
            scores = inputs[t] + tf.cast(tf.matmul(tf.cast(state, recurrent.dtype), recurrent), tf.float32)
            sigmoids, candidate = tf.sigmoid(scores[:, : 3 * units]), tf.tanh(scores[:, 3 * units :])
            i, f, o = tf.split(sigmoids, 3, axis=-1)
            cell = f * cell + i * candidate
            state = o * tf.tanh(cell)
            values = (state, cell, tf.concat([sigmoids, candidate], axis=-1))
            new.append((state, cell))
            written.append(tuple(array.write(t, value) for array, value in zip(stacks, values, strict=True)))
        return t + 1, tuple(new), tuple(written)

    start = tuple(tuple(_make_array(steps, width) for width in (units, units, 4 * units)) for _ in projected)
    loop = (tf.constant(0), ((zero, zero),) * len(projected), start)
    *_, arrays = tf.while_loop(lambda t, *_: t < steps, step, loop, maximum_iterations=steps)
    return tuple([array.stack() for array in kind] for kind in zip(*arrays, strict=True))


def _gate_factors(
    cell: Tensor, i: Tensor, f: Tensor, o: Tensor, candidate: Tensor, activated: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the factors of the backward loop for all steps of one direction.

    Args:
        cell: The cells, `[time, batch, units]`.
        i: The input gates.
        f: The forget gates.
        o: The output gates.
        candidate: The candidates of the cells.
        activated: The hyperbolic tangent of the cells.

    Returns:
        The factor from the gradient of the cell (output gate: of the state) to that of each gate's score,
        `[time, batch, 4 * units]`; the factor from the gradient of the state to that of the cell; the forget gates.
    """
    to_candidate = i * (1 - candidate * candidate)
    factors = [candidate * i * (1 - i), _shift(cell) * f * (1 - f), activated * o * (1 - o), to_candidate]
    return tf.concat(factors, axis=-1), o * (1 - activated * activated), f


def _backward_loop(upstream: Sequence[Tensor], factors: Sequence[Any], recurrents: Sequence[Tensor]) -> list[Tensor]:
    """Run the backward pass; return the float32 gradients of the gates' scores for each direction."""
    steps, units = tf.shape(upstream[0])[0], recurrents[0].shape[0]
    zero = tf.zeros_like(upstream[0][0])
    transposed = [tf.transpose(r) for r in recurrents]

    def step(t: Tensor, carried: Any, arrays: Any) -> tuple[Any, ...]:
        new, written = [], []
        parts = zip(upstream, factors, transposed, carried, arrays, strict=True)
        for d_output, (factor, to_cell, forget), matrix, (d_state, d_cell), stack in parts:
            d_state = d_state + d_output[t]
            d_cell = d_cell + d_state * to_cell[t]
            d = tf.concat([d_cell, d_cell, d_state, d_cell], axis=-1) * factor[t]
            new.append((tf.cast(tf.matmul(tf.cast(d, matrix.dtype), matrix), tf.float32), d_cell * forget[t]))
            written.append(stack.write(t, d))
        return t - 1, tuple(new), tuple(written)

    loop = (steps - 1, ((zero, zero),) * len(transposed), tuple(_make_array(steps, 4 * units) for _ in transposed))
    *_, arrays = tf.while_loop(lambda t, *_: t >= 0, step, loop, maximum_iterations=steps)
    return [array.stack() for array in arrays]


def _make_array(steps: Tensor, width: int) -> tf.TensorArray:
    return tf.TensorArray(tf.float32, size=steps, element_shape=[None, width])


def _shift(by_time: Tensor) -> Tensor:
    """Move all values one step later; the first step gets zeros."""
    return tf.pad(by_time[:-1], [[1, 0], [0, 0], [0, 0]])


def _by_token(by_time: Tensor) -> Tensor:
    """Reshape `[time, batch, width]` to `[time * batch, width]`."""
    return tf.reshape(by_time, [-1, by_time.shape[-1]])


def _multiply(inputs: Tensor, kernel: Tensor) -> Tensor:
    """Multiply `[time, batch, width]` by `[width, gates]` in one matrix product; return float32."""
    shape = tf.shape(inputs)
    return tf.reshape(tf.cast(tf.matmul(_by_token(inputs), kernel), tf.float32), [shape[0], shape[1], kernel.shape[-1]])


def _clone(initializer: keras.initializers.Initializer) -> keras.initializers.Initializer:
    """Return a copy without a seed: an initialiser of Keras gives the same numbers at every call."""
    config = initializer.get_config()
    config["seed"] = None
    return type(initializer).from_config(config)
