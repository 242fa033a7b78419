"""Reading of encoders from Hugging Face folders: sizes from `config.json`, weights from safetensors files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from typing_extensions import override

from tfkd.pretrained.architecture import Architecture, Pretrained
from tfkd.pretrained.folder_files import TensorFiles, read_json
from tfkd.pretrained.folder_kinds import describe_missing_model_type, infer_model_type
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
class ModelType:
    """Names of settings and weights in the files of one type of model.

    Attributes:
        keys: Keys of `config.json` by the attributes of `Architecture`.
        layer: Prefix of the weights of a layer; `{}` is its number.
        names: Names of these weights by our names.
        tokenizer: Kind of tokenizer.
        counts_padding: Whether the positions start after the id of the padding.
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
MODEL_TYPES = {
    "bert": ModelType(_BERT_KEYS, "encoder.layer.{}.", _BERT_NAMES, "word pieces"),
    "roberta": ModelType(_BERT_KEYS, "encoder.layer.{}.", _BERT_NAMES, "byte pairs", counts_padding=True),
    "distilbert": ModelType(_DISTILBERT_KEYS, "transformer.layer.{}.", _DISTILBERT_NAMES, "word pieces"),
}
"""The supported types of models, by `model_type` in `config.json`."""


class HuggingFaceFolder(Pretrained):
    """Encoder in a folder that Hugging Face's `transformers` has saved.

    Args:
        folder: The folder.

    Raises:
        TfkdError: `config.json` is missing, lacks a key, or has an unsupported `model_type`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.name = folder, folder.name
        path = folder / CONFIG
        config = read_json(path)
        self.model_type = _read_model_type(config, path)
        self.architecture, self._first_position = _read_sizes(config, self.model_type, path)

    @override
    def text(self) -> PieceFeatures:
        read = read_word_pieces if self.model_type.tokenizer == "word pieces" else read_byte_pairs
        text = read(self.folder)
        if len(text.pieces) > self.architecture.pieces:
            raise TfkdError(
                f"{self.folder}: expected at most {self.architecture.pieces:,} subwords (vocab_size in {CONFIG}), got "
                f"a vocabulary of {len(text.pieces):,}. Do the files belong to the same model? After tokens were "
                "added, the model needs `resize_token_embeddings`."
            )
        return text

    @override
    def check(self) -> None:
        self._weights.check("embeddings.word_embeddings.weight", self.architecture.pieces, self.architecture.units)

    @override
    def embedding(self) -> dict[str, np.ndarray]:
        sizes, first = self.architecture, self._first_position
        positions = self._weights.read("embeddings.position_embeddings.weight", sizes.positions + first, sizes.units)
        return {
            "pieces": self._weights.read("embeddings.word_embeddings.weight", sizes.pieces, sizes.units),
            "positions": positions[first:],
            "segment": self._weights.read_first_row("embeddings.token_type_embeddings.weight", sizes.units),
            "scale": self._weights.read("embeddings.LayerNorm.weight", sizes.units),
            "offset": self._weights.read("embeddings.LayerNorm.bias", sizes.units),
        }

    @override
    def layer(self, number: int) -> dict[str, np.ndarray]:
        units, inner = self.architecture.units, self.architecture.inner_units
        parts = [self._read_dense(number, name, units, units) for name in ("query", "key", "value")]
        weights = {
            "query_key_value_kernel": np.concatenate([kernel for kernel, _ in parts], axis=1),
            "query_key_value_bias": np.concatenate([bias for _, bias in parts]),
        }
        for name, width, out in (
            ("attention_output", units, units),
            ("inner", units, inner),
            ("outer", inner, units),
        ):
            weights[f"{name}_kernel"], weights[f"{name}_bias"] = self._read_dense(number, name, width, out)
        for name, prefix in (("attention_norm", "attention_"), ("norm", "")):
            path = self._path(number, name)
            weights[f"{prefix}scale"] = self._weights.read(f"{path}.weight", units)
            weights[f"{prefix}offset"] = self._weights.read(f"{path}.bias", units)
        return weights

    def _read_dense(self, number: int, name: str, width: int, units: int) -> tuple[np.ndarray, np.ndarray]:
        path = self._path(number, name)
        return self._weights.read(f"{path}.weight", units, width).T, self._weights.read(f"{path}.bias", units)

    def _path(self, number: int, name: str) -> str:
        return self.model_type.layer.format(number) + self.model_type.names[name]

    @cached_property
    def _weights(self) -> TensorFiles:
        return TensorFiles(self.folder, "embeddings.word_embeddings.weight")


def _read_model_type(config: Mapping[str, Any], path: Path) -> ModelType:
    name = config.get("model_type")
    if name is None:
        name = infer_model_type(config)
    if not isinstance(name, str) or name not in MODEL_TYPES:
        remedy = ". Use an encoder of one of these types"
        if name is None and not config.get("architectures"):
            remedy = describe_missing_model_type(config, path.parent)
        elif name is None:
            remedy = f" (architectures: {config['architectures']!r}){remedy}"
        raise TfkdError(f"{path}: expected model_type to be one of {', '.join(MODEL_TYPES)}, got {name!r}{remedy}.")
    for key, expected in (("position_embedding_type", "absolute"), ("is_decoder", False)):
        if config.get(key, expected) != expected:
            raise TfkdError(f"{path}: expected {key} to be {expected!r}, got {config[key]!r}, which is not supported.")
    return MODEL_TYPES[name]


def _read_sizes(config: Mapping[str, Any], model_type: ModelType, path: Path) -> tuple[Architecture, int]:
    """Return the sizes, and the number of unused rows at the start of the table of positions."""
    sizes: dict[str, Any] = {name: _read_count(config, key, path) for name, key in model_type.keys.items()}
    first = 0
    if model_type.counts_padding:
        first = 2 if config.get("pad_token_id") is None else _read_count(config, "pad_token_id", path, minimum=0) + 1
    sizes["positions"] -= first
    activation = config.get("hidden_act", config.get("activation", "gelu"))
    if not isinstance(activation, str) or activation not in _ACTIVATIONS:
        raise TfkdError(f"{path}: unknown activation {activation!r}: {nearest(str(activation), _ACTIVATIONS)}")
    try:
        epsilon = float(config.get("layer_norm_eps", 1e-12))
    except (TypeError, ValueError):
        raise TfkdError(f"{path}: expected layer_norm_eps to be a number, got {config['layer_norm_eps']!r}.") from None
    try:
        return Architecture(**sizes, activation=_ACTIVATIONS[activation], epsilon=epsilon), first
    except TfkdError as error:
        raise TfkdError(f"{path}: {error}") from None


def _read_count(config: Mapping[str, Any], key: str, path: Path, minimum: int = 1) -> int:
    if key not in config:
        raise TfkdError(f"{path} lacks the key {key!r}.")
    value = config[key]
    if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
        raise TfkdError(f"{path}: expected {key} to be an integer of at least {minimum}, got {value!r}.")
    return value
