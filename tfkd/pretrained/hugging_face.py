"""Reading an encoder from a Hugging Face folder: its sizes from `config.json`, its weights from safetensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from typing_extensions import override

from tfkd.pretrained.architecture import Architecture, Pretrained
from tfkd.pretrained.json_files import read_json
from tfkd.pretrained.tensor_files import TensorFiles
from tfkd.pretrained.vocabulary import read_byte_pairs, read_word_pieces
from tfkd.text import PieceFeatures
from tfkd_base.errors import TfkdError, nearest

CONFIG = "config.json"

_ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_new": "gelu_approximate",
    "gelu_pytorch_tanh": "gelu_approximate",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}


@dataclass(frozen=True)
class Kind:
    """How one type of model writes down what all have.

    Attributes:
        keys: The keys of its configuration by the names of `Architecture`.
        layer: Where a layer's weights stand; `{}` is its number.
        names: Their names by ours.
        tokenizer: How it cuts words.
        counts_padding: Whether its positions begin after those of the padding's id.
    """

    keys: Mapping[str, str]
    layer: str
    names: Mapping[str, str]
    tokenizer: Literal["word pieces", "byte pairs"]
    counts_padding: bool = False


_BERT_KEYS = {
    "pieces": "vocab_size",
    "positions": "max_position_embeddings",
    "units": "hidden_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "inner_units": "intermediate_size",
}
_DISTILBERT_KEYS = {
    "pieces": "vocab_size",
    "positions": "max_position_embeddings",
    "units": "dim",
    "layers": "n_layers",
    "heads": "n_heads",
    "inner_units": "hidden_dim",
}
_BERT_NAMES = {
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attention_output": "attention.output.dense",
    "attention_norm": "attention.output.LayerNorm",
    "inner": "intermediate.dense",
    "outer": "output.dense",
    "norm": "output.LayerNorm",
}
_DISTILBERT_NAMES = {
    "query": "attention.q_lin",
    "key": "attention.k_lin",
    "value": "attention.v_lin",
    "attention_output": "attention.out_lin",
    "attention_norm": "sa_layer_norm",
    "inner": "ffn.lin1",
    "outer": "ffn.lin2",
    "norm": "output_layer_norm",
}
KINDS = {
    "bert": Kind(_BERT_KEYS, "encoder.layer.{}.", _BERT_NAMES, "word pieces"),
    "roberta": Kind(_BERT_KEYS, "encoder.layer.{}.", _BERT_NAMES, "byte pairs", counts_padding=True),
    "distilbert": Kind(_DISTILBERT_KEYS, "transformer.layer.{}.", _DISTILBERT_NAMES, "word pieces"),
}
"""The types of models that can be read, by `model_type` in `config.json`."""


class HuggingFaceFolder(Pretrained):
    """An encoder in a folder as Hugging Face's `transformers` saves it.

    Args:
        folder: The folder.

    Raises:
        TfkdError: `config.json` is missing, of no type that can be read, or lacks a key.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.name = folder, folder.name
        path = folder / CONFIG
        config = read_json(path)
        self.kind = _kind_of(config, path)
        self.architecture, self._first_position = _sizes(config, self.kind, path)

    @override
    def text(self) -> PieceFeatures:
        read = read_word_pieces if self.kind.tokenizer == "word pieces" else read_byte_pairs
        text = read(self.folder)
        if len(text.pieces) > self.architecture.pieces:
            raise TfkdError(
                f"{self.folder}: the vocabulary has {len(text.pieces):,} pieces, but {CONFIG} tells of "
                f"{self.architecture.pieces:,} (vocab_size): they belong to different models."
            )
        return text

    @override
    def check(self) -> None:
        self._weights.check("embeddings.word_embeddings.weight", self.architecture.pieces, self.architecture.units)

    @override
    def embedding(self) -> dict[str, np.ndarray]:
        sizes, first = self.architecture, self._first_position
        positions = self._weights.get("embeddings.position_embeddings.weight", sizes.positions + first, sizes.units)
        return {
            "pieces": self._weights.get("embeddings.word_embeddings.weight", sizes.pieces, sizes.units),
            "positions": positions[first:],
            "segment": self._weights.first_row("embeddings.token_type_embeddings.weight", sizes.units),
            "scale": self._weights.get("embeddings.LayerNorm.weight", sizes.units),
            "offset": self._weights.get("embeddings.LayerNorm.bias", sizes.units),
        }

    @override
    def layer(self, number: int) -> dict[str, np.ndarray]:
        units, inner = self.architecture.units, self.architecture.inner_units
        read = [self._dense(number, name, units, units) for name in ("query", "key", "value")]
        found = {
            "query_key_value_kernel": np.concatenate([kernel for kernel, _ in read], axis=1),
            "query_key_value_bias": np.concatenate([bias for _, bias in read]),
        }
        for name, width, out in (
            ("attention_output", units, units),
            ("inner", units, inner),
            ("outer", inner, units),
        ):
            found[f"{name}_kernel"], found[f"{name}_bias"] = self._dense(number, name, width, out)
        for name, prefix in (("attention_norm", "attention_"), ("norm", "")):
            place = self._place(number, name)
            found[f"{prefix}scale"] = self._weights.get(f"{place}.weight", units)
            found[f"{prefix}offset"] = self._weights.get(f"{place}.bias", units)
        return found

    def _dense(self, number: int, name: str, width: int, units: int) -> tuple[np.ndarray, np.ndarray]:
        place = self._place(number, name)
        return self._weights.get(f"{place}.weight", units, width).T, self._weights.get(f"{place}.bias", units)

    def _place(self, number: int, name: str) -> str:
        return self.kind.layer.format(number) + self.kind.names[name]

    @cached_property
    def _weights(self) -> TensorFiles:
        return TensorFiles(self.folder, "embeddings.word_embeddings.weight")


