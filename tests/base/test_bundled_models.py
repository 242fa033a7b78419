"""The models that come with tfkd: listed, found, and refused if damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfkd_base.bundled_models import (
    DEFAULT_MODEL,
    MODEL_PREFIX,
    ONNX_FILE,
    find_bundled_model,
    is_bundled_model,
    list_bundled_models,
    write_model_index,
)
from tfkd_base.errors import TfkdError

FACTS = {
    "types": ["Disease"],
    "scores": [{"task": "disease", "corpus": "c", "f1": 80.5}],
    "words_per_second": 1000,
    "licence": "CC0",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one model of two files."""
    (tmp_path / "tiny" / "1").mkdir(parents=True)
    (tmp_path / "tiny" / "1" / "graph").write_bytes(b"abc")
    (tmp_path / "tiny" / "1" / "weights").write_bytes(b"12345")
    write_model_index(tmp_path, {"tiny": FACTS})
    return tmp_path


def test_the_index_has_the_facts_and_the_files(folder: Path) -> None:
    (model,) = list_bundled_models(folder)
    assert (model.name, model.types, model.size, model.scores[0].f1) == ("tiny", ("Disease",), 8, 80.5)
    # The hash of "abc" in the definition of SHA-256 (FIPS 180-2, appendix B.1).
    assert model.files["1/graph"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert find_bundled_model("tiny", folder=folder) == folder / "tiny" / "1"


@pytest.mark.parametrize(("damage", "state"), [("cut", "is damaged"), ("flip", "is damaged"), ("remove", "is missing")])
def test_a_damaged_model_is_refused(folder: Path, damage: str, state: str) -> None:
    file = folder / "tiny" / "1" / "weights"
    if damage == "remove":
        file.unlink()
    else:
        file.write_bytes(b"1234" if damage == "cut" else b"12346")
    with pytest.raises(TfkdError, match=rf"weights {state}\. Install tfkd again"):
        find_bundled_model("tiny", folder=folder)


def test_unknown_and_ambiguous_names_are_refused(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TfkdError, match="there is no bundled model 'tini'; did you mean 'tiny'"):
        find_bundled_model("tini", folder=folder)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TfkdError, match=r"write bundled:tiny for the model, or \./tiny for the other"):
        find_bundled_model("tiny", folder=folder)
    assert find_bundled_model("bundled:tiny", folder=folder) == folder / "tiny" / "1"


def test_every_model_of_the_package_is_whole_and_small() -> None:
    models = list_bundled_models()
    assert DEFAULT_MODEL in {f"{MODEL_PREFIX}{model.name}" for model in models}
    assert sum(model.size for model in models) <= 25_000_000
    for model in models:
        assert is_bundled_model(model.name)
        assert (find_bundled_model(f"{MODEL_PREFIX}{model.name}") / "saved_model.pb").is_file()
        assert find_bundled_model(f"{MODEL_PREFIX}{model.name}", ONNX_FILE).is_file()
