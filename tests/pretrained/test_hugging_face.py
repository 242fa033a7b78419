"""Reading of Hugging Face folders: configurations, weights and vocabularies."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from tests.pretrained.tiny import PIECES, SIZES, bert_weights, tiny_bert
from tfkd.pretrained import open_pretrained
from tfkd_base.errors import TfkdError


def write_bert(folder, **settings):
    """Write an encoder with changed keys in `config.json`; None removes a key."""
    config = json.loads((tiny_bert(folder) / "config.json").read_text())
    config = {key: value for key, value in {**config, **settings}.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def refusal(folder):
    with pytest.raises(TfkdError) as caught:
        open_pretrained(folder)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "is not valid JSON: Expecting property name"),
        (b"", "is not valid JSON: Expecting value"),
        (b"\xff{}", "is not valid JSON: "),
        (b"[1]", "expected a JSON object, got a list"),
        (b'"bert"', "expected a JSON object, got a str"),
    ],
)
def test_a_damaged_configuration(content, message, tmp_path):
    (tiny_bert(tmp_path) / "config.json").write_bytes(content)
    text = refusal(tmp_path)
    assert text.startswith(str(tmp_path / "config.json"))
    assert message in text


def test_a_configuration_that_is_a_folder(tmp_path):
    (tmp_path / "config.json").mkdir()
    assert refusal(tmp_path).startswith(f"{tmp_path / 'config.json'} cannot be read: ")


@pytest.mark.parametrize("model_type", ["electra", "deberta-v2", 7, ["bert"]])
def test_other_types_of_models_are_refused(model_type, tmp_path):
    expected = "expected model_type to be one of bert, roberta, distilbert, got " + repr(model_type)
    text = refusal(write_bert(tmp_path, model_type=model_type))
    assert text == f"{tmp_path / 'config.json'}: {expected}. Use an encoder of one of these types."


def test_a_missing_model_type_is_inferred_from_the_architectures(tmp_path):
    folder = write_bert(tmp_path, model_type=None, architectures=["RobertaForMaskedLM"], pad_token_id=1)
    assert open_pretrained(folder).architecture.positions == 18
    assert open_pretrained(write_bert(tmp_path, model_type=None, architectures=["BertModel"])).architecture.units == 16
    start = f"{tmp_path / 'config.json'}: expected model_type to be one of bert, roberta, distilbert, got None"
    assert refusal(write_bert(tmp_path, model_type=None, architectures=["RobertaPreLayerNormModel"])) == (
        f"{start} (architectures: ['RobertaPreLayerNormModel']). Use an encoder of one of these types."
    )
    assert refusal(write_bert(tmp_path, model_type=None)) == (
        f'{start}. The folder looks like a BERT (vocab.txt): add "model_type": "bert".'
    )
    (tmp_path / "vocab.txt").rename(tmp_path / "merges.txt")
    (tmp_path / "config.json").write_text('{"hidden_size": 8}')
    assert refusal(tmp_path) == f'{start}. The folder looks like a RoBERTa (merges.txt): add "model_type": "roberta".'
    (tmp_path / "config.json").write_text('{"dim": 8, "n_layers": 2}')
    assert refusal(tmp_path) == f'{start}. The keys are those of DistilBERT: add "model_type": "distilbert".'


@pytest.mark.parametrize("key", SIZES)
def test_every_size_is_needed_and_checked(key, tmp_path):
    assert refusal(write_bert(tmp_path, **{key: None})) == f"{tmp_path / 'config.json'} lacks the key {key!r}."
    for value in ("16", 0, -1, 2.5, True, [4]):
        text = refusal(write_bert(tmp_path, **{key: value}))
        assert text == f"{tmp_path / 'config.json'}: expected {key} to be an integer of at least 1, got {value!r}."


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_attention_heads": 3}, "expected units that 3 heads can share equally, got 16"),
        ({"max_position_embeddings": 2}, "expected at least 3 positions (two special tokens and a subword), got 2"),
        (
            {"position_embedding_type": "relative_key"},
            "expected position_embedding_type to be 'absolute', got 'relative_key'",
        ),
        ({"is_decoder": True}, "expected is_decoder to be False, got True"),
        ({"hidden_act": "tanh"}, "unknown activation 'tanh': "),
        ({"hidden_act": ["gelu"]}, "unknown activation ['gelu']: "),
        ({"layer_norm_eps": "small"}, "expected layer_norm_eps to be a number, got 'small'"),
        ({"layer_norm_eps": []}, "expected layer_norm_eps to be a number, got []"),
        ({"layer_norm_eps": -1e-5}, "expected epsilon of an encoder to be finite and at least 0, got -1e-05"),
        ({"layer_norm_eps": float("nan")}, "expected epsilon of an encoder to be finite and at least 0, got nan"),
        (
            {"model_type": "roberta", "pad_token_id": "one"},
            "expected pad_token_id to be an integer of at least 0, got 'one'",
        ),
        (
            {"model_type": "roberta", "pad_token_id": 17},
            "expected at least 3 positions (two special tokens and a subword), got 2",
        ),
    ],
)
def test_unsupported_settings_are_refused(settings, message, tmp_path):
    text = refusal(write_bert(tmp_path, **settings))
    assert text.startswith(f"{tmp_path / 'config.json'}: ")
    assert message in text


@pytest.mark.parametrize("key", ["dim", "n_layers", "n_heads", "hidden_dim"])
def test_keys_of_distilbert(key, tmp_path):
    own = {"model_type": "distilbert", "dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32}
    assert open_pretrained(write_bert(tmp_path, **own)).architecture.inner_units == 32
    assert f"lacks the key {key!r}" in refusal(write_bert(tmp_path, **{**own, key: None}))


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("gelu", "gelu"), ("gelu_new", "gelu_approximate"), ("gelu_pytorch_tanh", "gelu_approximate"),
        ("relu", "relu"), ("silu", "silu"), ("swish", "silu"), (None, "gelu"),
    ],
)  # fmt: skip
def test_activations(name, ours, tmp_path):
    sizes = open_pretrained(write_bert(tmp_path, hidden_act=name, layer_norm_eps=None)).architecture
    assert (sizes.activation, sizes.epsilon) == (ours, 1e-12)


@pytest.mark.parametrize(("padding", "first"), [(None, 2), (1, 2), (0, 1), (3, 4)])
def test_positions_of_roberta_start_after_the_padding_id(padding, first, tmp_path):
    pretrained = open_pretrained(write_bert(tmp_path, model_type="roberta", pad_token_id=padding))
    table = bert_weights(SIZES)["embeddings.position_embeddings.weight"]
    assert pretrained.architecture.positions == 20 - first
    np.testing.assert_array_equal(pretrained.embedding()["positions"], table[first:])


def test_weights_have_the_names_of_our_layers(tmp_path):
    pretrained, weights = open_pretrained(tiny_bert(tmp_path, seed=5)), bert_weights(SIZES, seed=5)
    embedding = pretrained.embedding()
    np.testing.assert_array_equal(embedding["pieces"], weights["embeddings.word_embeddings.weight"])
    np.testing.assert_array_equal(embedding["positions"], weights["embeddings.position_embeddings.weight"])
    np.testing.assert_array_equal(embedding["segment"], weights["embeddings.token_type_embeddings.weight"][0])
    np.testing.assert_array_equal(embedding["scale"], weights["embeddings.LayerNorm.weight"])
    np.testing.assert_array_equal(embedding["offset"], weights["embeddings.LayerNorm.bias"])
    layer = pretrained.layer(1)
    for place, name in enumerate(("query", "key", "value")):
        weight = weights[f"encoder.layer.1.attention.self.{name}.weight"]
        np.testing.assert_array_equal(layer["query_key_value_kernel"][:, 16 * place : 16 * place + 16], weight.T)
        bias = weights[f"encoder.layer.1.attention.self.{name}.bias"]
        np.testing.assert_array_equal(layer["query_key_value_bias"][16 * place : 16 * place + 16], bias)
    np.testing.assert_array_equal(layer["inner_kernel"], weights["encoder.layer.1.intermediate.dense.weight"].T)
    np.testing.assert_array_equal(layer["outer_bias"], weights["encoder.layer.1.output.dense.bias"])
    np.testing.assert_array_equal(
        layer["attention_scale"], weights["encoder.layer.1.attention.output.LayerNorm.weight"]
    )
    np.testing.assert_array_equal(layer["offset"], weights["encoder.layer.1.output.LayerNorm.bias"])
    assert {value.dtype for value in (*embedding.values(), *layer.values())} == {np.dtype(np.float32)}


def test_missing_layers_are_refused(tmp_path):
    pretrained = open_pretrained(write_bert(tmp_path, num_hidden_layers=3))
    pretrained.layer(1)
    with pytest.raises(TfkdError, match=re.escape(f"{tmp_path}: config.json requires the weight 'encoder.layer.2.")):
        pretrained.layer(2)


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"vocab_size": len(PIECES) + 1}, "embeddings.word_embeddings.weight"),
        ({"max_position_embeddings": 21}, "embeddings.position_embeddings.weight"),
        ({"intermediate_size": 31}, "encoder.layer.0.intermediate.dense.weight"),
        ({"hidden_size": 18}, "embeddings.position_embeddings.weight"),
    ],
)
def test_weights_with_another_shape_are_refused(settings, key, tmp_path):
    pretrained = open_pretrained(write_bert(tmp_path, **settings))
    message = rf"{re.escape(str(tmp_path))}: config.json requires the shape \(\d+, \d+\) for {key!r}, got \(\d+, "
    with pytest.raises(TfkdError, match=message):
        pretrained.embedding(), pretrained.layer(0)


def test_a_larger_vocabulary_is_refused(tmp_path):
    pretrained = open_pretrained(write_bert(tmp_path, vocab_size=len(PIECES) - 1))
    with pytest.raises(
        TfkdError, match=r"expected at most 83 subwords \(vocab_size in config.json\), got a vocabulary of 84"
    ):
        pretrained.text()
    # Unused rows of the table are allowed.
    larger = open_pretrained(write_bert(tmp_path, vocab_size=len(PIECES) + 4))
    assert len(larger.text().pieces) == len(PIECES)
