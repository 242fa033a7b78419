from __future__ import annotations

import json
import re

import numpy as np
import pytest

from tests.pretrained.tiny import PIECES, SIZES, bert_weights, tiny_bert
from tfkd.pretrained import open_pretrained
from tfkd_base.errors import TfkdError


def configured(folder, **settings):
    """Write an encoder, and change its `config.json`: a value of `None` takes a key out."""
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
        (b"{", "is no JSON: Expecting property name"),
        (b"", "is no JSON: Expecting value"),
        (b"\xff{}", "is no JSON: "),
        (b"[1]", "expected a JSON object, got a list"),
        (b'"bert"', "expected a JSON object, got a str"),
    ],
)
def test_a_broken_configuration(content, message, tmp_path):
    (tiny_bert(tmp_path) / "config.json").write_bytes(content)
    said = refusal(tmp_path)
    assert said.startswith(str(tmp_path / "config.json"))
    assert message in said


def test_a_configuration_that_is_a_folder(tmp_path):
    (tmp_path / "config.json").mkdir()
    assert refusal(tmp_path).startswith(f"{tmp_path / 'config.json'} cannot be read: ")


@pytest.mark.parametrize("given", [None, "electra", "deberta-v2", 7, ["bert"]])
def test_other_types_of_models_are_refused(given, tmp_path):
    expected = "model_type must be one of bert, roberta, distilbert, got " + repr(given)
    assert refusal(configured(tmp_path, model_type=given)).startswith(f"{tmp_path / 'config.json'}: {expected}")


@pytest.mark.parametrize("key", SIZES)
def test_every_size_is_needed_and_checked(key, tmp_path):
    assert refusal(configured(tmp_path, **{key: None})) == f"{tmp_path / 'config.json'} lacks the key {key!r}."
    for value in ("16", 0, -1, 2.5, True, [4]):
        said = refusal(configured(tmp_path, **{key: value}))
        assert said == f"{tmp_path / 'config.json'}: {key} must be an integer of at least 1, got {value!r}."


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_attention_heads": 3}, "3 heads cannot share 16 units evenly"),
        ({"max_position_embeddings": 2}, "needs positions for two marks and a piece, got 2"),
        ({"position_embedding_type": "relative_key"}, "position_embedding_type must be 'absolute', got 'relative_key'"),
        ({"is_decoder": True}, "is_decoder must be False, got True"),
        ({"hidden_act": "tanh"}, "no activation is called 'tanh': "),
        ({"hidden_act": ["gelu"]}, "no activation is called ['gelu']: "),
        ({"layer_norm_eps": "small"}, "layer_norm_eps must be a number, got 'small'"),
        ({"layer_norm_eps": []}, "layer_norm_eps must be a number, got []"),
        ({"layer_norm_eps": -1e-5}, "epsilon of an encoder must be a finite number and not negative, got -1e-05"),
        ({"layer_norm_eps": float("nan")}, "epsilon of an encoder must be a finite number and not negative, got nan"),
        ({"model_type": "roberta", "pad_token_id": "one"}, "pad_token_id must be an integer of at least 0, got 'one'"),
        ({"model_type": "roberta", "pad_token_id": 17}, "needs positions for two marks and a piece, got 2"),
    ],
)
def test_settings_that_cannot_be_followed(settings, message, tmp_path):
    said = refusal(configured(tmp_path, **settings))
    assert said.startswith(f"{tmp_path / 'config.json'}: ")
    assert message in said


@pytest.mark.parametrize("key", ["dim", "n_layers", "n_heads", "hidden_dim"])
def test_a_type_with_keys_of_its_own(key, tmp_path):
    own = {"model_type": "distilbert", "dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32}
    assert open_pretrained(configured(tmp_path, **own)).architecture.inner_units == 32
    assert f"lacks the key {key!r}" in refusal(configured(tmp_path, **{**own, key: None}))


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        ("gelu", "gelu"), ("gelu_new", "gelu_approximate"), ("gelu_pytorch_tanh", "gelu_approximate"),
        ("relu", "relu"), ("silu", "silu"), ("swish", "silu"), (None, "gelu"),
    ],
)  # fmt: skip
def test_activations(given, ours, tmp_path):
    found = open_pretrained(configured(tmp_path, hidden_act=given, layer_norm_eps=None)).architecture
    assert (found.activation, found.epsilon) == (ours, 1e-12)


