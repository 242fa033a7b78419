"""Interface of featurizers: objects that turn tokens into the inputs of a model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfkd.tensors import Tensor


class Text(ABC):
    """Featurizer: turns tokens into the features that a model reads. A model has it as its attribute `text`.

    A featurizer is TensorFlow graph code, so an exported model contains it. The features of a token depend only on
    that token. They are computed once for each distinct token, as a table, and batches are gathered from the table.
    """

    @abstractmethod
    def __call__(self, tokens: Tensor) -> dict[str, Tensor]:
        """Return the features of tokens, strings `[batch, time]` with `""` as padding."""

    @abstractmethod
    def make_table(self, types: Tensor) -> dict[str, Tensor]:
        """Return the table of distinct tokens, strings `[types]`. The first one must be `""`, the padding."""

    @abstractmethod
    def make_large_table(self, types: Sequence[str]) -> dict[str, Tensor]:
        """Return the table of any number of distinct tokens, computed eagerly in chunks with bounded memory."""

    @abstractmethod
    def gather(self, table: dict[str, Tensor], ids: Tensor, size: Tensor | None = None) -> dict[str, Tensor]:
        """Return the features of a batch from a table.

        Args:
            table: The result of `make_table` or `make_large_table`.
            ids: Indices of tokens in the table, int32 `[batch, time]`.
            size: Width to which subwords are padded. Default: that of the longest sentence.
        """

    def sizes(self, table: dict[str, Tensor]) -> Tensor | None:
        """Return the width of each token of a table in a batch, int64; None if all tokens have the width 1."""
        return None

    @abstractmethod
    def inputs(self) -> dict[str, keras.KerasTensor]:
        """Return the symbolic inputs of a functional model that reads these features."""

    @staticmethod
    @abstractmethod
    def mask(features: dict[str, Tensor]) -> Tensor:
        """Return the padding mask: True at real tokens, bool `[batch, time]`."""

    @property
    @abstractmethod
    def lookup_tables(self) -> list[tf.lookup.StaticHashTable]:
        """The lookup tables of the graph. An exported model must hold references to them."""

    @abstractmethod
    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Text:
        """Return a featurizer with these arguments."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        """Featurizers of the same class with the same settings and vocabulary are equal."""
        return type(other) is type(self) and isinstance(other, Text) and self.get_config() == other.get_config()

    def __hash__(self) -> int:
        """Return the hash of the class; only `==` compares vocabularies."""
        return hash(type(self))
