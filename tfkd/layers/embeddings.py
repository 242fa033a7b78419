"""Embeddings: vectors of words and vectors of words' characters."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf
from typing_extensions import override

from tfkd.layers.packing import Packing
from tfkd.tensors import Tensor


@dataclass(frozen=True)
class Int8Rows:
    """Rows of a table as int8 numbers, each row with a scale of its own.

    A number differs from the original by at most 1/254 of the largest magnitude in its row.

    Attributes:
        numbers: int8 `[rows, units]`.
        scales: float32 `[rows, 1]`.

    Example:
        >>> rows = Int8Rows.of(np.array([[0.5, -1.0], [0.0, 0.0]], np.float32))
        >>> rows.gather(tf.constant([0])).numpy().round(2).tolist()
        [[0.5, -1.0]]
    """

    numbers: tf.Variable
    scales: tf.Variable

    @classmethod
    def of(cls, table: np.ndarray) -> Self:
        """Round a table, float `[rows, units]`."""
        scales = np.abs(table).max(axis=1, keepdims=True) / 127
        numbers = np.rint(table / np.where(scales > 0, scales, 1)).astype(np.int8)
        return cls(tf.Variable(numbers, trainable=False), tf.Variable(scales.astype(np.float32), trainable=False))

    def gather(self, ids: Tensor) -> Tensor:
        """Return rows as float32 `[..., units]`, given their numbers, int32 `[...]`."""
        return tf.cast(tf.gather(self.numbers, ids), tf.float32) * tf.gather(self.scales, ids)


@keras.saving.register_keras_serializable("tfkd")
class WordEmbedding(keras.layers.Layer):
    """Embedding of word ids whose cost does not grow with the vocabulary.

    It differs from `keras.layers.Embedding` in three ways:

    - Rows are gathered from the variable itself. The gradient therefore names the rows that a batch used, and mixed
      precision casts only these rows.
    - Training replaces words by the unknown word at random, so that its vector is learned (Kiperwasser and
      Goldberg 2016).
    - Id 0 is padding. Its vector is always zero.

    Args:
        words: Number of ids, including padding (0) and the unknown word (1).
        units: Width of the vectors.
        word_dropout: Probability that training replaces a word by the unknown word.

    Input: int32 `[batch, time]`. Output: `[batch, time, units]` in the compute dtype. The layer neither creates nor
    passes on a mask.

    Example:
        >>> WordEmbedding(words=10, units=4)(tf.constant([[3, 0]])).shape
        TensorShape([1, 2, 4])
    """

    def __init__(self, words: int, units: int, word_dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.words = words
        self.units = units
        self.word_dropout = word_dropout
        self.seed_generator = keras.random.SeedGenerator()
        self._int8_rows: Int8Rows | None = None

    @contextlib.contextmanager
    def reading_int8(self) -> Iterator[Int8Rows]:
        """Read the vectors from an int8 copy in this context, where graphs for an export are traced.

        Yields:
            The copy, a quarter of the size of the vectors.
        """
        self._int8_rows = Int8Rows.of(self.embeddings.numpy())
        try:
            yield self._int8_rows
        finally:
            self._int8_rows = None

    @override
    def build(self, input_shape: Sequence[int | None]) -> None:
        bound = (3.0 / self.units) ** 0.5  # the expected squared length of a vector is 1, as in Lample et al. 2016
        self.embeddings = self.add_weight(
            shape=(self.words, self.units),
            initializer=keras.initializers.RandomUniform(-bound, bound),
            autocast=False,
            name="embeddings",
        )

    @override
    def call(self, ids: Tensor, training: bool = False) -> Tensor:
        ids = tf.cast(ids, tf.int32)
        real = tf.not_equal(ids, 0)
        if training and self.word_dropout > 0:
            draw = keras.random.uniform(tf.shape(ids), seed=self.seed_generator)
            ids = tf.where(real & (draw < self.word_dropout), 1, ids)
        rows = self._int8_rows
        vectors = tf.gather(self.embeddings.value, ids) if rows is None else rows.gather(ids)
        vectors = tf.cast(vectors, self.compute_dtype)
        return vectors * tf.cast(real, self.compute_dtype)[..., tf.newaxis]

    @override
    def compute_output_spec(self, ids: Tensor, training: bool = False) -> keras.KerasTensor:
        return keras.KerasTensor((*ids.shape, self.units), dtype=self.compute_dtype)

    @override
    def get_config(self) -> dict[str, Any]:
        config = {"words": self.words, "units": self.units, "word_dropout": self.word_dropout}
        return {**super().get_config(), **config}


class CharacterEncoder(keras.layers.Layer):
    """Base class of layers that turn the characters of each word into one vector.

    Padding characters (id 0) do not change the vector, wherever they are.

    Args:
        characters: Number of character ids, including padding (0) and unknown (1).
        units: Width of a word's vector.
        embedding_units: Width of a character's vector.

    Input: int32 `[batch, time, characters]`. Output: `[batch, time, units]` in the compute dtype, zeros for a
    word without characters. The layer neither creates nor passes on a mask.
    """

    def __init__(self, characters: int, units: int = 50, embedding_units: int = 25, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.characters = characters
        self.units = units
        self.embedding_units = embedding_units

    @override
    def build(self, input_shape: Sequence[int | None]) -> None:
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
        words = Packing(words > 0).pack(words)
        encoded = tf.cast(self.encode(words), self.compute_dtype)
        encoded = tf.where(tf.reduce_any(words > 0, axis=1, keepdims=True), encoded, tf.zeros([], encoded.dtype))
        return tf.reshape(encoded, [shape[0], shape[1], self.units])

    def encode(self, words: Tensor) -> Tensor:
        """Return the vectors `[words, units]` of words given as character ids, int32 `[words, characters]`."""
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
    """Convolution over a word's characters with max pooling (Ma and Hovy 2016).

    Args:
        characters: Number of character ids, including padding (0) and unknown (1).
        units: Number of filters.
        embedding_units: Width of a character's vector.
        kernel_size: Number of neighbouring characters that a filter reads.

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
    def build(self, input_shape: Sequence[int | None]) -> None:
        super().build(input_shape)
        self.kernel = self.add_weight(
            shape=(self.kernel_size, self.embedding_units, self.units), initializer="glorot_uniform", name="kernel"
        )
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    @override
    def encode(self, words: Tensor) -> Tensor:
        # There are few characters, so the score of each character at each position of a filter fits in a small table.
        # The score of a filter is the sum of one row for each of its positions.
        not_padding = tf.cast(tf.range(self.characters) > 0, tf.float32)[:, tf.newaxis]
        embeddings, kernel = (tf.cast(w, tf.float32) for w in (self.embeddings, self.kernel))
        tables = tf.einsum("cw,kwu->kcu", embeddings * not_padding, kernel)
        return tf.nn.relu(_max_scores(words, tables) + tf.cast(self.bias, tf.float32))

    @override
    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kernel_size": self.kernel_size}