@pytest.mark.parametrize(("padding", "first"), [(None, 2), (1, 2), (0, 1), (3, 4)])
def test_positions_of_roberta_begin_after_the_paddings(padding, first, tmp_path):
    found = open_pretrained(configured(tmp_path, model_type="roberta", pad_token_id=padding))
    table = bert_weights(SIZES)["embeddings.position_embeddings.weight"]
    assert found.architecture.positions == 20 - first
    np.testing.assert_array_equal(found.embedding()["positions"], table[first:])


def test_weights_by_the_names_of_our_layers(tmp_path):
    found, given = open_pretrained(tiny_bert(tmp_path, seed=5)), bert_weights(SIZES, seed=5)
    embedding = found.embedding()
    np.testing.assert_array_equal(embedding["pieces"], given["embeddings.word_embeddings.weight"])
    np.testing.assert_array_equal(embedding["positions"], given["embeddings.position_embeddings.weight"])
    np.testing.assert_array_equal(embedding["segment"], given["embeddings.token_type_embeddings.weight"][0])
    np.testing.assert_array_equal(embedding["scale"], given["embeddings.LayerNorm.weight"])
    np.testing.assert_array_equal(embedding["offset"], given["embeddings.LayerNorm.bias"])
    layer = found.layer(1)
    for place, name in enumerate(("query", "key", "value")):
        weight = given[f"encoder.layer.1.attention.self.{name}.weight"]
        np.testing.assert_array_equal(layer["query_key_value_kernel"][:, 16 * place : 16 * place + 16], weight.T)
        bias = given[f"encoder.layer.1.attention.self.{name}.bias"]
        np.testing.assert_array_equal(layer["query_key_value_bias"][16 * place : 16 * place + 16], bias)
    np.testing.assert_array_equal(layer["inner_kernel"], given["encoder.layer.1.intermediate.dense.weight"].T)
    np.testing.assert_array_equal(layer["outer_bias"], given["encoder.layer.1.output.dense.bias"])
    np.testing.assert_array_equal(layer["attention_scale"], given["encoder.layer.1.attention.output.LayerNorm.weight"])
    np.testing.assert_array_equal(layer["offset"], given["encoder.layer.1.output.LayerNorm.bias"])
    assert {value.dtype for value in (*embedding.values(), *layer.values())} == {np.dtype(np.float32)}


def test_more_layers_than_there_are_weights(tmp_path):
    found = open_pretrained(configured(tmp_path, num_hidden_layers=3))
    found.layer(1)
    with pytest.raises(TfkdError, match=re.escape(f"{tmp_path}: there is no weight 'encoder.layer.2.")):
        found.layer(2)


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"vocab_size": len(PIECES) + 1}, "embeddings.word_embeddings.weight"),
        ({"max_position_embeddings": 21}, "embeddings.position_embeddings.weight"),
        ({"intermediate_size": 31}, "encoder.layer.0.intermediate.dense.weight"),
        ({"hidden_size": 18}, "embeddings.position_embeddings.weight"),
    ],
)
def test_weights_of_another_shape(settings, key, tmp_path):
    found = open_pretrained(configured(tmp_path, **settings))
    said = rf"{re.escape(str(tmp_path))}: the weight {key!r} has shape \(\d+, \d+\), but config.json asks for \(\d+, "
    with pytest.raises(TfkdError, match=said):
        found.embedding(), found.layer(0)


def test_a_vocabulary_of_another_model(tmp_path):
    found = open_pretrained(configured(tmp_path, vocab_size=len(PIECES) - 1))
    with pytest.raises(TfkdError, match=r"has 84 pieces, but config.json tells of 83 \(vocab_size\)"):
        found.text()
    # Rows of the table that no piece has are none too many.
    larger = open_pretrained(configured(tmp_path, vocab_size=len(PIECES) + 4))
    assert len(larger.text().pieces) == len(PIECES)
