"""Sizes of a BERT-type encoder, and the interface of sources of its weights."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tfkd.layers import ACTIVATIONS
from tfkd.text import PieceFeatures
from tfkd_base.errors import TfkdError, nearest


@dataclass(frozen=True)
class Architecture:
    """Sizes of a BERT-type encoder: everything that is needed to build it.

    Attributes:
        pieces: Number of subwords in the vocabulary.
        positions: Maximum length of a window, including the two special tokens.
        units: Width of the states.
        layers: Number of layers.
        heads: Number of attention heads of each layer.
        inner_units: Width of the inner layer of the feed-forward networks.
        activation: One of `tfkd.layers.ACTIVATIONS`.
        epsilon: Added to the variance when normalising.

    Raises:
        TfkdError: A size is below 1, the heads do not divide the units, epsilon is negative, or the activation is
            unknown.

    Example:
        >>> Architecture(pieces=9, positions=8, units=4, layers=1, heads=2, inner_units=8).activation
        'gelu'
    """

    pieces: int
    positions: int
    units: int
    layers: int
    heads: int
    inner_units: int
    activation: str = "gelu"
    epsilon: float = 1e-12

    def __post_init__(self) -> None:
        """Check the sizes."""
        for name in ("pieces", "units", "layers", "heads", "inner_units"):
            if getattr(self, name) < 1:
                raise TfkdError(f"expected {name} of an encoder to be at least 1, got {getattr(self, name)}.")
        if self.positions < 3:
            raise TfkdError(f"expected at least 3 positions (two special tokens and a subword), got {self.positions}.")
        if self.units % self.heads:
            raise TfkdError(f"expected units that {self.heads} heads can share equally, got {self.units}.")
        if not 0 <= self.epsilon < math.inf:
            raise TfkdError(f"expected epsilon of an encoder to be finite and at least 0, got {self.epsilon}.")
        if self.activation not in ACTIVATIONS:
            raise TfkdError(f"unknown activation {self.activation!r}: {nearest(self.activation, ACTIVATIONS)}")

    def get_config(self) -> dict[str, Any]:
        """Return the sizes as plain data."""
        return asdict(self)


class Pretrained(ABC):
    """A stored pre-trained encoder: its sizes, its vocabulary and its weights, which are read on demand.

    Attributes:
        name: Name in messages.
        architecture: Sizes of the encoder.
    """

    name: str
    architecture: Architecture

    @abstractmethod
    def text(self) -> PieceFeatures:
        """Read the vocabulary and return its featurizer.

        Raises:
            TfkdError: The vocabulary is missing, damaged, or larger than that of the encoder.
        """

    @abstractmethod
    def check(self) -> None:
        """Refuse an embedding whose size differs from the architecture, without reading its weights.

        Raises:
            TfkdError: The weights are missing or have another shape.
        """

    @abstractmethod
    def embedding(self) -> dict[str, np.ndarray]:
        """Read the weights of the embedding, float32, by the weight names of `tfkd.layers.PieceEmbedding`.

        Raises:
            TfkdError: A weight is missing or has another shape.
        """

    @abstractmethod
    def layer(self, number: int) -> dict[str, np.ndarray]:
        """Read the weights of a layer, float32, by the weight names of `tfkd.layers.TransformerLayer`.

        Args:
            number: Number of the layer, from 0.

        Raises:
            TfkdError: A weight is missing or has another shape.
        """
