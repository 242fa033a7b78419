from __future__ import annotations

import json
import re

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.pretrained.tiny import SIZES, bert_weights, tiny_bert
from tfkd.models import Tagger, Transformer
from tfkd.pretrained import open_pretrained
from tfkd.pretrained.tensor_files import TensorFiles
from tfkd_base.errors import TfkdError

WORDS = "embeddings.word_embeddings.weight"
PARTS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


@pytest.fixture
def folder(tmp_path):
    return tiny_bert(tmp_path, seed=3)


def rewritten(folder, change):
    """Save the weights of a folder anew, changed."""
    save_file(change(load_file(folder / "model.safetensors")), folder / "model.safetensors")


def everything(folder):
    """Read all weights of the encoder in a folder."""
    found = open_pretrained(folder)
    read = {"embedding": found.embedding(), **{str(n): found.layer(n) for n in range(found.architecture.layers)}}
    return {f"{layer}.{name}": value for layer, weights in read.items() for name, value in weights.items()}


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, value in found.items():
        assert value.dtype == np.float32
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


def refusal(folder):
    with pytest.raises(TfkdError) as caught:
        everything(folder)
    return str(caught.value)


def in_shards(folder):
    weights = load_file(folder / "model.safetensors")
    names = sorted(weights)
    place = {name: PARTS[number % 2] for number, name in enumerate(names)}
    for part in PARTS:
        save_file({name: weights[name] for name in names if place[name] == part}, folder / part)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": place}))
    (folder / "model.safetensors").unlink()


@pytest.mark.parametrize("prefix", ["bert.", "encoder.bert."])
def test_names_may_begin_with_anything(folder, prefix):
    expected = everything(folder)

    def changed(weights):
        return {"classifier.weight": np.ones([2, 16], np.float32), **{prefix + k: v for k, v in weights.items()}}

    rewritten(folder, changed)
    assert_same(everything(folder), expected)


def test_older_names_of_a_normalisation(folder):
    expected = everything(folder)

    def changed(weights):
        older = {".LayerNorm.weight": ".LayerNorm.gamma", ".LayerNorm.bias": ".LayerNorm.beta"}
        return {
            name.replace(*next(((new, old) for new, old in older.items() if new in name), ("", ""))): value
            for name, value in weights.items()
        }

    rewritten(folder, changed)
    assert "embeddings.LayerNorm.gamma" in load_file(folder / "model.safetensors")
    assert_same(everything(folder), expected)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float64])
def test_other_precisions_become_float32(folder, dtype):
    exact = {name: value.astype(dtype).astype(np.float32) for name, value in everything(folder).items()}
    rewritten(folder, lambda weights: {name: value.astype(dtype) for name, value in weights.items()})
    assert_same(everything(folder), exact)


def test_weights_in_several_files(folder):
    expected = everything(folder)
    in_shards(folder)
    assert_same(everything(folder), expected)


def test_several_files_of_which_one_is_missing_or_the_index_broken(folder):
    in_shards(folder)
    (folder / PARTS[1]).unlink()
    assert refusal(folder).startswith(f"{folder / PARTS[1]} cannot be read: ")
    index = folder / "model.safetensors.index.json"
    index.write_text("{}")
    assert refusal(folder) == f"{index}: expected a weight_map, which names the file of each weight."
    index.write_text('{"weight_map": ["a"]}')
    assert refusal(folder) == f"{index}: expected a weight_map, which names the file of each weight."
    index.write_text("[]")
    assert refusal(folder) == f"{index}: expected a JSON object, got a list."


def test_no_weights_that_can_be_read(folder):
    (folder / "model.safetensors").unlink()
    assert refusal(folder) == f"{folder / 'model.safetensors'} is missing."
    (folder / "pytorch_model.bin").write_bytes(b"PK")
    said = f"{folder / 'model.safetensors'} is missing; pytorch_model.bin is of another format: save the model anew "
    assert refusal(folder) == said + "with `safe_serialization=True`."


@pytest.mark.parametrize("keep", [0, 4, 100, -100])
def test_a_file_that_is_cut_off(folder, keep):
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[:keep])
    assert refusal(folder).startswith(f"{folder / 'model.safetensors'} cannot be read: ")


