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
        words = tf.reshape(ids, [shape[0] * shape[1], shape[2]])
        encoded = tf.cast(self.encode(words), self.compute_dtype)
        encoded = tf.where(tf.reduce_any(words > 0, axis=1, keepdims=True), encoded, tf.zeros([], encoded.dtype))
        return tf.reshape(encoded, [shape[0], shape[1], self.units])

    def encode(self, words: Tensor) -> Tensor:
        """Make `[words, units]` of the words' characters, int32 `[words, characters]`."""
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
    def encode(self, words: Tensor) -> Tensor:
        # There are few characters: what each of them gives a filter at each of its places is a small table, and a
        # filter's score is the sum of its places' rows.
        known = tf.cast(tf.range(self.characters) > 0, tf.float32)[:, tf.newaxis]
        embeddings, kernel = (tf.cast(w, tf.float32) for w in (self.embeddings, self.kernel))
        tables = tf.einsum("cw,kwu->kcu", embeddings * known, kernel)
        return tf.nn.relu(_peaks(words, tables) + tf.cast(self.bias, tf.float32))

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
    def encode(self, words: Tensor) -> Tensor:
        # The product with one-hot rows has a product for a gradient, a gather has a scatter.
        hot = tf.one_hot(words, self.characters, dtype=self.compute_dtype)
        return self.lstm(tf.matmul(hot, tf.cast(self.embeddings, self.compute_dtype)), mask=words > 0)


def _peaks(words: Tensor, tables: Tensor) -> Tensor:
    """Find the highest score of each filter over a word's characters.

    Args:
        words: Character ids, int32 `[words, characters]`, 0 in the padding.
        tables: What a character gives each filter at each of its places, float32 `[kernel_size, ids, units]`.

    Returns:
        `[words, units]`; the lowest float32 for a word of no character.
    """
    size, ids, units = tables.shape
    count, width = tf.shape(words)[0], tf.shape(words)[1]
    padded = tf.pad(words, [[0, 0], [(size - 1) // 2, size // 2]])

    @tf.custom_gradient
    def peaks(tables: Tensor) -> tuple[Tensor, Any]:
        by_place, characters = tf.unstack(tables), tf.transpose(padded)

        def step(place: Tensor, highest: Tensor, at: Tensor) -> tuple[Tensor, ...]:
            score = tf.add_n([tf.gather(by_place[i], characters[place + i]) for i in range(size)])
            higher = (score > highest) & (characters[place + (size - 1) // 2] > 0)[:, tf.newaxis]
            return place + 1, tf.where(higher, score, highest), tf.where(higher, place, at)

        start = (tf.constant(0), tf.fill([count, units], tf.float32.min), tf.zeros([count, units], tf.int32))
        _, highest, at = tf.while_loop(lambda place, *_: place < width, step, start, maximum_iterations=width)

        def grad(upstream: Tensor) -> Tensor:
            def by_cell(i: int) -> Tensor:
                cells = tf.gather(padded, at + i, batch_dims=1) * units + tf.range(units)
                sums = tf.math.unsorted_segment_sum(tf.reshape(upstream, [-1]), tf.reshape(cells, [-1]), ids * units)
                return tf.reshape(sums, [ids, units])

            return tf.stack([by_cell(i) for i in range(size)])

        return highest, grad

    return peaks(tables)


CHARACTER_ENCODERS: dict[str, type[CharacterEncoder]] = {"cnn": CharacterCNN, "bilstm": CharacterBiLSTM}
"""The character encoders by the names that configurations use."""
