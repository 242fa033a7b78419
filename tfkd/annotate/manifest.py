"""What makes a work what it is: its models, its inputs, and how it is done."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tfkd
from tfkd.annotate.settings import Settings
from tfkd.serving.address import Address, is_address
from tfkd.serving.loading import MODEL_FILE
from tfkd.serving.saved_model import find_saved_model
from tfkd_base.documents import DocumentFile
from tfkd_base.errors import TfkdError
from tfkd_base.resumable import flatten

_SHOWN = 100
_NOT_OF_THE_RESULT = ("models", "client")


def manifest(settings: Settings, files: Sequence[DocumentFile], output: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a work by all that its output depends on, as plain data.

    A model is known by a hash of its files; on a server, by its address alone. An input is known by its path, its
    size and when it was changed.

    Args:
        settings: With which models and how.
        files: The files of the input, in their order.
        output: How the output is laid out.

    Raises:
        OSError: A file cannot be read.
    """
    options = {name: value for name, value in asdict(settings).items() if name not in _NOT_OF_THE_RESULT}
    return {
        "tfkd": tfkd.__version__,
        "models": {model: _model(model) for model in settings.models},
        "inputs": {str(file.path): _input(file) for file in files},
        "options": {**options, "tasks": list(settings.tasks), **output},
    }


def _model(model: str) -> str:
    if is_address(model):
        return str(Address.parse(model))
    path = Path(model)
    found = find_saved_model(path) or (path / MODEL_FILE if path.is_dir() else path)
    digest = hashlib.sha256()
    for file in sorted(found.rglob("*")) if found.is_dir() else [found]:
        if file.is_file():
            digest.update(str(file.relative_to(found)).encode())
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return f"{found.resolve()} {digest.hexdigest()[:32]}"


def _input(file: DocumentFile) -> str:
    about = os.stat(file.path)
    return f"{file.format}, {about.st_size} bytes, changed {about.st_mtime_ns}"


def require_same(there: Mapping[str, Any], here: Mapping[str, Any], folder: Path) -> None:
    """Refuse to go on with a work that is another one.

    Args:
        there: What the work was begun with.
        here: What is asked for now.
        folder: Where its state is kept.

    Raises:
        TfkdError: Saying what differs.
    """
    old, new = (
        {part: flatten(one[part]) if isinstance(one[part], dict) else one[part] for part in one}
        for one in (there, here)
    )
    for what, name in (("models", "model"), ("inputs", "input"), ("options", "option")):
        for key in [*old[what], *(key for key in new[what] if key not in old[what])]:
            if key not in new[what]:
                _refuse(folder, f"with the {name} {key}, which is not given now")
            if key not in old[what]:
                _refuse(folder, f"without the {name} {key}, which is given now")
            if old[what][key] != new[what][key]:
                now, then = str(new[what][key])[:_SHOWN], str(old[what][key])[:_SHOWN]
                _refuse(folder, f"with another {name} {key}: it was {then}, and now is {now}")
        if list(old[what]) != list(new[what]):
            _refuse(folder, f"with the {name}s in another order")
    if old["tfkd"] != new["tfkd"]:
        _refuse(folder, f"by tfkd {old['tfkd']}, and this is tfkd {new['tfkd']}")


def _refuse(folder: Path, difference: str) -> None:
    raise TfkdError(
        f"{folder} holds a work that was begun {difference}. Go on with what it was begun with, name another output, "
        f"or remove {folder} to begin anew."
    )
