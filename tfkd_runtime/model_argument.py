"""Which argument of a command that annotates names the model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tfkd_base.bundled_models import DEFAULT_MODEL, is_bundled_model, list_bundled_models
from tfkd_base.corpora import BUNDLED
from tfkd_base.documents.files import STANDARD
from tfkd_base.errors import TfkdError, nearest
from tfkd_runtime.hub import is_hub_model

_MODEL_FILES = ("saved_model.pb", "model.keras", "config.yaml", "*/saved_model.pb")
"""Files of a folder that is meant as a model: a SavedModel, one version of it or all, or a run, finished or not"""
_MODEL_ENDINGS = (".keras", ".onnx")


def split_model(arguments: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return the model and the inputs.

    The first argument is the model if it is the name of a bundled model, a model on the Hub, an address, the file of a
    model, or a folder with a model or a run. Otherwise all arguments are inputs, and the model is the default.

    Args:
        arguments: The arguments of the command.

    Raises:
        TfkdError: The first argument is neither a model nor a file or folder.

    Example:
        >>> split_model(["biomedical", "a.txt"]), split_model([])
        (('biomedical', ('a.txt',)), ('bundled:biomedical', ()))
    """
    if not arguments:
        return DEFAULT_MODEL, ()
    first, *others = arguments
    if _is_model(first):
        return first, tuple(others)
    if first != STANDARD and not Path(first).exists() and not first.startswith(BUNDLED):
        names = [model.name for model in list_bundled_models()]
        raise TfkdError(f"{first}: there is no such model, file or folder; for a bundled model {nearest(first, names)}")
    return DEFAULT_MODEL, tuple(arguments)


def _is_model(argument: str) -> bool:
    path = Path(argument)
    if "://" in argument or is_hub_model(argument) or is_bundled_model(argument) or path.suffix in _MODEL_ENDINGS:
        return True
    return path.is_dir() and any(any(path.glob(pattern)) for pattern in _MODEL_FILES)
