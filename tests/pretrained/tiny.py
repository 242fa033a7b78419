"""Tiny encoders as Hugging Face folders, for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
PIECES = (
    *SPECIAL_TOKENS,
    *LETTERS,
    *(f"##{letter}" for letter in LETTERS),
    *(f"w{letter}" for letter in LETTERS),
    ".",
    "-",
)
"""Vocabulary that splits every lower-case word into known subwords; `wa` to `wz` are one subword each."""

SIZES: dict[str, Any] = {
    "vocab_size": len(PIECES),
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 20,
}


def tiny_bert(folder: Path, seed: int = 0, **settings: Any) -> Path:
    """Write a BERT with random weights.

    Args:
        folder: The folder, which is created if it is missing.
        seed: Seed of the weights.
        **settings: Keys of `config.json` that replace those of `SIZES`.

    Returns:
        The folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_type": "bert", "hidden_act": "gelu", "layer_norm_eps": 1e-12, **SIZES, **settings}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in PIECES))
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True}))
    save_file(bert_weights(config, seed), folder / "model.safetensors")
    return folder


def bert_weights(config: dict[str, Any], seed: int = 0) -> dict[str, np.ndarray]:
    """Draw the weights of a BERT, by their names in its files."""
    units, inner = config["hidden_size"], config["intermediate_size"]
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (config["vocab_size"], units),
        "embeddings.position_embeddings.weight": (config["max_position_embeddings"], units),
        "embeddings.token_type_embeddings.weight": (2, units),
        "embeddings.LayerNorm.weight": (units,),
        "embeddings.LayerNorm.bias": (units,),
    }
    for number in range(config["num_hidden_layers"]):
        prefix = f"encoder.layer.{number}."
        for name, out, width in (
            ("attention.self.query", units, units),
            ("attention.self.key", units, units),
            ("attention.self.value", units, units),
            ("attention.output.dense", units, units),
            ("intermediate.dense", inner, units),
            ("output.dense", units, inner),
        ):
            shapes[f"{prefix}{name}.weight"], shapes[f"{prefix}{name}.bias"] = (out, width), (out,)
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes[f"{prefix}{name}.weight"] = shapes[f"{prefix}{name}.bias"] = (units,)
    rng = np.random.default_rng(seed)
    weights = {name: rng.normal(0, 0.1, shape).astype(np.float32) for name, shape in shapes.items()}
    return {name: value + (1 if name.endswith("LayerNorm.weight") else 0) for name, value in weights.items()}
