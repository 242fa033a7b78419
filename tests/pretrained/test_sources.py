"""Opening of encoders by path or name, and their sizes."""

from __future__ import annotations

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
