"""Encoders: descriptions of how tokens become states, from which a model is built."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

import keras
from pydantic import Field
from typing_extensions import override

from tfkd import layers
from tfkd.layers import CHARACTER_ENCODERS, WordEmbedding
from tfkd.parts import Part, PartRegistry
from tfkd.sections import Count, Rate, Units
from tfkd.tensors import Tensor
from tfkd.text import CASINGS, Text, WordFeatures
from tfkd_base.errors import TfkdError


@dataclass(frozen=True)
class Encoded:
    """Symbolic outputs of an encoder.

    Attributes:
        states: The states of the tokens, `[batch, time, units]`: the output of the layer with the name asked for.
        layers: By name the states `[batch, time, units]` that are not the output of a layer with that name.
        attention: By the name of a layer its attention, `[windows, heads, pieces, pieces]`.
        real: True at the subwords that attention is about, bool `[windows, pieces]`; `None` without attention.
    """

    states: Tensor
    layers: Mapping[str, Tensor] = field(default_factory=dict)
    attention: Mapping[str, Tensor] = field(default_factory=dict)
    real: Tensor | None = None


class Encoder(Part, ABC):
    """Description of an encoder, from which a model builds its layers.

    The fields of an encoder are its arguments in Python and its keys in a configuration.
    """

    @property
    def head_dropout(self) -> float:
        """Rate of dropout on the states that heads and task encoders read."""
        return 0.0

    @property
    def layer_names(self) -> list[str]:
        """Names of the layers with learning rates of their own, from the lowest to the highest; may be empty."""
        return []

    @property
    def windows(self) -> tuple[int, int] | None:
        """Positions and overlap of the windows in which a transformer reads; `None` without windows."""
        return None

    @abstractmethod
    def build(self, text: Text, inputs: Mapping[str, Tensor], mask: Tensor, name: str) -> Encoded:
        """Make the layers, and apply them to symbolic inputs.

        Args:
            text: Makes the features; its vocabulary sizes the embeddings.
            inputs: The features by name, symbolic.
            mask: True at tokens, false in the padding.
            name: Name of the last layer, whose output is `Encoded.states`.

        Raises:
            TfkdError: The encoder reads other features than this text makes.
        """


ENCODERS: PartRegistry[Encoder] = PartRegistry("encoder", "tfkd.encoders")
"""The encoders by their names in configurations."""


@ENCODERS.register("bilstm")
@keras.saving.register_keras_serializable("tfkd", name="BiLSTMEncoder")
class BiLSTM(Encoder):
    """A bidirectional LSTM over word vectors, casing vectors and an encoding of each word's characters.

    The layers it makes, in order: `word_embedding`, `casing_embedding`, `character_encoder`, `embedding` (these three
    side by side), then `encoder_1`, `encoder_2`, ... and, for the last one, the name that the model gives: `encoder` in
    a tagger, `shared_encoder` in a multi-task teacher. Each gives `[batch, time, 2 * units]`.

    Raises:
        TfkdError: A value is out of range.

    Example:
        >>> BiLSTM(units=100).word_units
        100
    """

    units: Units = Field(default=200, description="width of each direction")
    layers: Count = Field(default=1, description="number of layers")
    dropout: Rate = Field(
        default=0.5,
        description="share of the embedding and of every layer's output dropped in training, alike at all tokens",
    )
    word_units: Units = Field(default=100, description="width of a word's vector")
    casing_units: Annotated[int, Field(ge=0)] = Field(default=8, description="width of the casing vector; 0: none")
    characters: Literal["cnn", "bilstm"] | None = Field(
        default="cnn", description="network that reads a word's characters; null: none"
    )
    character_units: Units = Field(default=50, description="width of the encoding of a word's characters")
    character_embedding_units: Units = Field(default=25, description="width of a character's vector")
    word_dropout: Rate = Field(default=0.05, description="share of words replaced by the unknown word in training")

    @property
    @override
    def head_dropout(self) -> float:
        return self.dropout

    @override
    def build(self, text: Text, inputs: Mapping[str, Tensor], mask: Tensor, name: str) -> Encoded:
        if not isinstance(text, WordFeatures):
            raise TfkdError(
                f"a BiLSTM reads words, but the text makes {type(text).__name__}: give the model `text=WordFeatures"
                ".adapt(corpora)`."
            )
        embeddings = [
            WordEmbedding(len(text.words) + 2, self.word_units, self.word_dropout, name="word_embedding")(
                inputs["words"]
            )
        ]
        if self.casing_units:
            casing = WordEmbedding(len(CASINGS), self.casing_units, name="casing_embedding")
            embeddings.append(casing(inputs["casing"]))
        if self.characters is not None:
            encoder = CHARACTER_ENCODERS[self.characters](
                len(text.characters) + 2, self.character_units, self.character_embedding_units, name="character_encoder"
            )
            embeddings.append(encoder(inputs["characters"]))
        states = keras.layers.Concatenate(name="embedding")(embeddings)
        for number in range(1, self.layers + 1):
            layer_name = name if number == self.layers else f"{name}_{number}"
            states = bilstm_layer(self.units, self.dropout, layer_name)(states, mask)
        return Encoded(states)


def bilstm_layer(units: int, dropout: float, name: str) -> Callable[[Tensor, Tensor], Tensor]:
    """Return a function that adds dropout and one bidirectional LSTM layer of this name to a functional model."""

    def apply(states: Tensor, mask: Tensor) -> Tensor:
        if dropout:
            states = locked_dropout(dropout, f"{name}_dropout")(states)
        return layers.BiLSTMLayer(units, name=name)(states, mask=mask)

    return apply


def locked_dropout(rate: float, name: str) -> keras.layers.Dropout:
    """Return a layer that drops the same units at every token of a sentence (Gal and Ghahramani 2016)."""
    return keras.layers.Dropout(rate, noise_shape=(None, 1, None), name=name)
