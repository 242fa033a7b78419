"""Layers of a BERT-type encoder: embedding of subwords, and self-attention with a feed-forward network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf
from typing_extensions import override

from tfkd.tensors import Tensor

_MASKED = -1e9
"""Added to the attention scores of the padding."""

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": lambda x: tf.nn.gelu(x, approximate=False),
    "gelu_approximate": lambda x: tf.nn.gelu(x, approximate=True),
    "relu": tf.nn.relu,
    "silu": tf.nn.silu,
}
"""Activations of a feed-forward network by name."""


@keras.saving.register_keras_serializable("tfkd")
class PieceEmbedding(keras.layers.Layer):
    """Normalised sum of the vectors of a subword, its position and its segment (Devlin et al. 2019).

    All subwords belong to one segment, so its vector is a single weight. Rows are gathered from the variable itself,
    so that the gradient names the rows that a batch used.

    Args:
        pieces: Number of subwords in the vocabulary.
        positions: Number of positions.
        units: Width of the vectors.
        epsilon: Added to the variance when normalising.
        dropout: Dropout rate of the output.

    Input: int32 `[rows, time]`. Output: `[rows, time, units]` in the compute dtype.

    Example:
        >>> PieceEmbedding(pieces=10, positions=8, units=4)(tf.constant([[3, 0]])).shape
        TensorShape([1, 2, 4])
    """

    def __init__(
        self, pieces: int, positions: int, units: int, epsilon: float = 1e-12, dropout: float = 0.1, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.pieces, self.positions, self.units = pieces, positions, units
        self.epsilon, self.rate = epsilon, dropout
        self._dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy)

    @override
    def build(self, input_shape: Sequence[int | None]) -> None:
        def table(name: str, *shape: int) -> keras.Variable:
            return self.add_weight(name=name, shape=shape, initializer=_make_initializer(), autocast=False)

        self.piece_vectors = table("pieces", self.pieces, self.units)
        self.position_vectors = table("positions", self.positions, self.units)
        self.segment_vector = table("segment", self.units)
        self.scale, self.offset = _norm_weights(self, "", self.units)

    @override
    def call(self, ids: Tensor, training: bool = False) -> Tensor:
        vectors = tf.gather(self.piece_vectors.value, ids)
        vectors += self.position_vectors.value[: tf.shape(ids)[1]] + self.segment_vector.value
        normalised = _normalise(vectors, self.scale, self.offset, self.epsilon)
        return self._dropout(tf.cast(normalised, self.compute_dtype), training=training)

    @override
    def compute_output_spec(self, ids: Tensor, training: bool = False) -> keras.KerasTensor:
        return keras.KerasTensor((*ids.shape, self.units), dtype=self.compute_dtype)

    @override
    def get_config(self) -> dict[str, Any]:
        own = {"pieces": self.pieces, "positions": self.positions, "units": self.units}
        return {**super().get_config(), **own, "epsilon": self.epsilon, "dropout": self.rate}


@keras.saving.register_keras_serializable("tfkd")
class TransformerLayer(keras.layers.Layer):
    """Transformer layer as in BERT: self-attention, then a feed-forward network (Vaswani et al. 2017).

    The output of each of the two parts is added to its input, and the sum is normalised. Queries, keys and values come
    from one product. All products of weights have two dimensions, because TensorFlow then fuses bias and activation.
    In mixed precision, products use the compute dtype; softmax and normalisation use float32.

    Args:
        units: Width of the states.
        heads: Number of attention heads, each with `units / heads` units.
        inner_units: Width of the inner layer of the feed-forward network.
        activation: One of `ACTIVATIONS`.
        epsilon: Added to the variance when normalising.
        dropout: Dropout rate of the attention and of the outputs of both parts.

    Inputs: states `[rows, time, units]`, and a mask, bool `[rows, time]`. Outputs: states of the same shape in the
    compute dtype, with any finite value in the padding; and the attention, float32 `[rows, heads, time, time]`: the
    weights of all keys for each query, 0 for keys in the padding.

    Example:
        >>> layer = TransformerLayer(units=4, heads=2, inner_units=8)
        >>> states, attention = layer(tf.ones([1, 3, 4]), tf.constant([[True, True, False]]))
        >>> states.shape, attention.numpy().sum(-1).round(3).tolist()
        (TensorShape([1, 3, 4]), [[[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]])
    """

    def __init__(
        self,
        units: int,
        heads: int,
        inner_units: int,
        activation: str = "gelu",
        epsilon: float = 1e-12,
        dropout: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units, self.heads, self.inner_units = units, heads, inner_units
        self.activation, self.epsilon, self.rate = activation, epsilon, dropout
        self._dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy)

    @override
    def build(self, *shapes: Sequence[int | None]) -> None:
        width, inner = self.units, self.inner_units
        self.attending, self.attending_bias = self._dense_weights("query_key_value", width, 3 * width)
        self.joining, self.joining_bias = self._dense_weights("attention_output", width, width)
        self.widening, self.widening_bias = self._dense_weights("inner", width, inner)
        self.narrowing, self.narrowing_bias = self._dense_weights("outer", inner, width)
        self.attention_scale, self.attention_offset = _norm_weights(self, "attention_", width)
        self.scale, self.offset = _norm_weights(self, "", width)

    def _dense_weights(self, name: str, width: int, units: int) -> tuple[keras.Variable, keras.Variable]:
        kernel = self.add_weight(name=f"{name}_kernel", shape=(width, units), initializer=_make_initializer())
        return kernel, self.add_weight(name=f"{name}_bias", shape=(units,), initializer="zeros")

    @override
    def call(self, states: Tensor, mask: Tensor, training: bool = False) -> tuple[Tensor, Tensor]:
        shape = tf.shape(states)
        flat = tf.reshape(states, [-1, self.units])
        output, attention = self._attend(flat, shape, mask, training)
        total = flat + self._dropout(output, training=training)
        flat = self._cast(_normalise(total, self.attention_scale, self.attention_offset, self.epsilon))
        inner = ACTIVATIONS[self.activation](self._dense(flat, self.widening, self.widening_bias))
        output = self._dense(inner, self.narrowing, self.narrowing_bias)
        total = flat + self._dropout(output, training=training)
        flat = self._cast(_normalise(total, self.scale, self.offset, self.epsilon))
        return tf.ensure_shape(tf.reshape(flat, shape), states.shape), attention

    def _attend(self, flat: Tensor, shape: Tensor, mask: Tensor, training: bool) -> tuple[Tensor, Tensor]:
        """Return the output of the self-attention, `[rows * time, units]`, and the attention weights."""
        width = self.units // self.heads
        projected = self._dense(flat, self.attending, self.attending_bias)
        by_head = tf.transpose(tf.reshape(projected, [shape[0], shape[1], 3, self.heads, width]), [2, 0, 3, 1, 4])
        # Unstack instead of indexing: the gradient of each index operation would copy all three.
        queries, keys, values = tf.unstack(by_head)
        scores = tf.cast(tf.matmul(queries * width**-0.5, keys, transpose_b=True), tf.float32)
        attention = tf.nn.softmax(scores + tf.where(mask, 0.0, _MASKED)[:, tf.newaxis, tf.newaxis])
        output = tf.matmul(self._dropout(self._cast(attention), training=training), values)
        joined = tf.reshape(tf.transpose(output, [0, 2, 1, 3]), [-1, self.units])
        return self._dense(joined, self.joining, self.joining_bias), attention

    def _dense(self, flat: Tensor, kernel: keras.Variable, bias: keras.Variable) -> Tensor:
        return tf.nn.bias_add(tf.matmul(flat, self._cast(kernel)), self._cast(bias))

    def _cast(self, x: Tensor) -> Tensor:
        return tf.cast(x, self.compute_dtype)

    @override
    def compute_output_spec(
        self, states: Tensor, mask: Tensor, training: bool = False
    ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        rows, time = states.shape[:2]
        attention = keras.KerasTensor((rows, self.heads, time, time), dtype="float32")
        return keras.KerasTensor(states.shape, dtype=self.compute_dtype), attention

    @override
    def get_config(self) -> dict[str, Any]:
        own = {"units": self.units, "heads": self.heads, "inner_units": self.inner_units}
        own |= {"activation": self.activation, "epsilon": self.epsilon, "dropout": self.rate}  # type: ignore[dict-item]
        return {**super().get_config(), **own}


def _norm_weights(layer: keras.layers.Layer, prefix: str, units: int) -> tuple[keras.Variable, keras.Variable]:
    scale = layer.add_weight(name=f"{prefix}scale", shape=(units,), initializer="ones", autocast=False)
    return scale, layer.add_weight(name=f"{prefix}offset", shape=(units,), initializer="zeros", autocast=False)


def _normalise(x: Tensor, scale: keras.Variable, offset: keras.Variable, epsilon: float) -> Tensor:
    """Normalise over the last axis (Ba, Kiros and Hinton 2016), in float32."""
    x = tf.cast(x, tf.float32)
    centred = x - tf.reduce_mean(x, axis=-1, keepdims=True)
    variance = tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)
    return centred * tf.math.rsqrt(variance + epsilon) * scale.value + offset.value


def _make_initializer() -> keras.initializers.Initializer:
    return keras.initializers.TruncatedNormal(stddev=0.02)  # as in BERT
