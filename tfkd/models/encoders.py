"""Encoders: descriptions of how tokens become states, which a model builds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self, TypeVar

import keras
from typing_extensions import override

from tfkd import layers
from tfkd.layers import CHARACTER_ENCODERS, WordEmbedding
from tfkd.text import CASINGS, Text, WordFeatures
from tfkd_base.errors import TfkdError, nearest

Tensor = Any
LayerType = TypeVar("LayerType", bound=keras.layers.Layer)


@dataclass(frozen=True)
class Encoded:
    """What an encoder makes of a sentence, symbolic.

    Attributes:
        states: The states of the tokens, `[batch, time, units]`, the output of the layer that bears the asked name.
        layers: By name the states `[batch, time, units]` that are no output of a layer of this name.
        attention: By the name of a layer its attention, `[windows, heads, pieces, pieces]`.
        real: True at the pieces that attention is about, bool `[windows, pieces]`; `None` without attention.
    """

    states: Tensor
    layers: Mapping[str, Tensor] = field(default_factory=dict)
    attention: Mapping[str, Tensor] = field(default_factory=dict)
    real: Tensor | None = None


class Encoder(ABC):
    """A description of an encoder, which a model builds.

    Attributes:
        dropout: Rate of dropout within it, and above it.
    """

    dropout: float

    @property
    def layer_names(self) -> list[str]:
        """Names of the layers that bear weights of their own rates, from the lowest to the highest; may be none."""
        return []

    @property
    def windows(self) -> tuple[int, int] | None:
        """Positions of the windows in which a transformer reads, and pieces that two share; `None` without windows."""
        return None

    @abstractmethod
    def build(self, text: Text, inputs: dict[str, Tensor], mask: Tensor, name: str) -> Encoded:
        """Make the layers, and what they make of the inputs.

        Args:
            text: What makes the features; its vocabulary sizes the embeddings.
            inputs: The features, symbolic.
            mask: True at real tokens.
            name: Name of the last layer.

        Raises:
            TfkdError: The encoder reads other features than this text makes.
        """

    @abstractmethod
    def get_config(self) -> dict[str, Any]:
        """Return all that is needed to build it again."""

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make the same description again."""
        return cls(**config)


@keras.saving.register_keras_serializable("tfkd", name="BiLSTMEncoder")
@dataclass(frozen=True)
class BiLSTM(Encoder):
    """A bidirectional LSTM over word vectors, casing vectors and an encoding of the characters.

    The layers it makes, in order: `word_embedding`, `casing_embedding`, `character_encoder`, `embedding` (all of these
    side by side), then `encoder_1`, `encoder_2`, ... and, for the last one, the name that the model gives: `encoder` in
    a tagger, `shared_encoder` in a multi-task teacher. Each gives `[batch, time, 2 * units]`.

    Args:
        units: Units of each direction.
        layers: Bidirectional layers, one above the other.
        dropout: Rate of dropout on the embedding and on every layer's output; a sentence's tokens lose the same units.
        word_units: Width of the word vectors.
        casing_units: Width of the casing vectors; 0 for none.
        characters: `"cnn"`, `"bilstm"` or `None`.
        character_units: Width of the encoding of a word's characters.
        character_embedding_units: Width of the character vectors.
        word_dropout: Probability of taking a word for unknown during training.

    Raises:
        TfkdError: A width is below 1, a rate is outside 0 to 1, or `characters` is none of the above.

    Example:
        >>> BiLSTM(200).units
        200
    """

    units: int = 200
    layers: int = 1
    dropout: float = 0.5
    word_units: int = 100
    casing_units: int = 8
    characters: str | None = "cnn"
    character_units: int = 50
    character_embedding_units: int = 25
    word_dropout: float = 0.05

    def __post_init__(self) -> None:
        """Check the values."""
        for name in ("units", "layers", "word_units", "character_units", "character_embedding_units"):
            if getattr(self, name) < 1:
                raise TfkdError(f"{name} of a BiLSTM must be at least 1, got {getattr(self, name)}.")
        for name in ("dropout", "word_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise TfkdError(f"{name} of a BiLSTM must be at least 0 and below 1, got {getattr(self, name)}.")
        if self.characters is not None and self.characters not in CHARACTER_ENCODERS:
            raise TfkdError(
                f"no character encoder is called {self.characters!r}: {nearest(self.characters, CHARACTER_ENCODERS)}"
            )

    @override
    def build(self, text: Text, inputs: dict[str, Tensor], mask: Tensor, name: str) -> Encoded:
        if not isinstance(text, WordFeatures):
            raise TfkdError(
                f"a BiLSTM reads words, but the text makes {type(text).__name__}: give the model `text=WordFeatures"
                ".adapt(corpora)`."
            )
        parts = [
            WordEmbedding(len(text.words) + 2, self.word_units, self.word_dropout, name="word_embedding")(
                inputs["words"]
            )
        ]
        if self.casing_units:
            parts.append(WordEmbedding(len(CASINGS), self.casing_units, name="casing_embedding")(inputs["casing"]))
        if self.characters is not None:
            encoder = CHARACTER_ENCODERS[self.characters](
                len(text.characters) + 2, self.character_units, self.character_embedding_units, name="character_encoder"
            )
            parts.append(encoder(inputs["characters"]))
        states = keras.layers.Concatenate(name="embedding")(parts)
        for number in range(1, self.layers + 1):
            layer_name = name if number == self.layers else f"{name}_{number}"
            states = bilstm_layer(self.units, self.dropout, layer_name)(states, mask)
        return Encoded(states)

    @override
    def get_config(self) -> dict[str, Any]:
        return asdict(self)


def bilstm_layer(units: int, dropout: float, name: str) -> Callable[[Tensor, Tensor], Tensor]:
    """Make a function that adds dropout and one bidirectional LSTM layer of this name to a functional model."""

    def apply(states: Tensor, mask: Tensor) -> Tensor:
        if dropout:
            states = locked_dropout(dropout, f"{name}_dropout")(states)
        return layers.BiLSTMLayer(units, name=name)(states, mask=mask)

    return apply


def locked_dropout(rate: float, name: str) -> keras.layers.Dropout:
    """Make a layer that drops the same units at every token of a sentence (Gal and Ghahramani 2016)."""
    return keras.layers.Dropout(rate, noise_shape=(None, 1, None), name=name)
