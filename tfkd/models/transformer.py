"""A pre-trained transformer as an encoder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from typing_extensions import override

from tfkd.layers import PieceEmbedding, PieceWindows, Pooling, TransformerLayer, WordPooling
from tfkd.models.encoders import Encoded, Encoder
from tfkd.pretrained import Architecture, open_pretrained
from tfkd.text import PieceFeatures, Text
from tfkd_base.errors import TfkdError

Tensor = Any


@keras.saving.register_keras_serializable("tfkd")
@dataclass(frozen=True)
class Transformer(Encoder):
    """A BERT-type encoder of word pieces, whose words are the units all the same.

    A word's vector is that of its first piece, or the mean of its pieces. A sentence that is longer than the encoder's
    positions is read in windows that overlap, see `tfkd.layers.PieceWindows`.

    The layers it makes, in order: `windows`, `piece_embedding`, `transformer_1`, `transformer_2`, ... and, above the
    last one, `encoder` in a tagger or `shared_encoder` in a multi-task teacher, which makes words of pieces. To distil
    from or into, every one of them stands for what it gives for each word, `[batch, time, units]`.

    Args:
        source: Where sizes and weights come from, see `tfkd.pretrained.open_pretrained`.
        layers: How many layers to take of it, evenly over its depth; all by default.
        pooling: `"first"` or `"mean"`.
        dropout: Rate of dropout within the layers and above them.
        frozen_layers: The embedding and so many of the first layers are not trained.
        overlap: Pieces that a window shares with the next; a quarter of the positions by default.
        architecture: The sizes, where there is no source: the weights are then drawn at random.

    Raises:
        TfkdError: There is neither source nor architecture, the source cannot be read, it has fewer layers, or a value
            is out of range.

    Example:
        >>> sizes = Architecture(pieces=6, positions=8, units=4, layers=2, heads=2, inner_units=8)
        >>> Transformer(architecture=sizes, layers=1).architecture.layers
        1
    """

    source: str | os.PathLike[str] | None = None
    layers: int | None = None
    pooling: Pooling = "first"
    dropout: float = 0.1
    frozen_layers: int = 0
    overlap: int | None = None
    architecture: Architecture | None = None

    def __post_init__(self) -> None:
        """Check the values, and read the sizes."""
        sizes = self.architecture
        if sizes is None:
            if self.source is None:
                raise TfkdError("a transformer needs a `source`, a folder or a preset, or else an `architecture`.")
            sizes = open_pretrained(self.source).architecture
        layers = sizes.layers if self.layers is None else self.layers
        if not 1 <= layers <= sizes.layers:
            raise TfkdError(f"expected 1 to {sizes.layers} layers, as {self._named} has, got {layers}.")
        if not 0 <= self.frozen_layers <= layers:
            raise TfkdError(f"expected 0 to {layers} frozen layers, got {self.frozen_layers}.")
        if not 0 <= self.dropout < 1:
            raise TfkdError(f"dropout of a transformer must be at least 0 and below 1, got {self.dropout}.")
        # These two check what is theirs; nothing of them is kept.
        WordPooling(self.pooling)
        PieceWindows(sizes.positions, 0, 0, 0, self.overlap)
        object.__setattr__(self, "architecture", replace(sizes, layers=layers))
        object.__setattr__(self, "layers", layers)

    @override
    def build(self, text: Text, inputs: dict[str, Tensor], mask: Tensor, name: str) -> Encoded:
        pieces = self._require(text)
        if self.source is not None:
            open_pretrained(self.source).check()
        cut = PieceWindows(
            self._sizes.positions, pieces.begin, pieces.end, pieces.padding, self.overlap, name="windows"
        )
        embedding, layers = self._make_layers()
        ids, real, places = cut(inputs["pieces"])
        states, attention = {embedding.name: embedding(ids)}, {}
        for before, layer in zip(self.layer_names, layers, strict=False):
            states[layer.name], attention[layer.name] = layer(states[before], real)
        words = {}
        for of, given in states.items():
            pooling = WordPooling(self.pooling, name=name if of == self.layer_names[-1] else f"{of}_words")
            words[of] = pooling(given, places, inputs["counts"])
        if self.source is not None:
            self._load(embedding, layers)
        # A window of its two marks alone is there because of a longer sentence beside it.
        with_pieces = keras.ops.any(real[:, 2:], axis=1, keepdims=True)
        return Encoded(words[self.layer_names[-1]], words, attention, keras.ops.logical_and(real, with_pieces))

    def _require(self, text: Text) -> PieceFeatures:
        if not isinstance(text, PieceFeatures):
            raise TfkdError(
                f"a transformer reads word pieces, but the text makes {type(text).__name__}: give the model "
                f"`text=open_pretrained({str(self.source or 'FOLDER')!r}).text()`."
            )
        if len(text.pieces) > self._sizes.pieces:
            raise TfkdError(
                f"the text knows {len(text.pieces):,} pieces, {self._named} {self._sizes.pieces:,}: they do not go "
                "together."
            )
        return text

    def _make_layers(self) -> tuple[PieceEmbedding, list[TransformerLayer]]:
        sizes, (lowest, *names) = self._sizes, self.layer_names
        embedding = PieceEmbedding(sizes.pieces, sizes.positions, sizes.units, sizes.epsilon, self.dropout, name=lowest)
        settings = (sizes.units, sizes.heads, sizes.inner_units, sizes.activation, sizes.epsilon, self.dropout)
        layers = [TransformerLayer(*settings, name=name) for name in names]
        embedding.trainable = not self.frozen_layers
        for layer in layers[: self.frozen_layers]:
            layer.trainable = False
        return embedding, layers

    @property
    @override
    def layer_names(self) -> list[str]:
        return ["piece_embedding", *(f"transformer_{number}" for number in range(1, self._sizes.layers + 1))]

    @property
    @override
    def windows(self) -> tuple[int, int]:
        positions = self._sizes.positions
        return positions, positions // 4 if self.overlap is None else self.overlap

    @override
    def get_config(self) -> dict[str, Any]:
        # Without the source: what is saved has weights of its own.
        return {**asdict(self), "source": None, "architecture": self._sizes.get_config()}

    @classmethod
    @override
    def from_config(cls, config: dict[str, Any]) -> Transformer:
        return cls(**{**config, "architecture": Architecture(**config["architecture"])})

    @property
    def _sizes(self) -> Architecture:
        assert self.architecture is not None
        return self.architecture

    @property
    def _named(self) -> str:
        return "the encoder" if self.source is None else f"the encoder {Path(self.source).name}"

    def _load(self, embedding: PieceEmbedding, layers: list[TransformerLayer]) -> None:
        """Set the weights to those of the source, those of a smaller encoder evenly over its depth."""
        assert self.source is not None
        pretrained = open_pretrained(self.source)
        set_weights(embedding, pretrained.embedding())
        for layer, number in zip(layers, evenly(len(layers), pretrained.architecture.layers), strict=True):
            set_weights(layer, pretrained.layer(number))


def evenly(layers: int, of: int) -> list[int]:
    """Choose so many layers of a deeper encoder, evenly over its depth, the last one among them.

    Args:
        layers: How many to choose.
        of: How many there are.

    Returns:
        Their numbers, counted from 0.

    Example:
        >>> evenly(3, 6), evenly(2, 5)
        ([1, 3, 5], [1, 4])
    """
    return [round((number + 1) * of / layers) - 1 for number in range(layers)]


def set_weights(layer: keras.layers.Layer, values: Mapping[str, np.ndarray]) -> None:
    """Set the weights of a layer by their names; all must be given."""
    weights = {weight.name: weight for weight in layer.trainable_weights + layer.non_trainable_weights}
    for name, value in values.items():
        weights[name].assign(value)
