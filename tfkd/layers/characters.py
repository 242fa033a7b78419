"""Encoders of a word's characters."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from typing_extensions import override

Tensor = Any


class CharacterEncoder(keras.layers.Layer):
    """Make one vector of each word's characters; padding characters (id 0) change nothing.

    Args:
        characters: Number of character ids, padding (0) and unknown (1) among them.
        units: Width of a word's vector.
        embedding_units: Width of a character's vector.

    Input: int32 `[batch, time, characters]`. Output: `[batch, time, units]` in the compute dtype, zeros for a
    word of no character. No mask is made or passed on.
    """

    def __init__(self, characters: int, units: int = 50, embedding_units: int = 25, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.characters = characters
        self.units = units
        self.embedding_units = embedding_units

    @override
    def build(self, input_shape: Any) -> None:
        self.embeddings = self.add_weight(
            shape=(self.characters, self.embedding_units),
            initializer=keras.initializers.RandomUniform(-0.2, 0.2),
            name="embeddings",
        )

    @override
    def call(self, ids: Tensor) -> Tensor:
        ids = tf.cast(ids, tf.int32)
        shape = tf.shape(ids)
        flat = tf.reshape(ids, [shape[0] * shape[1], shape[2]])
        real = tf.not_equal(flat, 0)
        # A small table: the product with one-hot rows has a product for a gradient, a gather has a scatter.
        rows = tf.one_hot(flat, self.characters, dtype=self.compute_dtype)
        hot = rows * tf.cast(real, rows.dtype)[..., tf.newaxis]
        vectors = tf.matmul(hot, tf.cast(self.embeddings, self.compute_dtype))
        encoded = self.encode(vectors, real)
        encoded = tf.where(tf.reduce_any(real, axis=1, keepdims=True), encoded, tf.zeros([], encoded.dtype))
        return tf.reshape(encoded, [shape[0], shape[1], self.units])

    def encode(self, vectors: Tensor, real: Tensor) -> Tensor:
        """Make `[words, units]` of character vectors `[words, characters, embedding_units]`."""
        raise NotImplementedError

    @override
    def compute_output_spec(self, ids: Tensor) -> keras.KerasTensor:
        return keras.KerasTensor((*ids.shape[:-1], self.units), dtype=self.compute_dtype)

    @override
    def get_config(self) -> dict[str, Any]:
        config = {"characters": self.characters, "units": self.units, "embedding_units": self.embedding_units}
        return {**super().get_config(), **config}


@keras.saving.register_keras_serializable("tfkd")
class CharacterCNN(CharacterEncoder):
    """Convolve over a word's characters and keep each filter's highest value (Ma and Hovy 2016).

    Args:
        characters: Number of character ids, padding (0) and unknown (1) among them.
        units: Number of filters.
        embedding_units: Width of a character's vector.
        kernel_size: Characters that a filter sees.

    Example:
        >>> CharacterCNN(characters=30, units=8)(tf.constant([[[5, 6, 0], [0, 0, 0]]])).shape
        TensorShape([1, 2, 8])
    """

    def __init__(
        self, characters: int, units: int = 50, embedding_units: int = 25, kernel_size: int = 3, **kwargs: Any
    ) -> None:
        super().__init__(characters, units, embedding_units, **kwargs)
        self.kernel_size = kernel_size

    @override
    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.kernel = self.add_weight(
            shape=(self.kernel_size, self.embedding_units, self.units), initializer="glorot_uniform", name="kernel"
        )
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    @override
    def encode(self, vectors: Tensor, real: Tensor) -> Tensor:
        filtered = tf.nn.conv1d(vectors, tf.cast(self.kernel, vectors.dtype), stride=1, padding="SAME")
        lowest = tf.constant(filtered.dtype.min, filtered.dtype)
        peak = tf.reduce_max(tf.where(real[..., tf.newaxis], filtered, lowest), axis=1)
        return tf.nn.relu(peak + tf.cast(self.bias, peak.dtype))

    @override
    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kernel_size": self.kernel_size}


@keras.saving.register_keras_serializable("tfkd")
class CharacterBiLSTM(CharacterEncoder):
    """Read a word's characters forwards and backwards and keep both last states (Lample et al. 2016).

    Args:
        characters: Number of character ids, padding (0) and unknown (1) among them.
        units: Width of a word's vector, half for each direction.
        embedding_units: Width of a character's vector.

    Raises:
        ValueError: `units` is odd.

    Example:
        >>> CharacterBiLSTM(characters=30, units=8)(tf.constant([[[5, 6, 0], [0, 0, 0]]])).shape
        TensorShape([1, 2, 8])
    """

    def __init__(self, characters: int, units: int = 50, embedding_units: int = 25, **kwargs: Any) -> None:
        super().__init__(characters, units, embedding_units, **kwargs)
        if units % 2:
            raise ValueError(f"units are shared by two directions: expected an even number, got {units}.")
        self.lstm = keras.layers.Bidirectional(keras.layers.LSTM(units // 2), name="lstm", dtype=self.dtype_policy)

    @override
    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.lstm.build((None, None, self.embedding_units))

    @override
    def encode(self, vectors: Tensor, real: Tensor) -> Tensor:
        return self.lstm(vectors, mask=real)


CHARACTER_ENCODERS: dict[str, type[CharacterEncoder]] = {"cnn": CharacterCNN, "bilstm": CharacterBiLSTM}
"""The character encoders by the names that configurations use."""
