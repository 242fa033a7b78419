"""Reading of weights from safetensors files."""

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
from tfkd.pretrained.folder_files import TensorFiles
from tfkd_base.errors import TfkdError

WORDS = "embeddings.word_embeddings.weight"
PARTS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


@pytest.fixture
def folder(tmp_path):
    return tiny_bert(tmp_path, seed=3)


def rewrite(folder, change):
    """Change the weights of a folder."""
    save_file(change(load_file(folder / "model.safetensors")), folder / "model.safetensors")


def read_all(folder):
    """Read all weights of the encoder in a folder."""
    pretrained = open_pretrained(folder)
    layers = {str(n): pretrained.layer(n) for n in range(pretrained.architecture.layers)}
    parts = {"embedding": pretrained.embedding(), **layers}
    return {f"{layer}.{name}": value for layer, weights in parts.items() for name, value in weights.items()}


def assert_same(weights, expected):
    assert weights.keys() == expected.keys()
    for name, value in weights.items():
        assert value.dtype == np.float32
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


def refusal(folder):
    with pytest.raises(TfkdError) as caught:
        read_all(folder)
    return str(caught.value)


def split_into_shards(folder):
    weights = load_file(folder / "model.safetensors")
    names = sorted(weights)
    place = {name: PARTS[number % 2] for number, name in enumerate(names)}
    for part in PARTS:
        save_file({name: weights[name] for name in names if place[name] == part}, folder / part)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": place}))
    (folder / "model.safetensors").unlink()


@pytest.mark.parametrize("prefix", ["bert.", "encoder.bert."])
def test_names_may_have_any_prefix(folder, prefix):
    expected = read_all(folder)

    def change(weights):
        return {"classifier.weight": np.ones([2, 16], np.float32), **{prefix + k: v for k, v in weights.items()}}

    rewrite(folder, change)
    assert_same(read_all(folder), expected)


def test_older_names_of_a_normalisation(folder):
    expected = read_all(folder)

    def change(weights):
        older = {".LayerNorm.weight": ".LayerNorm.gamma", ".LayerNorm.bias": ".LayerNorm.beta"}
        return {
            name.replace(*next(((new, old) for new, old in older.items() if new in name), ("", ""))): value
            for name, value in weights.items()
        }

    rewrite(folder, change)
    assert "embeddings.LayerNorm.gamma" in load_file(folder / "model.safetensors")
    assert_same(read_all(folder), expected)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float64])
def test_other_precisions_become_float32(folder, dtype):
    exact = {name: value.astype(dtype).astype(np.float32) for name, value in read_all(folder).items()}
    rewrite(folder, lambda weights: {name: value.astype(dtype) for name, value in weights.items()})
    assert_same(read_all(folder), exact)


def test_weights_in_several_files(folder):
    expected = read_all(folder)
    split_into_shards(folder)
    assert_same(read_all(folder), expected)


def test_a_missing_shard_and_a_damaged_index_are_refused(folder):
    split_into_shards(folder)
    (folder / PARTS[1]).unlink()
    assert refusal(folder).startswith(f"{folder / PARTS[1]} cannot be read: ")
    index = folder / "model.safetensors.index.json"
    index.write_text("{}")
    assert refusal(folder) == f"{index}: expected a weight_map with the file of each weight."
    index.write_text('{"weight_map": ["a"]}')
    assert refusal(folder) == f"{index}: expected a weight_map with the file of each weight."
    index.write_text("[]")
    assert refusal(folder) == f"{index}: expected a JSON object, got a list."


def test_folders_without_safetensors_are_refused(folder):
    missing = f"{folder / 'model.safetensors'} is missing"
    (folder / "model.safetensors").unlink()
    assert refusal(folder) == f"{missing}."
    convert = (
        f"`AutoModel.from_pretrained({str(folder)!r}%s).save_pretrained({str(folder)!r}, safe_serialization=True)`"
    )
    for name, form, version, option in (
        ("flax_model.msgpack", "Flax's format", " with transformers 4", ", from_flax=True"),
        ("tf_model.h5", "TensorFlow's format", " with transformers 4", ", from_tf=True"),
        ("pytorch_model.bin", "PyTorch's older format", "", ""),
    ):
        (folder / name).write_bytes(b"PK")
        expected = f"{missing}; {name} has another format ({form}). Convert it{version}: {convert % option}."
        assert refusal(folder) == expected
        if name != "pytorch_model.bin":
            (folder / name).unlink()
    (folder / "pytorch_model.bin").rename(folder / "adapter_model.safetensors")
    assert "the folder holds an adapter (PEFT) only. Merge it into its encoder with `merge_and_unload`" in refusal(
        folder
    )


