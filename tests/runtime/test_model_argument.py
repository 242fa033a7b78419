"""Which argument of `tfkd annotate` is the model."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfkd_base.bundled_models import DEFAULT_MODEL
from tfkd_base.errors import TfkdError
from tfkd_runtime.model_argument import split_model


def make(folder: Path, name: str) -> str:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("x")
    return str(folder / name.split("/")[0])


@pytest.mark.parametrize(
    "file", ["run/model.keras", "run/config.yaml", "saved/saved_model.pb", "saved/2/saved_model.pb"]
)
def test_a_folder_with_a_model_or_a_run_is_the_model(tmp_path: Path, file: str) -> None:
    folder = make(tmp_path, file)
    assert split_model([folder, "a.txt"]) == (folder, ("a.txt",))


@pytest.mark.parametrize("name", ["biomedical", "bundled:biomedical", "grpc://localhost:8500/x", "x.keras"])
def test_names_addresses_and_files_of_models_are_models(name: str) -> None:
    assert split_model([name, "a.txt", "b.txt"]) == (name, ("a.txt", "b.txt"))


def test_documents_and_no_argument_have_the_default_model(tmp_path: Path) -> None:
    folder, file = make(tmp_path, "abstracts/1.txt"), make(tmp_path, "notes.txt")
    assert split_model([folder, file]) == (DEFAULT_MODEL, (folder, file))
    assert split_model(["-"]) == (DEFAULT_MODEL, ("-",))
    assert split_model([]) == (DEFAULT_MODEL, ())


def test_what_does_not_exist_is_refused_with_the_nearest_model() -> None:
    with pytest.raises(TfkdError, match="no such model, file or folder; for a bundled model did you mean 'biomedical'"):
        split_model(["biomedicl"])
