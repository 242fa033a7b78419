"""What a network makes of a token alone, made once for each distinct token.

Most of the tokens of a text are others over again: of 32 abstracts one in five is new. The characters of a word take
as long as all that comes after them.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

Tensor = Any
CHARACTERS, CHARACTER_ENCODER = "characters", "character_encoder"
"""The feature, and the layer that reads it."""
PART = 8192
"""Tokens that are prepared at once."""


def prepared(model: keras.Model, table: dict[str, Tensor]) -> dict[str, Tensor]:
    """Replace the characters in a table of distinct tokens by what the network makes of them.

    Args:
        model: A functional model of the features.
        table: The features of distinct tokens, from `Text.make_table` or `Text.make_large_table`.

    Returns:
        The table, with `characters` float `[types, units]` where the model has an encoder of characters; batches
        gathered from it are for `Tagging.emissions`.

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
    """Both halves of a functional model: what is made of a token alone, and what reads it in place of the characters.

    They have the model's layers, and are kept where Keras does not look for layers.
    """

    def __init__(self) -> None:
        self._network: keras.Model | None = None
        self._prepare: Any = None

    def prepared(self, model: keras.Model, table: dict[str, Tensor]) -> dict[str, Tensor]:
        """Do what `prepared` does outside of a graph, of a table of any size with bounded memory."""
        if CHARACTERS not in table or not _reads_characters(model):
            return table
        if self._prepare is None:
            spec = tf.TensorSpec([None, None], tf.int32)
            encode = tf.function(lambda x: _encoded(model, x), autograph=False)
            # A concrete one: of many tasks TensorFlow would take each one's trace for a new trace of the same function.
            self._prepare = encode.get_concrete_function(spec)
        characters = table[CHARACTERS]
        parts = [self._prepare(characters[i : i + PART]) for i in range(0, len(characters), PART)]
        return {**table, CHARACTERS: tf.concat(parts, 0)}

    def above(self, model: keras.Model, features: dict[str, Tensor]) -> Any:
        """Run the part on features that were gathered from what `prepared` gives, without dropout."""
        names = list(model.input)
        if self._network is None:
            inputs = {**model.input, CHARACTERS: model.get_layer(CHARACTER_ENCODER).output}
            self._network = keras.Model([inputs[name] for name in names], model.output)
        return self._network([features[name] for name in names], training=False)


def are_prepared(features: dict[str, Tensor]) -> bool:
    """Tell whether features were gathered from what `prepared` gives."""
    return CHARACTERS in features and features[CHARACTERS].dtype.is_floating


def _reads_characters(model: keras.Model) -> bool:
    return any(layer.name == CHARACTER_ENCODER for layer in model.layers)


def _encoded(model: keras.Model, characters: Tensor) -> Tensor:
    """Encode the characters of distinct tokens, int32 `[types, characters]`: the layer reads sentences, here of one."""
    return model.get_layer(CHARACTER_ENCODER)(characters[:, tf.newaxis])[:, 0]
