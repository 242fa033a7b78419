"""What every kind of features has in common: how a model, its batches and its export deal with them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfkd.tensors import Tensor


class Text(ABC):
    """Turns tokens into the features that a model reads: a model's `text`.

    Calling one is TensorFlow graph code, so that an exported model has it inside. A token's features depend on that
    token alone: they are computed once for each distinct token, as a table, from which batches are gathered.
    """

    @abstractmethod
    def __call__(self, tokens: Tensor) -> dict[str, Tensor]:
        """Compute the features of tokens, strings `[batch, time]` with `""` as padding."""

    @abstractmethod
    def of_types(self, types: Tensor) -> dict[str, Tensor]:
        """Compute the table of distinct tokens, strings `[types]`, of which the first is `""`, the padding."""

    @abstractmethod
    def table(self, types: Sequence[str]) -> dict[str, Tensor]:
        """Compute the same outside of a graph, of any number of tokens, with bounded memory."""

    @abstractmethod
    def gather(self, table: dict[str, Tensor], ids: Tensor, size: Tensor | None = None) -> dict[str, Tensor]:
        """Make the features of a batch from a table.

        Args:
            table: What `of_types` or `table` gave.
            ids: Which of its tokens, int32 `[batch, time]`.
            size: The size to pad sentences to, where it is not the time; by default that of the largest one.
        """

    def sizes(self, table: dict[str, Tensor]) -> Tensor | None:
        """Return how much of a batch's width each token of a table takes, int64, or `None` where each takes one."""
        return None

    @abstractmethod
    def inputs(self) -> dict[str, keras.KerasTensor]:
        """Make the symbolic inputs of a functional model that takes these features."""

    @staticmethod
    @abstractmethod
    def mask(features: dict[str, Tensor]) -> Tensor:
        """Tell real tokens (True) from padding, bool `[batch, time]`."""

    @property
    @abstractmethod
    def lookup_tables(self) -> list[tf.lookup.StaticHashTable]:
        """The tables that the graph looks things up in, which an export must hold."""

    @abstractmethod
    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Text:
        """Make the same features again."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        """Two of one kind and the same settings and vocabulary are equal."""
        return type(other) is type(self) and isinstance(other, Text) and self.get_config() == other.get_config()

    def __hash__(self) -> int:
        """Hash by the kind; a vocabulary is compared only where two are."""
        return hash(type(self))
