"""Embedding of word ids whose cost does not grow with the vocabulary."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from typing_extensions import override

Tensor = Any


@keras.saving.register_keras_serializable("tfkd")
class WordEmbedding(keras.layers.Layer):
    """Look up a vector for each word id.

    Differs from `keras.layers.Embedding` in three ways: rows are gathered from the variable itself, so
    that the gradient names the rows it touches and mixed precision casts those rows alone; known words
    are replaced by the unknown word at random during training, so that the unknown word's vector is
    learned (Kiperwasser and Goldberg 2016 use the same device); and id 0 is padding, always a vector of zeros.

    Args:
        words: Number of ids, padding (0) and the unknown word (1) among them.
        units: Width of the vectors.
        word_dropout: Probability of taking a word for unknown during training.

    Input: int32 `[batch, time]`. Output: `[batch, time, units]` in the compute dtype. No mask is made or passed on.

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

    @override
    def build(self, input_shape: Any) -> None:
        bound = (3.0 / self.units) ** 0.5  # unit variance of a vector's length, as in Lample et al. 2016
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
        vectors = tf.cast(tf.gather(self.embeddings.value, ids), self.compute_dtype)
        return vectors * tf.cast(real, self.compute_dtype)[..., tf.newaxis]

    @override
    def compute_output_spec(self, ids: Tensor, training: bool = False) -> keras.KerasTensor:
        return keras.KerasTensor((*ids.shape, self.units), dtype=self.compute_dtype)

    @override
    def get_config(self) -> dict[str, Any]:
        config = {"words": self.words, "units": self.units, "word_dropout": self.word_dropout}
        return {**super().get_config(), **config}
