"""Reading an encoder from a preset of keras-hub, by its name or in a folder."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import keras
import numpy as np
from typing_extensions import override

from tfkd.pretrained.architecture import Architecture, Pretrained
from tfkd.text import PieceFeatures
from tfkd_base.errors import TfkdError, nearest

_KINDS = {
    "BertBackbone": "BertTokenizer",
    "RobertaBackbone": "RobertaTokenizer",
    "DistilBertBackbone": "DistilBertTokenizer",
}


class KerasPreset(Pretrained):
    """An encoder that keras-hub loads.

    Args:
        source: The name of a preset, such as `bert_tiny_en_uncased`, which is fetched once, or a folder.

    Raises:
        TfkdError: keras-hub is not installed, there is no such preset, it cannot be fetched, or is no encoder that can
            be read.
    """

    def __init__(self, source: str) -> None:
        self.name, self._source = source, source
        hub = _keras_hub(source)
        self._backbone = self._load(hub.models.Backbone)
        kind = type(self._backbone).__name__
        if kind not in _KINDS:
            raise TfkdError(f"{source}: expected one of {', '.join(_KINDS)}, got a {kind}, which cannot be read.")
        self._tokenizer_kind = getattr(hub.models, _KINDS[kind])
        config, first = self._backbone.get_config(), self._backbone.transformer_layers[0]
        self.architecture = Architecture(
            pieces=config["vocabulary_size"],
            positions=config["max_sequence_length"],
            units=config["hidden_dim"],
            layers=config["num_layers"],
            heads=config["num_heads"],
            inner_units=config["intermediate_dim"],
            activation=_activation(first._feedforward_intermediate_dense.activation, source),
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
        """Refuse nothing: the sizes are those of the backbone, which is loaded."""

    @override
    def embedding(self) -> dict[str, np.ndarray]:
        found = self._weights_of_embedding
        units = self.architecture.units
        return {"segment": np.zeros([units], np.float32), **found}

    @override
    def layer(self, number: int) -> dict[str, np.ndarray]:
        layer, units = self._backbone.transformer_layers[number], self.architecture.units
        attention = layer._self_attention_layer
        parts = (attention.query_dense, attention.key_dense, attention.value_dense)
        read = [(_array(part.kernel).reshape(units, units), _array(part.bias).reshape(units)) for part in parts]
        return {
            "query_key_value_kernel": np.concatenate([kernel for kernel, _ in read], axis=1),
            "query_key_value_bias": np.concatenate([bias for _, bias in read]),
            "attention_output_kernel": _array(attention.output_dense.kernel).reshape(units, units),
            "attention_output_bias": _array(attention.output_dense.bias),
            "attention_scale": _array(layer._self_attention_layer_norm.gamma),
            "attention_offset": _array(layer._self_attention_layer_norm.beta),
            "inner_kernel": _array(layer._feedforward_intermediate_dense.kernel),
            "inner_bias": _array(layer._feedforward_intermediate_dense.bias),
            "outer_kernel": _array(layer._feedforward_output_dense.kernel),
            "outer_bias": _array(layer._feedforward_output_dense.bias),
            "scale": _array(layer._feedforward_layer_norm.gamma),
            "offset": _array(layer._feedforward_layer_norm.beta),
        }

    @cached_property
    def _weights_of_embedding(self) -> dict[str, np.ndarray]:
        """Find the weights by what they are called, which differs among the kinds of backbones."""
        names = {
            "token_embedding/embeddings": "pieces",
            "position_embedding/position_embeddings": "positions",
            "position_embedding/embeddings": "positions",
            "segment_embedding/embeddings": "segment",
            "embeddings_layer_norm/gamma": "scale",
            "embeddings_layer_norm/beta": "offset",
        }
        found = {}
        for weight in self._backbone.weights:
            ours = names.get("/".join(weight.path.split("/")[-2:]))
            if ours is not None:
                found[ours] = _array(weight)[0] if ours == "segment" else _array(weight)
        lacking = sorted({"pieces", "positions", "scale", "offset"} - found.keys())
        if lacking:
            raise TfkdError(f"{self.name}: found no weights of the embedding for {', '.join(lacking)}.")
        return found

    def _load(self, kind: Any) -> Any:
        try:
            return kind.from_preset(self._source)
        except Exception as error:  # of keras-hub, of the hub's client, or of the network
            said = str(error).strip().splitlines()
            raise TfkdError(f"{self._source}: keras-hub cannot load it: {said[0] if said else error!r}") from None


def preset_names() -> list[str]:
    """Name the presets that can be read.

    Raises:
        TfkdError: keras-hub is not installed.
    """
    hub = _keras_hub("a preset")
    return sorted(name for kind in _KINDS for name in getattr(hub.models, kind).presets)


def require_known(source: str) -> None:
    """Refuse what is neither a folder nor the name of a preset.

    Raises:
        TfkdError: Saying the nearest name, or that keras-hub, which would know, is not installed.
    """
    if "://" in source:
        return
    try:
        known = preset_names()
    except TfkdError:
        raise TfkdError(
            f"{source}: there is no such folder; for a preset of this name keras-hub is needed, which is not "
            "installed: `pip install 'tfkd[presets]'`."
        ) from None
    if source not in known:
        near = nearest(source, known)
        said = near if near.startswith("did you mean") else "such as 'bert_tiny_en_uncased'"
        raise TfkdError(f"{source}: there is no such folder, nor a preset of keras-hub of this name; {said}")


def _keras_hub(source: str) -> Any:
    try:
        import keras_hub
    except ImportError:
        raise TfkdError(
            f"{source} is to be loaded by keras-hub, which is not installed: `pip install 'tfkd[presets]'`, or give "
            "the folder of a Hugging Face encoder."
        ) from None
    return keras_hub


def _activation(given: Any, source: str) -> str:
    name = getattr(given, "__name__", str(given))
    known = {"gelu_approximate": "gelu_approximate", "gelu": "gelu", "relu": "relu", "silu": "silu"}
    if name not in known:
        raise TfkdError(f"{source}: no activation is called {name!r}: {nearest(name, known)}")
    return known[name]


def _array(weight: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(weight), np.float32)