@pytest.mark.parametrize("keep", [0, 4, 100, -100])
def test_a_truncated_file_is_refused(folder, keep):
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[:keep])
    assert refusal(folder).startswith(f"{folder / 'model.safetensors'} cannot be read: ")


@pytest.mark.parametrize("name", [n for n in bert_weights(SIZES) if "token_type" not in n and n != WORDS][::3])
def test_every_weight_is_required_with_its_shape(folder, name):
    whole = load_file(folder / "model.safetensors")
    rewrite(folder, lambda weights: {key: value for key, value in weights.items() if key != name})
    assert refusal(folder) == f"{folder}: config.json requires the weight {name!r}, which is missing."
    shape = (*whole[name].shape[:-1], 3)
    save_file({**whole, name: np.zeros(shape, np.float32)}, folder / "model.safetensors")
    message = f"{folder}: config.json requires the shape {whole[name].shape} for {name!r}, got {shape}. Do"
    with pytest.raises(TfkdError, match=re.escape(message)):
        read_all(folder)


def test_an_index_that_names_a_file_without_the_weight(folder):
    split_into_shards(folder)
    index = folder / "model.safetensors.index.json"
    place = json.loads(index.read_text())["weight_map"]
    index.write_text(json.dumps({"weight_map": dict.fromkeys(place, PARTS[1])}))
    assert re.search(rf"{PARTS[1]} does not contain the weight '.*', although {index.name} says so", refusal(folder))
    index.write_text(json.dumps({"weight_map": dict.fromkeys(place, 3)}))
    assert f"{index.name}: expected a weight_map" in refusal(folder)


@pytest.mark.parametrize("shape", [(), (0, 16), (16,), (1, 2, 16)])
def test_segments_of_another_shape(folder, shape):
    segments = {"embeddings.token_type_embeddings.weight": np.zeros(shape, np.float32)}
    rewrite(folder, lambda weights: {**weights, **segments})
    assert f"for 'embeddings.token_type_embeddings.weight', got {shape}." in refusal(folder)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_non_finite_weights_are_refused(folder, value):
    name = "encoder.layer.1.output.dense.weight"

    def change(weights):
        weights[name][3, 5] = value
        return weights

    rewrite(folder, change)
    assert f"the weight '{name}' contains a number that is not finite" in refusal(folder)


def test_integer_weights_are_refused(folder):
    rewrite(folder, lambda weights: {key: (10 * value).astype(np.int8) for key, value in weights.items()})
    assert "to have one of the types F64, F32, F16, BF16, got I8." in refusal(folder)


def test_a_wrong_size_is_refused_before_the_model_is_built(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": 10**12}))
    with pytest.raises(TfkdError, match=r"config\.json requires the shape \(1000000000000, 16\)"):
        Tagger(open_pretrained(folder).text(), ("O", "B-X"), encoder=Transformer(folder))


def test_weights_of_other_models_are_refused(folder):
    rewrite(folder, lambda weights: {"conv.weight": np.zeros([2], np.float32)})
    assert refusal(folder) == f"{folder}: expected the weights of an encoder, but the weight {WORDS!r} is missing."


def test_the_number_of_segments_is_free(folder):
    name = "embeddings.token_type_embeddings.weight"
    for rows in (1, 3):
        table = np.arange(16 * rows, dtype=np.float32).reshape(rows, 16)
        rewrite(folder, lambda weights, table=table: {**weights, name: table})
        np.testing.assert_array_equal(read_all(folder)["embedding.segment"], table[0])
    rewrite(folder, lambda weights: {**weights, name: np.zeros([2, 4], np.float32)})
    assert refusal(folder) == (
        f"{folder}: config.json requires the shape (2, 16) for {name!r}, got (2, 4). Do the files belong to the same "
        "model?"
    )
    rewrite(folder, lambda weights: {key: value for key, value in weights.items() if key != name})
    assert not read_all(folder)["embedding.segment"].any()


def test_weights_are_read_without_the_prefix(folder):
    rewrite(folder, lambda weights: {f"bert.{name}": value for name, value in weights.items()})
    files = TensorFiles(folder, WORDS)
    assert files.read("embeddings.LayerNorm.bias", 16).shape == (16,)
    with pytest.raises(TfkdError, match=re.escape("config.json requires the weight 'bert.embeddings.none', which")):
        files.read("embeddings.none", 16)
