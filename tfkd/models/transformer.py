"""A pre-trained transformer as an encoder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import keras
import numpy as np
from pydantic import BeforeValidator, Field, model_validator
from typing_extensions import override

from tfkd.layers import PieceEmbedding, PieceWindows, TransformerLayer, WordPooling
from tfkd.models.encoders import ENCODERS, Encoded, Encoder
from tfkd.pretrained import Architecture, open_pretrained
from tfkd.sections import Count, NonEmpty, Rate
from tfkd.tensors import Tensor
from tfkd.text import PieceFeatures, Text
from tfkd_base.errors import TfkdError


def _to_text(value: object) -> object:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


@ENCODERS.register("transformer")
@keras.saving.register_keras_serializable("tfkd")
class Transformer(Encoder):
    """A pre-trained transformer over the subwords of a sentence's words.

    A word's vector is that of its first subword, or the mean of its subwords. A sentence that is longer than the
    encoder's positions is read in windows that overlap, see `tfkd.layers.PieceWindows`.

    The layers it makes, in order: `windows`, `piece_embedding`, `transformer_1`, `transformer_2`, ... and above the
    last one `encoder` in a tagger or `shared_encoder` in a multi-task teacher, which pools subwords to words. In
    distillation each of these names stands for the states of the words, `[batch, time, units]`.

    Raises:
        TfkdError: There is neither a source nor an architecture, the source cannot be read, it has fewer layers, or a
            value is out of range.

    Example:
        >>> sizes = Architecture(pieces=6, positions=8, units=4, layers=2, heads=2, inner_units=8)
        >>> Transformer(architecture=sizes, layers=1).sizes.layers
        1
    """

    transformer: Annotated[NonEmpty | None, BeforeValidator(_to_text)] = Field(
        default=None,
        description="folder saved by Hugging Face's `transformers` (BERT, RoBERTa, DistilBERT), relative to the "
        "current folder; or a preset of keras-hub, by its name or folder. This key makes the encoder a transformer",
    )
    layers: Count | None = Field(
        default=None, description="number of its layers to use, spread evenly over its depth; null: all"
    )
    pooling: Literal["first", "mean"] = Field(
        default="first", description="a word's vector: that of its first subword, or the mean of its subwords"
    )
    dropout: Rate = Field(default=0.1, description="share of units dropped in training, in its layers and above them")
    frozen_layers: Annotated[int, Field(ge=0)] = Field(
        default=0,
        description="number of lower layers that are not trained, and neither is the embedding then; 0: all are "
        "trained",
    )
    overlap: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="subwords that a window shares with the next; null: a quarter of the positions"
    )
    architecture: Architecture | None = Field(
        default=None,
        exclude=True,
        description="the sizes, where there is no source: the weights are then drawn at random",
    )

    @model_validator(mode="after")
    def _has_sizes(self) -> Self:
        if self.transformer is None and self.architecture is None:
            raise ValueError("a transformer needs `transformer`, a folder or a preset, or else an `architecture`")
        return self

    @override
    def check(self) -> None:
        """Read the sizes of the source, and check that they fit.

        Raises:
            TfkdError: The source cannot be read, or has fewer layers.
        """
        PieceWindows(self.sizes.positions, 0, 0, 0, self.overlap)

    @cached_property
    def sizes(self) -> Architecture:
        """The sizes of this encoder, with the layers that it uses.

        Raises:
            TfkdError: The source cannot be read, or has fewer layers.
        """
        sizes = self.architecture
        if sizes is None:
            assert self.transformer is not None
            sizes = open_pretrained(self.transformer).architecture
        layers = sizes.layers if self.layers is None else self.layers
        if not 1 <= layers <= sizes.layers:
            raise TfkdError(f"expected 1 to {sizes.layers} layers, as {self._description} has, got {layers}.")
        if not 0 <= self.frozen_layers <= layers:
            raise TfkdError(f"expected 0 to {layers} frozen layers, got {self.frozen_layers}.")
        return replace(sizes, layers=layers)

    @property
    @override
    def head_dropout(self) -> float:
        return self.dropout

    @override
    def build(self, text: Text, inputs: Mapping[str, Tensor], mask: Tensor, name: str) -> Encoded:
        pieces = self._require(text)
        if self.transformer is not None:
            open_pretrained(self.transformer).check()
        cut = PieceWindows(self.sizes.positions, pieces.begin, pieces.end, pieces.padding, self.overlap, name="windows")
        embedding, layers = self._make_layers()
        ids, real, places = cut(inputs["pieces"])
        states, attention = {embedding.name: embedding(ids)}, {}
        for before, layer in zip(self.layer_names, layers, strict=False):
            states[layer.name], attention[layer.name] = layer(states[before], real)
        words = {}
        for of, given in states.items():
            pooling = WordPooling(self.pooling, name=name if of == self.layer_names[-1] else f"{of}_words")
            words[of] = pooling(given, places, inputs["counts"])
        if self.transformer is not None:
            self._load(embedding, layers)
        # A window of only its two marks is padding for a longer sentence in the batch.
        with_pieces = keras.ops.any(real[:, 2:], axis=1, keepdims=True)
        return Encoded(words[self.layer_names[-1]], words, attention, keras.ops.logical_and(real, with_pieces))

    def _require(self, text: Text) -> PieceFeatures:
        if not isinstance(text, PieceFeatures):
            raise TfkdError(
                f"a transformer reads subwords, but the text makes {type(text).__name__}: give the model "
                f"`text=open_pretrained({str(self.transformer or 'FOLDER')!r}).text()`."
            )
        if len(text.pieces) > self.sizes.pieces:
            raise TfkdError(
                f"the text has {len(text.pieces):,} subwords, {self._description} {self.sizes.pieces:,}: they do not "
                "fit together."
            )
        return text

    def _make_layers(self) -> tuple[PieceEmbedding, list[TransformerLayer]]:
        sizes, (lowest, *names) = self.sizes, self.layer_names
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
        return ["piece_embedding", *(f"transformer_{number}" for number in range(1, self.sizes.layers + 1))]

    @property
    @override
    def windows(self) -> tuple[int, int]:
        positions = self.sizes.positions
        return positions, positions // 4 if self.overlap is None else self.overlap

    @override
    def get_config(self) -> dict[str, Any]:
        # Without the source, which models saved by earlier versions call `source`: a saved model has its own weights.
        fields = {name: value for name, value in super().get_config().items() if name != "transformer"}
        sizes = self.sizes
        return {**fields, "layers": sizes.layers, "source": None, "architecture": sizes.get_config()}

    @classmethod
    @override
    def from_config(cls, config: dict[str, Any]) -> Self:
        settings = {name: value for name, value in config.items() if name != "source"}
        return cls(**{**settings, "architecture": Architecture(**settings["architecture"])})

    @property
    def _description(self) -> str:
        return "the encoder" if self.transformer is None else f"the encoder {Path(self.transformer).name}"

    def _load(self, embedding: PieceEmbedding, layers: list[TransformerLayer]) -> None:
        """Set the weights to those of the source, those of a smaller encoder evenly over its depth."""
        assert self.transformer is not None
        pretrained = open_pretrained(self.transformer)
        set_weights(embedding, pretrained.embedding())
        for layer, number in zip(layers, evenly(len(layers), pretrained.architecture.layers), strict=True):
            set_weights(layer, pretrained.layer(number))


def evenly(layers: int, of: int) -> list[int]:
    """Choose layers of a deeper encoder, evenly over its depth, the last one among them.

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
