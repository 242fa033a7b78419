"""Reading of encoders from presets of keras-hub, by name or from a folder."""

from __future__ import annotations

from functools import cached_property
from types import ModuleType
from typing import Any

import keras
import numpy as np
from typing_extensions import override

from tfkd.layers import ACTIVATIONS
from tfkd.pretrained.architecture import Architecture, Pretrained
from tfkd.text import PieceFeatures
from tfkd_base.errors import TfkdError, nearest

_KINDS = {
    "BertBackbone": "BertTokenizer",
    "RobertaBackbone": "RobertaTokenizer",
    "DistilBertBackbone": "DistilBertTokenizer",
}


class KerasPreset(Pretrained):
    """Encoder that keras-hub loads.

    Args:
        source: Name of a preset, such as `bert_tiny_en_uncased`, which is downloaded once; or a folder.

    Raises:
        TfkdError: keras-hub is not installed, the preset does not exist or cannot be downloaded, or its encoder is not
            supported.
    """

    def __init__(self, source: str) -> None:
        self.name, self._source = source, source
        hub = _import_keras_hub(source)
        self._backbone = self._load(hub.models.Backbone)
        kind = type(self._backbone).__name__
        if kind not in _KINDS:
            raise TfkdError(f"{source}: expected one of {', '.join(_KINDS)}, got {kind}, which is not supported.")
        self._tokenizer_kind = getattr(hub.models, _KINDS[kind])
        config, first = self._backbone.get_config(), self._backbone.transformer_layers[0]
        self.architecture = Architecture(
            pieces=config["vocabulary_size"],
            positions=config["max_sequence_length"],
            units=config["hidden_dim"],
            layers=config["num_layers"],
            heads=config["num_heads"],
            inner_units=config["intermediate_dim"],
            activation=_read_activation(first._feedforward_intermediate_dense.activation, source),
            epsilon=first._self_attention_layer_norm.epsilon,
        )

    @override
    def text(self) -> PieceFeatures:
        tokenizer = self._load(self._tokenizer_kind)
        pieces = tokenizer.get_vocabulary()
        if hasattr(tokenizer, "merges"):
            merges = list(tokenizer.merges)
            return PieceFeatures(pieces, merges=merges, begin="<s>", end="</s>", padding="<pad>", unknown="<unk>")
        return PieceFeatures(pieces, lowercase=tokenizer.lowercase)

    @override
    def check(self) -> None:
        """Do nothing: the sizes are those of the loaded backbone."""

    @override
    def embedding(self) -> dict[str, np.ndarray]:
        segment = np.zeros([self.architecture.units], np.float32)
        return {"segment": segment, **self._embedding_weights}

    @override
    def layer(self, number: int) -> dict[str, np.ndarray]:
        layer, units = self._backbone.transformer_layers[number], self.architecture.units
        attention = layer._self_attention_layer
        parts = (attention.query_dense, attention.key_dense, attention.value_dense)
        dense = [(_to_array(part.kernel).reshape(units, units), _to_array(part.bias).reshape(units)) for part in parts]
        return {
            "query_key_value_kernel": np.concatenate([kernel for kernel, _ in dense], axis=1),
            "query_key_value_bias": np.concatenate([bias for _, bias in dense]),
            "attention_output_kernel": _to_array(attention.output_dense.kernel).reshape(units, units),
            "attention_output_bias": _to_array(attention.output_dense.bias),
            "attention_scale": _to_array(layer._self_attention_layer_norm.gamma),
            "attention_offset": _to_array(layer._self_attention_layer_norm.beta),
            "inner_kernel": _to_array(layer._feedforward_intermediate_dense.kernel),
            "inner_bias": _to_array(layer._feedforward_intermediate_dense.bias),
            "outer_kernel": _to_array(layer._feedforward_output_dense.kernel),
            "outer_bias": _to_array(layer._feedforward_output_dense.bias),
            "scale": _to_array(layer._feedforward_layer_norm.gamma),
            "offset": _to_array(layer._feedforward_layer_norm.beta),
        }

    @cached_property
    def _embedding_weights(self) -> dict[str, np.ndarray]:
        """The weights of the embedding. Their names differ between the kinds of backbones."""
        names = {
            "token_embedding/embeddings": "pieces",
            "position_embedding/position_embeddings": "positions",
            "position_embedding/embeddings": "positions",
            "segment_embedding/embeddings": "segment",
            "embeddings_layer_norm/gamma": "scale",
            "embeddings_layer_norm/beta": "offset",
        }
        weights = {}
        for weight in self._backbone.weights:
            name = names.get("/".join(weight.path.split("/")[-2:]))
            if name is not None:
                weights[name] = _to_array(weight)[0] if name == "segment" else _to_array(weight)
        missing = sorted({"pieces", "positions", "scale", "offset"} - weights.keys())
        if missing:
            raise TfkdError(f"{self.name}: the embedding lacks the weights for {', '.join(missing)}.")
        return weights

    def _load(self, kind: Any) -> Any:
        try:
            return kind.from_preset(self._source)
        except Exception as error:  # errors of keras-hub, of the hub's client or of the network
            lines = str(error).strip().splitlines()
            raise TfkdError(f"{self._source}: keras-hub cannot load it: {lines[0] if lines else error!r}") from None


def list_presets() -> list[str]:
    """Return the names of the supported presets.

    Raises:
        TfkdError: keras-hub is not installed.
    """
    hub = _import_keras_hub("the preset")
    return sorted(name for kind in _KINDS for name in getattr(hub.models, kind).presets)


def _import_keras_hub(source: str) -> ModuleType:
    try:
        import keras_hub
    except ImportError:
        raise TfkdError(
            f"{source} needs keras-hub, which is not installed: `pip install 'tfkd[presets]'`. Or use the folder of a "
            "Hugging Face encoder."
        ) from None
    return keras_hub


def _read_activation(activation: Any, source: str) -> str:
    name = getattr(activation, "__name__", str(activation))
    if name not in ACTIVATIONS:
        raise TfkdError(f"{source}: unknown activation {name!r}: {nearest(name, ACTIVATIONS)}")
    return name


def _to_array(weight: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(weight), np.float32)
