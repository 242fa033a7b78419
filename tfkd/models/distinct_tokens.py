"""Character encodings, computed once for each distinct token.

Most tokens of a text are repetitions: of 32 abstracts one token in five is new. Encoding the characters of a word takes
as long as the rest of the network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfkd.tensors import Tensor

CHARACTERS, CHARACTER_ENCODER = "characters", "character_encoder"
"""Names of the feature and of the layer that reads it."""
PART = 8192
"""Number of tokens that are encoded at once."""


def prepared(model: keras.Model, table: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a table of distinct tokens with encoded characters.

    Args:
        model: A functional model of the features.
        table: The features of distinct tokens, from `Text.make_table` or `Text.make_large_table`.

    Returns:
        The table, with `characters` float `[types, units]` if the model has a character encoder. Batches gathered from
        it are for `Tagging.emissions`.

    Example:
        >>> from tfkd.models import BiLSTM, Tagger
        >>> from tfkd.text import WordFeatures
        >>> model = Tagger(WordFeatures(["cancer"], ["c"]), ["O", "B-X"], encoder=BiLSTM(units=2, character_units=4))
        >>> prepared(model, model.text.make_table(tf.constant(["", "cancer"])))["characters"].shape
        TensorShape([2, 4])
    """
    if not _reads_characters(model):
        return table
    return {**table, CHARACTERS: _encoded(model, table[CHARACTERS])}


class DistinctTokens:
    """Two halves of a functional model: the character encoder, and the network that reads its output.

    They share the model's layers. Keras does not look into this object for layers.
    """

    def __init__(self) -> None:
        self._network: keras.Model | None = None
        self._prepare: Callable[[Tensor], Tensor] | None = None

    def prepared(self, model: keras.Model, table: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the table of the function `prepared`, outside of a graph and with bounded memory."""
        if CHARACTERS not in table or not _reads_characters(model):
            return table
        if self._prepare is None:
            spec = tf.TensorSpec([None, None], tf.int32)
            encode = tf.function(lambda x: _encoded(model, x), autograph=False)
            # A concrete function: with many tasks TensorFlow would warn about retracing the same function.
            self._prepare = encode.get_concrete_function(spec)
        characters = table[CHARACTERS]
        parts = [self._prepare(characters[i : i + PART]) for i in range(0, len(characters), PART)]
        return {**table, CHARACTERS: tf.concat(parts, 0)}

    def above(self, model: keras.Model, features: dict[str, Tensor]) -> Any:
        """Run the second half on features gathered from a table of `prepared`, without dropout."""
        names = list(model.input)
        if self._network is None:
            inputs = {**model.input, CHARACTERS: model.get_layer(CHARACTER_ENCODER).output}
            self._network = keras.Model([inputs[name] for name in names], model.output)
        return self._network([features[name] for name in names], training=False)


def are_prepared(features: dict[str, Tensor]) -> bool:
    """Tell whether features were gathered from a table of `prepared`."""
    return CHARACTERS in features and features[CHARACTERS].dtype.is_floating


def _reads_characters(model: keras.Model) -> bool:
    return any(layer.name == CHARACTER_ENCODER for layer in model.layers)


def _encoded(model: keras.Model, characters: Tensor) -> Tensor:
    """Return the encodings of characters, int32 `[types, characters]`; the layer reads sentences, here of one token."""
    return model.get_layer(CHARACTER_ENCODER)(characters[:, tf.newaxis])[:, 0]