@keras.saving.register_keras_serializable("tfkd")
class CharacterBiLSTM(CharacterEncoder):
    """Bidirectional LSTM over a word's characters; returns both final states (Lample et al. 2016).

    Args:
        characters: Number of character ids, including padding (0) and unknown (1).
        units: Width of a word's vector, half of it for each direction. Must be even.
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
            raise ValueError(f"The two directions share the units equally: expected an even number, got {units}.")
        # Without cuDNN, which refuses words without characters, and whose graphs would need a GPU.
        lstm = keras.layers.LSTM(units // 2, use_cudnn=False)
        self.lstm = keras.layers.Bidirectional(lstm, name="lstm", dtype=self.dtype_policy)

    @override
    def build(self, input_shape: Sequence[int | None]) -> None:
        super().build(input_shape)
        self.lstm.build((None, None, self.embedding_units))

    @override
    def encode(self, words: Tensor) -> Tensor:
        # The gradient of a product with one-hot rows is a product; the gradient of a gather would be a slower scatter.
        one_hot = tf.one_hot(words, self.characters, dtype=self.compute_dtype)
        return self.lstm(tf.matmul(one_hot, tf.cast(self.embeddings, self.compute_dtype)), mask=words > 0)


def _max_scores(words: Tensor, tables: Tensor) -> Tensor:
    """Return the highest score of each filter over a word's characters.

    Args:
        words: Character ids, int32 `[words, characters]`, 0 in the padding.
        tables: Score of each character at each position of each filter, float32 `[kernel_size, ids, units]`.

    Returns:
        `[words, units]`; the lowest float32 value for a word without characters.
    """
    size, ids, units = tables.shape
    count, width = tf.shape(words)[0], tf.shape(words)[1]
    padded = tf.pad(words, [[0, 0], [(size - 1) // 2, size // 2]])

    @tf.custom_gradient
    def compute(tables: Tensor) -> tuple[Tensor, Any]:
        by_position, characters = tf.unstack(tables), tf.transpose(padded)

        def step(place: Tensor, highest: Tensor, at: Tensor) -> tuple[Tensor, ...]:
            score = tf.add_n([tf.gather(by_position[i], characters[place + i]) for i in range(size)])
            higher = (score > highest) & (characters[place + (size - 1) // 2] > 0)[:, tf.newaxis]
            return place + 1, tf.where(higher, score, highest), tf.where(higher, place, at)

        start = (tf.constant(0), tf.fill([count, units], tf.float32.min), tf.zeros([count, units], tf.int32))
        _, highest, at = tf.while_loop(lambda place, *_: place < width, step, start, maximum_iterations=width)

        def grad(upstream: Tensor) -> Tensor:
            def gradient_of_position(i: int) -> Tensor:
                cells = tf.gather(padded, at + i, batch_dims=1) * units + tf.range(units)
                sums = tf.math.unsorted_segment_sum(tf.reshape(upstream, [-1]), tf.reshape(cells, [-1]), ids * units)
                return tf.reshape(sums, [ids, units])

            return tf.stack([gradient_of_position(i) for i in range(size)])

        return highest, grad

    return compute(tables)


CHARACTER_ENCODERS: dict[str, type[CharacterEncoder]] = {"cnn": CharacterCNN, "bilstm": CharacterBiLSTM}
"""Character encoders by their name in configurations."""
