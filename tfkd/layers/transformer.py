"""The layers of a BERT-type encoder: embedding of word pieces, and self-attention with a feed-forward network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from typing_extensions import override

Tensor = Any

_HIDDEN = -1e9
"""Added to the attention scores of the padding."""


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": lambda x: tf.nn.gelu(x, approximate=False),
    "gelu_approximate": lambda x: tf.nn.gelu(x, approximate=True),
    "relu": tf.nn.relu,
    "silu": tf.nn.silu,
}
"""What may stand between the two products of a feed-forward network."""


@keras.saving.register_keras_serializable("tfkd")
class PieceEmbedding(keras.layers.Layer):
    """Sum of the vectors of a piece and of its position, normalised (Devlin et al. 2019).

    All pieces are of one segment, whose vector is a weight of its own. Rows are gathered from the variable itself, so
    that the gradient names those that a batch used.

    Args:
        pieces: Number of pieces in the vocabulary.
        positions: Number of positions.
        units: Width of the vectors.
        epsilon: Added to the variance.
        dropout: Rate of dropout on the result.

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
    def build(self, input_shape: Any) -> None:
        def table(name: str, *shape: int) -> Any:
            return self.add_weight(name=name, shape=shape, initializer=_narrow(), autocast=False)

        self.piece_vectors = table("pieces", self.pieces, self.units)
        self.position_vectors = table("positions", self.positions, self.units)
        self.segment_vector = table("segment", self.units)
        self.scale, self.offset = _norm_weights(self, "", self.units)

    @override
    def call(self, ids: Tensor, training: bool = False) -> Tensor:
        vectors = tf.gather(self.piece_vectors.value, ids)
        vectors += self.position_vectors.value[: tf.shape(ids)[1]] + self.segment_vector.value
        normalised = _normalised(vectors, self.scale, self.offset, self.epsilon)
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
    """Self-attention over the pieces of a row, then a feed-forward network (Vaswani et al. 2017), as in BERT.

    Each of the two is added to what it read, and the sum is normalised. Queries, keys and values are one product; all
    products are of two dimensions, in which TensorFlow fuses bias and activation. In mixed precision they are taken in
    the compute dtype, softmax and normalisation in float32.

    Args:
        units: Width of the states.
        heads: Heads of the attention, each of `units / heads` units.
        inner_units: Width within the feed-forward network.
        activation: One of `ACTIVATIONS`.
        epsilon: Added to the variance.
        dropout: Rate of dropout on the attention and on what is added.

    Input: states `[rows, time, units]`, and a mask, bool `[rows, time]`. Output: the states, the same shape in the
    compute dtype, any finite value in the padding; and the attention, float32 `[rows, heads, time, time]`, each query's
    weights of all keys, 0 for those in the padding.

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
    def build(self, *shapes: Any) -> None:
        width, inner = self.units, self.inner_units
        self.attending, self.attending_bias = self._dense_weights("query_key_value", width, 3 * width)
        self.joining, self.joining_bias = self._dense_weights("attention_output", width, width)
        self.widening, self.widening_bias = self._dense_weights("inner", width, inner)
        self.narrowing, self.narrowing_bias = self._dense_weights("outer", inner, width)
        self.attention_scale, self.attention_offset = _norm_weights(self, "attention_", width)
        self.scale, self.offset = _norm_weights(self, "", width)

    def _dense_weights(self, name: str, width: int, units: int) -> tuple[Any, Any]:
        kernel = self.add_weight(name=f"{name}_kernel", shape=(width, units), initializer=_narrow())
        return kernel, self.add_weight(name=f"{name}_bias", shape=(units,), initializer="zeros")

    @override
    def call(self, states: Tensor, mask: Tensor, training: bool = False) -> tuple[Tensor, Tensor]:
        shape = tf.shape(states)
        flat = tf.reshape(states, [-1, self.units])
        read, attention = self._attended(flat, shape, mask, training)
        added = flat + self._dropout(read, training=training)
        flat = self._cast(_normalised(added, self.attention_scale, self.attention_offset, self.epsilon))
        inner = ACTIVATIONS[self.activation](self._dense(flat, self.widening, self.widening_bias))
        read = self._dense(inner, self.narrowing, self.narrowing_bias)
        added = flat + self._dropout(read, training=training)
        flat = self._cast(_normalised(added, self.scale, self.offset, self.epsilon))
        return tf.ensure_shape(tf.reshape(flat, shape), states.shape), attention

    def _attended(self, flat: Tensor, shape: Tensor, mask: Tensor, training: bool) -> tuple[Tensor, Tensor]:
        """Return what each piece reads of the others, `[rows * time, units]`, and the attention."""
        width = self.units // self.heads
        projected = self._dense(flat, self.attending, self.attending_bias)
        by_head = tf.transpose(tf.reshape(projected, [shape[0], shape[1], 3, self.heads, width]), [2, 0, 3, 1, 4])
        # Not by index, whose gradient copies all three once for each.
        queries, keys, values = tf.unstack(by_head)
        scores = tf.cast(tf.matmul(queries * width**-0.5, keys, transpose_b=True), tf.float32)
        attention = tf.nn.softmax(scores + tf.where(mask, 0.0, _HIDDEN)[:, tf.newaxis, tf.newaxis])
        read = tf.matmul(self._dropout(self._cast(attention), training=training), values)
        together = tf.reshape(tf.transpose(read, [0, 2, 1, 3]), [-1, self.units])
        return self._dense(together, self.joining, self.joining_bias), attention

    def _dense(self, flat: Tensor, kernel: Any, bias: Any) -> Tensor:
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


def _norm_weights(layer: keras.layers.Layer, prefix: str, units: int) -> tuple[Any, Any]:
    scale = layer.add_weight(name=f"{prefix}scale", shape=(units,), initializer="ones", autocast=False)
    return scale, layer.add_weight(name=f"{prefix}offset", shape=(units,), initializer="zeros", autocast=False)


def _normalised(x: Tensor, scale: Any, offset: Any, epsilon: float) -> Tensor:
    """Normalise over the last axis (Ba, Kiros and Hinton 2016), in float32."""
    x = tf.cast(x, tf.float32)
    apart = x - tf.reduce_mean(x, axis=-1, keepdims=True)
    variance = tf.reduce_mean(tf.square(apart), axis=-1, keepdims=True)
    return apart * tf.math.rsqrt(variance + epsilon) * scale.value + offset.value


def _narrow() -> keras.initializers.Initializer:
    return keras.initializers.TruncatedNormal(stddev=0.02)  # as BERT begins
