"""Encoders saved by keras-hub, against the results of its own layers."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.pretrained.golden_files import GOLDEN
from tests.pretrained.test_golden import run_encoder, without_special_tokens
from tests.pretrained.tiny import PIECES
from tfkd.pretrained import open_pretrained
from tfkd.pretrained.keras_presets import KerasPreset
from tfkd.text import PieceFeatures
from tfkd_base.errors import TfkdError

pytestmark = pytest.mark.slow

MASKED = (*PIECES, "[MASK]")
BYTE_PAIRS = json.loads((GOLDEN / "byte_pairs" / "vocab.json").read_text(encoding="utf-8"))
MERGES = (GOLDEN / "byte_pairs" / "merges.txt").read_text(encoding="utf-8").splitlines()[1:]
KINDS = {
    "Bert": (len(MASKED), {"num_segments": 3}, lambda hub: hub.models.BertTokenizer(list(MASKED), lowercase=True)),
    "DistilBert": (len(MASKED), {}, lambda hub: hub.models.DistilBertTokenizer(list(MASKED), lowercase=False)),
    "Roberta": (
        len(BYTE_PAIRS) + 1,
        {},
        lambda hub: hub.models.RobertaTokenizer({**BYTE_PAIRS, "<mask>": len(BYTE_PAIRS)}, MERGES),
    ),
}
SIZES = {"num_layers": 2, "num_heads": 2, "hidden_dim": 16, "intermediate_dim": 24, "max_sequence_length": 12}


@pytest.fixture(scope="module")
def hub():
    return pytest.importorskip("keras_hub", reason="needs keras-hub: pip install 'tfkd[presets]'")


@pytest.fixture(scope="module", params=KINDS)
def preset(request, hub, tmp_path_factory):
    """Return a backbone with random weights, the folder of its preset, and its kind."""
    vocabulary_size, settings, tokenizer = KINDS[request.param]
    backbone = getattr(hub.models, f"{request.param}Backbone")(vocabulary_size=vocabulary_size, **SIZES, **settings)
    rng = np.random.default_rng(4)
    backbone.set_weights([value + rng.normal(0, 0.2, value.shape) for value in backbone.get_weights()])
    folder = tmp_path_factory.mktemp("presets") / request.param
    backbone.save_to_preset(str(folder))
    tokenizer(hub).save_to_preset(str(folder))
    return backbone, folder, request.param


def test_states_of_every_layer(preset):
    backbone, folder, kind = preset
    padding, begin, end = (1, 0, 2) if kind == "Roberta" else (0, 2, 3)
    ids = np.full((3, 12), padding, np.int32)
    rng = np.random.default_rng(6)
    for row, length in enumerate((10, 4, 1)):
        ids[row, : length + 2] = [begin, *rng.integers(4, len(MASKED), length), end]
    inputs = {"token_ids": ids, "padding_mask": (ids != padding).astype(np.int32)}
    if kind == "Bert":
        inputs["segment_ids"] = np.zeros_like(ids)
    layers = keras.Model(backbone.input, [layer.output for layer in backbone.transformer_layers])
    expected = layers({name: tf.constant(inputs[name]) for name in backbone.input})
    features = without_special_tokens(ids, padding)
    states, attention, _ = run_encoder(str(folder), features)
    words = features["counts"] > 0
    for layer_states, layer in zip(states[1:], expected, strict=True):
        np.testing.assert_allclose(layer_states[words], layer.numpy()[:, 1:-1][words], rtol=0, atol=1e-5)
    np.testing.assert_allclose(attention.sum(-1), 1, atol=1e-5)


def test_sizes_and_vocabulary(preset):
    _, folder, kind = preset
    pretrained = open_pretrained(folder)
    assert isinstance(pretrained, KerasPreset)
    sizes = pretrained.architecture
    assert (sizes.pieces, sizes.positions, sizes.units) == (KINDS[kind][0], 12, 16)
    assert (sizes.layers, sizes.heads, sizes.inner_units) == (2, 2, 24)
    # Only BERT uses the approximation in keras-hub.
    assert sizes.activation == ("gelu_approximate" if kind == "Bert" else "gelu")
    text = pretrained.text()
    if kind == "Roberta":
        expected = PieceFeatures(
            [*BYTE_PAIRS, "<mask>"], merges=MERGES, begin="<s>", end="</s>", padding="<pad>", unknown="<unk>"
        )
    else:
        expected = PieceFeatures(MASKED, lowercase=kind == "Bert")
    words = tf.constant([["wa", "The", "na\u00efve", "-", "don't", ""]])
    for name, value in expected(words).items():
        np.testing.assert_array_equal(text(words)[name], value)
    assert text.pieces == expected.pieces
    assert text.merges == expected.merges


def test_a_preset_without_a_tokenizer(hub, tmp_path):
    hub.models.BertBackbone(vocabulary_size=9, **SIZES).save_to_preset(str(tmp_path))
    pretrained = open_pretrained(tmp_path)
    assert pretrained.embedding()["pieces"].shape == (9, 16)
    with pytest.raises(TfkdError) as caught:
        pretrained.text()
    assert str(caught.value).startswith(f"{tmp_path}: keras-hub cannot load it: ")


def test_other_kinds_of_presets_are_refused(hub, tmp_path):
    hub.models.AlbertBackbone(
        vocabulary_size=9, num_layers=1, num_heads=2, embedding_dim=4, hidden_dim=4, intermediate_dim=4
    ).save_to_preset(str(tmp_path))
    with pytest.raises(TfkdError) as caught:
        open_pretrained(tmp_path)
    expected = "expected one of BertBackbone, RobertaBackbone, DistilBertBackbone, got AlbertBackbone, which is not"
    assert str(caught.value).startswith(f"{tmp_path}: {expected}")


def test_a_damaged_preset_is_refused(preset, tmp_path):
    _, folder, _ = preset
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "config.json").write_text((folder / "config.json").read_text())
    with pytest.raises(TfkdError) as caught:
        open_pretrained(damaged)
    assert str(caught.value).startswith(f"{damaged}: keras-hub cannot load it: ")


def test_an_unknown_name_is_refused_before_a_download(hub, monkeypatch):
    monkeypatch.setattr(KerasPreset, "__init__", lambda *_: pytest.fail("the preset was loaded"))
    with pytest.raises(TfkdError) as caught:
        open_pretrained("bert_tiny_en_uncasd")
    expected = "bert_tiny_en_uncasd is neither a folder nor a preset of keras-hub; "
    assert str(caught.value) == expected + "did you mean 'bert_tiny_en_uncased'?"
