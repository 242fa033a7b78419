"""What a BERT-type encoder is made of, as plain data, and where its weights come from."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tfkd.text import PieceFeatures
from tfkd_base.errors import TfkdError, nearest

ACTIVATIONS = ("gelu", "gelu_approximate", "relu", "silu")
"""What may stand between the two products of a feed-forward network; `tfkd.layers.TransformerLayer` knows them."""


@dataclass(frozen=True)
class Architecture:
    """The sizes of a BERT-type encoder: all that is needed to build it.

    Attributes:
        pieces: Pieces in the vocabulary.
        positions: Positions that a window may have, its two marks among them.
        units: Width of the states.
        layers: How many layers.
        heads: Heads of each layer's attention.
        inner_units: Width within a layer's feed-forward network.
        activation: One of `ACTIVATIONS`.
        epsilon: Added to the variance in normalisations.

    Raises:
        TfkdError: A size is below 1, the heads do not divide the units, epsilon is negative, or there is no such
            activation.

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
                raise TfkdError(f"{name} of an encoder must be at least 1, got {getattr(self, name)}.")
        if self.positions < 3:
            raise TfkdError(f"an encoder needs positions for two marks and a piece, got {self.positions}.")
        if self.units % self.heads:
            raise TfkdError(f"{self.heads} heads cannot share {self.units} units evenly.")
        if not 0 <= self.epsilon < math.inf:
            raise TfkdError(f"epsilon of an encoder must be a finite number and not negative, got {self.epsilon}.")
        if self.activation not in ACTIVATIONS:
            raise TfkdError(f"no activation is called {self.activation!r}: {nearest(self.activation, ACTIVATIONS)}")

    def get_config(self) -> dict[str, Any]:
        """Return the sizes as plain data."""
        return asdict(self)


class Pretrained(ABC):
    """A pre-trained encoder that stands somewhere: its sizes, its vocabulary, its weights.

    Attributes:
        name: What to call it.
        architecture: Its sizes.
    """

    name: str
    architecture: Architecture

    @abstractmethod
    def text(self) -> PieceFeatures:
        """Read the vocabulary.

        Raises:
            TfkdError: It is missing, broken, or larger than the encoder's.
        """

    @abstractmethod
    def check(self) -> None:
        """Refuse an embedding of another size than the architecture's, which is told without reading it.

        Raises:
            TfkdError: Its weights are missing, or have another shape.
        """

    @abstractmethod
    def embedding(self) -> dict[str, np.ndarray]:
        """Read the weights of the embedding, float32, by the names that `tfkd.layers.PieceEmbedding` gives its own.

        Raises:
            TfkdError: One is missing, or has another shape.
        """

    @abstractmethod
    def layer(self, number: int) -> dict[str, np.ndarray]:
        """Read those of a layer, counted from 0, by the names that `tfkd.layers.TransformerLayer` gives its own.

        Raises:
            TfkdError: One is missing, or has another shape.
        """