def _kind_of(config: Mapping[str, Any], path: Path) -> Kind:
    name = config.get("model_type")
    if not isinstance(name, str) or name not in KINDS:
        raise TfkdError(
            f"{path}: model_type must be one of {', '.join(KINDS)}, got {name!r}; other encoders cannot be read."
        )
    for key, expected in (("position_embedding_type", "absolute"), ("is_decoder", False)):
        if config.get(key, expected) != expected:
            raise TfkdError(f"{path}: {key} must be {expected!r}, got {config[key]!r}, which cannot be read.")
    return KINDS[name]


def _sizes(config: Mapping[str, Any], kind: Kind, path: Path) -> tuple[Architecture, int]:
    """Return the sizes, and how many rows of the positions no piece has."""
    sizes: dict[str, Any] = {name: _count(config, key, path) for name, key in kind.keys.items()}
    first = 0
    if kind.counts_padding:
        first = 2 if config.get("pad_token_id") is None else _count(config, "pad_token_id", path, least=0) + 1
    sizes["positions"] -= first
    activation = config.get("hidden_act", config.get("activation", "gelu"))
    if not isinstance(activation, str) or activation not in _ACTIVATIONS:
        raise TfkdError(f"{path}: no activation is called {activation!r}: {nearest(str(activation), _ACTIVATIONS)}")
    try:
        epsilon = float(config.get("layer_norm_eps", 1e-12))
    except (TypeError, ValueError):
        raise TfkdError(f"{path}: layer_norm_eps must be a number, got {config['layer_norm_eps']!r}.") from None
    try:
        return Architecture(**sizes, activation=_ACTIVATIONS[activation], epsilon=epsilon), first
    except TfkdError as error:
        raise TfkdError(f"{path}: {error}") from None


def _count(config: Mapping[str, Any], key: str, path: Path, least: int = 1) -> int:
    if key not in config:
        raise TfkdError(f"{path} lacks the key {key!r}.")
    value = config[key]
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise TfkdError(f"{path}: {key} must be an integer of at least {least}, got {value!r}.")
    return value