@pytest.mark.parametrize("name", [n for n in bert_weights(SIZES) if "token_type" not in n and n != WORDS][::3])
def test_every_weight_is_needed_and_its_shape_checked(folder, name):
    whole = load_file(folder / "model.safetensors")
    rewritten(folder, lambda weights: {key: value for key, value in weights.items() if key != name})
    assert refusal(folder) == f"{folder}: there is no weight {name!r}, which config.json asks for."
    shape = (*whole[name].shape[:-1], 3)
    save_file({**whole, name: np.zeros(shape, np.float32)}, folder / "model.safetensors")
    asked = re.escape(f"{folder}: the weight {name!r} has shape {shape}, but config.json asks for {whole[name].shape}.")
    with pytest.raises(TfkdError, match=asked):
        everything(folder)


def test_an_index_that_names_a_file_without_the_weight(folder):
    in_shards(folder)
    index = folder / "model.safetensors.index.json"
    place = json.loads(index.read_text())["weight_map"]
    index.write_text(json.dumps({"weight_map": dict.fromkeys(place, PARTS[1])}))
    assert re.search(rf"{PARTS[1]} does not hold the weight '.*', as {index.name} says", refusal(folder))
    index.write_text(json.dumps({"weight_map": dict.fromkeys(place, 3)}))
    assert f"{index.name}: expected a weight_map" in refusal(folder)


@pytest.mark.parametrize("shape", [(), (0, 16), (16,), (1, 2, 16)])
def test_segments_of_another_shape(folder, shape):
    segments = {"embeddings.token_type_embeddings.weight": np.zeros(shape, np.float32)}
    rewritten(folder, lambda weights: {**weights, **segments})
    assert f"token_type_embeddings.weight' has shape {shape}, but config.json asks for" in refusal(folder)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_finite_numbers(folder, value):
    name = "encoder.layer.1.output.dense.weight"

    def change(weights):
        weights[name][3, 5] = value
        return weights

    rewritten(folder, change)
    assert f"the weight '{name}' holds what is no finite number" in refusal(folder)


def test_weights_that_are_integers(folder):
    rewritten(folder, lambda weights: {key: (10 * value).astype(np.int8) for key, value in weights.items()})
    assert "is of type I8, expected one of F64, F32, F16, BF16" in refusal(folder)


def test_a_size_that_no_weight_has_is_refused_before_anything_is_built(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": 10**12}))
    with pytest.raises(TfkdError, match=r"config\.json asks for \(1000000000000, 16\)"):
        Tagger(open_pretrained(folder).text(), ("O", "B-X"), encoder=Transformer(folder))


def test_weights_of_something_else(folder):
    rewritten(folder, lambda weights: {"conv.weight": np.zeros([2], np.float32)})
    assert refusal(folder) == f"{folder}: no weight is called {WORDS!r}: expected those of an encoder."


def test_segments_are_any_number_and_need_not_be(folder):
    name = "embeddings.token_type_embeddings.weight"
    for rows in (1, 3):
        table = np.arange(16 * rows, dtype=np.float32).reshape(rows, 16)
        rewritten(folder, lambda weights, table=table: {**weights, name: table})
        np.testing.assert_array_equal(everything(folder)["embedding.segment"], table[0])
    rewritten(folder, lambda weights: {**weights, name: np.zeros([2, 4], np.float32)})
    assert refusal(folder) == f"{folder}: the weight {name!r} has shape (2, 4), but config.json asks for (2, 16)."
    rewritten(folder, lambda weights: {key: value for key, value in weights.items() if key != name})
    assert not everything(folder)["embedding.segment"].any()


def test_a_weight_by_the_name_after_what_stands_before_all(folder):
    rewritten(folder, lambda weights: {f"bert.{name}": value for name, value in weights.items()})
    files = TensorFiles(folder, WORDS)
    assert files.get("embeddings.LayerNorm.bias", 16).shape == (16,)
    with pytest.raises(TfkdError, match=re.escape("there is no weight 'bert.embeddings.none', which")):
        files.get("embeddings.none", 16)
