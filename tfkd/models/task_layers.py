"""Layers of one task above the encoder, and the symbolic tensors of a tagger."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from tfkd.layers import TagHead
from tfkd.models.encoders import Encoded, bilstm_layer, locked_dropout
from tfkd.models.heads import Head, make_head
from tfkd.tensors import Tensor
from tfkd_base.corpora import Scheme


@dataclass(frozen=True)
class Graph:
    """Symbolic tensors and layers of a tagger.

    Attributes:
        inputs: The inputs by the name of the feature.
        encoded: The encoder's outputs.
        emissions: The emission scores.
        head: The layer that gives them.
    """

    inputs: dict[str, Tensor]
    encoded: Encoded
    emissions: Tensor
    head: TagHead


@dataclass(frozen=True)
class TaskLayers:
    """Layers of one task above the shared states: a BiLSTM, if there is one, and a head.

    The head reads the shared states beside those of the task's BiLSTM. The shared layers then learn from the first
    step, which a new layer between them and the loss would delay.

    Args:
        head: `"softmax"` or `"crf"`.
        units: Units of each direction of the BiLSTM, or `None`.
        dropout: Rate of dropout on the input of each layer.
        scheme: The tag scheme.
    """

    head: str | Mapping[str, Any] | Head
    units: int | None
    dropout: float
    scheme: Scheme

    def build(self, states: Tensor, mask: Tensor, tags: Sequence[str], prefix: str) -> tuple[Tensor, TagHead]:
        """Make the layers, `task_encoder` or `{prefix}encoder` and `{prefix}head`; return emission scores and head."""
        if self.units:
            name = f"{prefix}encoder" if prefix else "task_encoder"
            own = bilstm_layer(self.units, self.dropout, name)(states, mask)
            states = keras.layers.Concatenate(name=f"{prefix}states")([states, own])
        if self.dropout:
            states = locked_dropout(self.dropout, f"{prefix}head_dropout")(states)
        layer = make_head(self.head).layer(tags, self.scheme, f"{prefix}head")
        return layer(states, mask=mask), layer


@contextlib.contextmanager
def dtype_policy(policy: keras.DTypePolicy | str | None) -> Iterator[str]:
    """Set the dtype policy of layers that are made in a `with` block; yield its name."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy or before)
    try:
        yield keras.config.dtype_policy().name
    finally:
        keras.config.set_dtype_policy(before)
