"""The models that come with tfkd: what they are, and where they lie.

Each is an exported model in the package `tfkd_models`, which is the folder `savedmodels` of a checkout. The facts about
them are in `models.json` there, with a hash of each file, so that a damaged model is refused.
"""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfkd_base.errors import TfkdError, nearest
from tfkd_base.files import atomic_file, hash_file

MODEL_PREFIX = "bundled:"
"""Prefix of the name of a bundled model, for the case that a file or folder has the same name."""
DEFAULT_MODEL = f"{MODEL_PREFIX}biomedical"
"""The model of a command or a function that is given none."""
SAVED_MODEL, ONNX_FILE = "1", "model.onnx"
"""The SavedModel in the folder of a model, and the file for programs without TensorFlow."""
INDEX = "models.json"
"""File with the facts about all models."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelScore:
    """F1 of a model on the test set of a corpus.

    Attributes:
        task: The task of the model.
        corpus: The corpus.
        f1: Strict F1 over all entities, in percent.
    """

    task: str
    corpus: str
    f1: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BundledModel:
    """A model that comes with tfkd.

    Attributes:
        name: Its name.
        types: The entity types that it finds.
        scores: Its F1 on test sets.
        words_per_second: Words that it annotates in a second of CPU time, on the machine where it was made.
        licence: Licence of the model, which follows from those of its training data.
        files: SHA-256 of each file, by its path in the folder of the model.
        size: Bytes of the files.
    """

    name: str
    types: tuple[str, ...]
    scores: tuple[ModelScore, ...]
    words_per_second: int
    licence: str
    files: Mapping[str, str]
    size: int


def list_bundled_models(folder: Path | None = None) -> tuple[BundledModel, ...]:
    """Return the models that come with tfkd.

    Args:
        folder: Folder with the models. Default: that of the package.

    Example:
        >>> [model.name for model in list_bundled_models()][:1]
        ['biomedical']
    """
    try:
        return tuple(_read_index(folder or _models_folder()))
    except ModuleNotFoundError:  # a checkout that was installed by an earlier version
        return ()


def is_bundled_model(name: str) -> bool:
    """Tell whether a name is that of a bundled model, with or without `bundled:` before it.

    Example:
        >>> is_bundled_model("biomedical"), is_bundled_model("bundled:biomedical"), is_bundled_model("runs/x")
        (True, True, False)
    """
    return name.startswith(MODEL_PREFIX) or name in {model.name for model in list_bundled_models()}


def short_name(model: str | Path) -> str:
    """Return the name of a model for messages: that of a bundled model without its prefix, any other as it is.

    Example:
        >>> short_name(DEFAULT_MODEL), short_name(Path("runs/x"))
        ('biomedical', 'runs/x')
    """
    return str(model).removeprefix(MODEL_PREFIX)


def find_bundled_model(name: str, part: str = SAVED_MODEL, folder: Path | None = None) -> Path:
    """Return the folder or the file of a bundled model, after a check of its files.

    Args:
        name: The name, with or without `bundled:` before it.
        part: `SAVED_MODEL` for its SavedModel, or `ONNX_FILE` for its ONNX file.
        folder: Folder with the models. Default: that of the package.

    Raises:
        TfkdError: There is no such model; a file or folder has the same name; or a file of the model is missing or
            damaged.

    Example:
        >>> find_bundled_model("bundled:biomedicine")
        Traceback (most recent call last):
        tfkd_base.errors.TfkdError: there is no bundled model 'biomedicine'; ...
    """
    if not name.startswith(MODEL_PREFIX) and Path(name).exists():
        raise TfkdError(
            f"'{name}' is a bundled model, and also a file or folder here: write {MODEL_PREFIX}{name} for the model, "
            f"or ./{name} for the other"
        )
    wanted = short_name(name)
    models = {model.name: model for model in list_bundled_models(folder)}
    if wanted not in models:
        raise TfkdError(f"there is no bundled model '{wanted}'; {nearest(wanted, models)}")
    place = (folder or _models_folder()) / wanted
    for name_of_file, expected in models[wanted].files.items():
        if not f"{name_of_file}/".startswith(f"{part}/"):
            continue
        file = place / name_of_file
        state = None if file.is_file() else "is missing"
        if state is None and hash_file(file) != expected:
            state = "is damaged"
        if state is not None:
            raise TfkdError(f"the bundled model '{wanted}' cannot be used: {file} {state}. Install tfkd again")
    return place / part


def write_model_index(folder: Path, facts: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the facts about the models in a folder, with the hashes of their files.

    Args:
        folder: The folder with a folder for each model.
        facts: For each model the attributes of `BundledModel` but `name`, `files` and `size`.
    """
    index = {}
    for name, of_model in facts.items():
        files = sorted(file for file in (folder / name).rglob("*") if file.is_file())
        index[name] = {
            **of_model,
            "files": {file.relative_to(folder / name).as_posix(): hash_file(file) for file in files},
            "size": sum(file.stat().st_size for file in files),
        }
    with atomic_file(folder / INDEX) as part:
        part.write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def _models_folder() -> Path:
    return Path(str(importlib.resources.files("tfkd_models")))


def _read_index(folder: Path) -> list[BundledModel]:
    file = folder / INDEX
    if not file.is_file():
        return []
    models = []
    for name, facts in json.loads(file.read_text(encoding="utf-8")).items():
        scores = tuple(ModelScore(**score) for score in facts["scores"])
        models.append(BundledModel(name=name, **{**facts, "types": tuple(facts["types"]), "scores": scores}))
    return models
