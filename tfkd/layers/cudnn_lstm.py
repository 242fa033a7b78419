"""The two LSTMs of a BiLSTM on a GPU: Keras' LSTM, which calls cuDNN there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import keras
import tensorflow as tf

from tfkd.keras_internals import is_traced_for_xla
from tfkd.layers.crf_recursions import pad_empty_time
from tfkd.tensors import Tensor

DTYPES = ("float16", "float32")
"""Compute dtypes for which cuDNN is used."""

_tracing = threading.local()


def has_gpu() -> bool:
    """Tell whether a model that is built here has a GPU: TensorFlow sees one, and its strategy uses GPUs, if any."""
    if not tf.config.list_logical_devices("GPU"):
        return False
    if not tf.distribute.has_strategy():
        return True
    return any(_type_of(device) == "GPU" for device in tf.distribute.get_strategy().extended.worker_devices)


def may_use_cudnn() -> bool:
    """Tell whether an operation that is added here may be cuDNN's: not in an export, for XLA, or on a CPU."""
    # A new tensor has the device of `tf.device`. In a graph without such a device it has none.
    is_on_cpu = _type_of(tf.zeros([]).device) == "CPU"
    return not (is_on_cpu or is_traced_for_xla() or getattr(_tracing, "portable", False))


def _type_of(device: str) -> str | None:
    return tf.DeviceSpec.from_string(device).device_type


@contextmanager
def portable_graphs() -> Iterator[None]:
    """Trace graphs that run with and without a GPU, in this thread, until the block ends.

    Example:
        >>> with portable_graphs():
        ...     may_use_cudnn()
        False
    """
    before = getattr(_tracing, "portable", False)
    _tracing.portable = True
    try:
        yield
    finally:
        _tracing.portable = before


class CudnnLSTM:
    """LSTMs of both directions by `keras.layers.LSTM`, with weights that are given at each call.

    Keras' layer meets the conditions of cuDNN, whatever the mask of the BiLSTM: it gets none, because in both
    directions the padding follows the real tokens. Without a GPU, Keras runs a loop, with the same results.

    Keras neither tracks nor saves this object. The variables of its layer are never read: the weights are
    those of the BiLSTM.

    Args:
        width: Width of the inputs.
        units: Units of each direction.
        dtype: Compute dtype, one of `DTYPES`.
    """

    def __init__(self, width: int, units: int, dtype: str) -> None:
        # With these initialisers and a seed, the random numbers of other layers stay the same.
        self._layer = keras.layers.LSTM(
            units,
            return_sequences=True,
            kernel_initializer="zeros",
            recurrent_initializer="zeros",
            seed=0,
            dtype=dtype,
            name="cudnn_lstm",
        )
        self._layer.build((None, None, width))

    def __call__(
        self, forward: Tensor, backward: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Run both directions.

        Args:
            forward: The inputs `[time, batch, width]`, in the compute dtype. Time is at least 1.
            backward: The same inputs with the tokens of each sentence reversed.
            kernel: `[2, width, 4 * units]`, gates in the order input, forget, output, cell.
            recurrent: `[2, units, 4 * units]`, in the same order.
            bias: `[2, 4 * units]`, in the same order.

        Returns:
            The states of the two directions, each float32 `[time, batch, units]`.
        """
        weights = zip(*(tf.unstack(reorder_gates(w)) for w in (kernel, recurrent, bias)), strict=True)
        first, second = (self._run(x, w) for x, w in zip((forward, backward), weights, strict=True))
        return first, second

    def _run(self, by_time: Tensor, weights: tuple[Tensor, ...]) -> Tensor:
        batch = tf.shape(by_time)[1]
        # cuDNN takes no empty batch.
        by_sentence = tf.transpose(pad_empty_time(by_time), [1, 0, 2])
        unused = [tf.zeros(v.shape, v.dtype) for v in self._layer.non_trainable_variables]
        states, _ = self._layer.stateless_call(list(weights), unused, by_sentence)
        return tf.cast(tf.transpose(states[:batch], [1, 0, 2]), tf.float32)


def reorder_gates(weights: Tensor) -> Tensor:
    """Return weights of a BiLSTM with their gates in the order input, forget, cell, output.

    Keras, cuDNN and TensorFlow's operation for all steps use this order.

    Args:
        weights: `[..., 4 * units]`, of a known shape, gates in the order input, forget, output, cell.
    """
    by_gate = tf.reshape(weights, [*weights.shape[:-1], 4, weights.shape[-1] // 4])
    # To split and to join the four parts again made a call with one sentence 1.15 times as long.
    return tf.reshape(tf.gather(by_gate, [0, 1, 3, 2], axis=-2), weights.shape)
