"""Opening of encoders by path or name, and their sizes."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from tests.pretrained.tiny import tiny_bert
from tfkd.pretrained import Architecture, keras_presets, open_pretrained
from tfkd.pretrained.hugging_face import HuggingFaceFolder
from tfkd_base.errors import TfkdError


def test_folders_as_path_text_and_home_path(tmp_path, monkeypatch):
    folder = tiny_bert(tmp_path / "tiny")
    for source in (folder, str(folder)):
        pretrained = open_pretrained(source)
        assert isinstance(pretrained, HuggingFaceFolder)
        assert (pretrained.name, pretrained.architecture.units) == ("tiny", 16)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert open_pretrained("~/tiny").name == "tiny"
    # A folder has priority over a preset with the same name.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny").rename("bert_tiny_en_uncased")
    assert isinstance(open_pretrained("bert_tiny_en_uncased"), HuggingFaceFolder)


def test_files_and_missing_folders_are_refused(tmp_path):
    folder = tiny_bert(tmp_path / "tiny")
    with pytest.raises(TfkdError) as caught:
        open_pretrained(folder / "vocab.txt")
    assert (
        str(caught.value) == f"{folder / 'vocab.txt'} is a file; expected the folder of an encoder, with config.json."
    )
    for missing in (tmp_path / "none", Path("none/at/all")):
        with pytest.raises(TfkdError) as caught:
            open_pretrained(missing)
        assert str(caught.value) == f"the folder {missing} does not exist"
    (tmp_path / "empty").mkdir()
    with pytest.raises(TfkdError) as caught:
        open_pretrained(tmp_path / "empty")
    assert str(caught.value) == f"{tmp_path / 'empty' / 'config.json'} is missing."


def test_folders_of_other_kinds_are_named(tmp_path):
    def refusal(folder):
        with pytest.raises(TfkdError) as caught:
            open_pretrained(folder).text()
        return str(caught.value)

    missing = f"{tmp_path / 'config.json'} is missing."
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert refusal(
        tmp_path
    ) == f"{missing} The folder holds weights only. Download config.json and the files of the " + ("tokenizer, too.")
    (tmp_path / "bert_config.json").write_text("{}")
    assert refusal(tmp_path).startswith(f"{missing} The folder holds a BERT in the format of its original release.")
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "bert-base-cased"}')
    assert refusal(tmp_path) == (
        f"{missing} The folder holds an adapter (PEFT) of bert-base-cased, not an encoder. Merge it: "
        "`AutoPeftModel.from_pretrained(folder).merge_and_unload().save_pretrained(new_folder)`."
    )
    snapshot = tiny_bert(tmp_path / "hub" / "snapshots" / "0123")
    assert refusal(tmp_path / "hub") == (
        f"{tmp_path / 'hub' / 'config.json'} is missing. Did you mean the folder {snapshot}?"
    )
    (snapshot / "vocab.txt").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    assert refusal(snapshot) == (
        f"{snapshot / 'vocab.txt'} is a pointer of Git LFS, not the file itself. Run `git lfs pull` in the folder, or "
        "download the file."
    )
    (snapshot / "config.json").write_text("<!DOCTYPE html>")
    assert refusal(snapshot) == (
        f"{snapshot / 'config.json'} is a web page, not the file itself. Download the file again."
    )


def test_pointers_in_place_of_weights(tmp_path):
    folder = tiny_bert(tmp_path)
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(
        TfkdError, match=r"model\.safetensors is a pointer of Git LFS, not the file itself\. Run `git lfs"
    ):
        open_pretrained(folder).check()


def test_a_folder_of_sentence_transformers_is_read(tmp_path):
    modules = [{"idx": 0, "path": "0_Transformer", "type": "sentence_transformers.models.Transformer"}]
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    tiny_bert(tmp_path / "0_Transformer")
    assert open_pretrained(tmp_path).name == "0_Transformer"
    (tmp_path / "modules.json").write_text("[1]")
    with pytest.raises(TfkdError, match=re.escape(f"Did you mean the folder {tmp_path / '0_Transformer'}?")):
        open_pretrained(tmp_path)


def test_a_name_of_the_hub_is_recognised(tmp_path):
    for name in ("dmis-lab/biobert-v1.1", str(tmp_path / "dmis-lab" / "biobert-v1.1")):
        with pytest.raises(TfkdError) as caught:
            open_pretrained(name)
        assert str(caught.value) == (
            f"the folder {name} does not exist. It looks like a name on the Hugging Face hub: download it, "
            "`hf download dmis-lab/biobert-v1.1 --local-dir models/biobert-v1.1`, and give the folder "
            "models/biobert-v1.1"
        )


def test_the_nearest_preset_is_named(monkeypatch):
    monkeypatch.setattr(keras_presets, "list_presets", lambda: ["bert_tiny_en_uncased", "roberta_base_en"])
    with pytest.raises(TfkdError, match=r"^bert_tiny_en_uncasd is neither a folder nor a preset of keras-hub"):
        open_pretrained("bert_tiny_en_uncasd")
    with pytest.raises(TfkdError, match="keras-hub; did you mean 'roberta_base_en'"):
        open_pretrained("roberta_base_eng")
    with pytest.raises(TfkdError, match="keras-hub; expected a name such as 'bert_tiny_en_uncased'"):
        open_pretrained("zzz")


@pytest.mark.parametrize("name", ["bert_tiny_en_uncased", "biobert", "hf://somebody/something"])
def test_without_keras_hub_the_message_says_so(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(TfkdError) as caught:
        open_pretrained(name)
    assert name in str(caught.value)
    assert "keras-hub" in str(caught.value)
    assert "not installed: `pip install 'tfkd[presets]'`" in str(caught.value)
    assert "folder" in str(caught.value)


def test_a_folder_of_keras_hub_needs_it(tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text('{"registered_name": "keras_hub>BertBackbone"}')
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(TfkdError) as caught:
        open_pretrained(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "`pip install 'tfkd[presets]'`" in str(caught.value)


SIZES = {"pieces": 9, "positions": 8, "units": 4, "layers": 1, "heads": 2, "inner_units": 8}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        *(
            ({name: 0}, f"expected {name} of an encoder to be at least 1, got 0")
            for name in SIZES
            if name != "positions"
        ),
        ({"positions": 2}, r"expected at least 3 positions \(two special tokens and a subword\), got 2"),
        ({"heads": 3}, "expected units that 3 heads can share equally, got 4"),
        ({"activation": "geluu"}, "unknown activation 'geluu': did you mean 'gelu'"),
    ],
)
def test_impossible_sizes_are_refused(settings, message):
    with pytest.raises(TfkdError, match=message):
        Architecture(**{**SIZES, **settings})


def test_sizes_as_plain_data():
    sizes = Architecture(**SIZES, activation="relu", epsilon=1e-5)
    assert sizes.get_config() == {**SIZES, "activation": "relu", "epsilon": 1e-5}
    assert Architecture(**sizes.get_config()) == sizes
