"""From what a user calls a model, a path, an address or the model itself, to a way to it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tfkd.models import MultiTaskTagger, Tagger
from tfkd.serving.address import Address, is_address
from tfkd.serving.backend import Backend
from tfkd.serving.client import ClientOptions
from tfkd.serving.in_memory import InMemory
from tfkd.serving.loading import MODEL_FILE, load_model
from tfkd.serving.saved_model import SavedModel, find_saved_model
from tfkd_base.corpora import Scheme
from tfkd_base.errors import TfkdError, nearest

Model = Tagger | MultiTaskTagger | str | Path


class Opened(NamedTuple):
    """A way to a model, and what is to be read of its answers.

    Attributes:
        backend: The way.
        suffixes: For each task what stands behind `tags` and `scores` in the answers, `/TASK`; `""` of a single task.
        scheme: The tag scheme.
        types: The entity types of these tasks.
    """

    backend: Backend
    suffixes: tuple[str, ...]
    scheme: Scheme
    types: tuple[str, ...]


def open_model(model: Model, tasks: Sequence[str], options: ClientOptions) -> Opened:
    """Open a model, see `Annotator`.

    Args:
        model: One model.
        tasks: Which tasks, where it has several; by default all.
        options: How to deal with a server.

    Raises:
        TfkdError: There is no such model, or it lacks a task.
    """
    backend = _backend(model, options)
    about = backend.description
    if "tasks" not in about:
        if tasks:
            raise TfkdError(f"{backend.name} is a model of one task; leave out the task {tasks[0]!r}")
        return Opened(backend, ("",), about["scheme"], tuple(about["types"]))
    for task in tasks:
        if task not in about["tasks"]:
            raise TfkdError(f"{backend.name} has no task {task!r}: {nearest(task, about['tasks'])}")
    chosen = [task for task in about["tasks"] if not tasks or task in tasks]
    types = {kind for task in chosen for kind in about["tasks"][task]["types"]}
    return Opened(backend, tuple(f"/{task}" for task in chosen), about["scheme"], tuple(sorted(types)))


def identify_model(model: str) -> str:
    """Return a text that differs for models that may give different answers.

    Args:
        model: A run, a SavedModel or an address, see `Annotator`.

    Returns:
        The path and a hash of the model's files, or the address.

    Raises:
        OSError: A file cannot be read.

    Example:
        >>> identify_model("grpc://localhost:8500/disease")
        'grpc://localhost:8500/disease'
    """
    if is_address(model):
        return str(Address.parse(model))
    path = Path(model)
    place = find_saved_model(path) or (path / MODEL_FILE if path.is_dir() else path)
    digest = hashlib.sha256()
    for file in sorted(place.rglob("*")) if place.is_dir() else [place]:
        if file.is_file():
            digest.update(str(file.relative_to(place)).encode())
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return f"{place.resolve()} {digest.hexdigest()[:32]}"


def _backend(model: Model, options: ClientOptions) -> Backend:
    if not isinstance(model, str | Path):
        return InMemory(model)
    if is_address(model):
        return _client(Address.parse(str(model)), options)
    folder = find_saved_model(Path(model))
    if folder is not None:
        return SavedModel(folder)
    _check_run(Path(model))
    backend = InMemory(load_model(model))
    backend.name = str(model)
    return backend


def _client(address: Address, options: ClientOptions) -> Backend:
    # Each brings a library that the other ways to a model do without.
    if address.protocol == "grpc":
        from tfkd.serving.client_grpc import GrpcClient

        return GrpcClient(address, options)
    from tfkd.serving.client_rest import RestClient

    return RestClient(address, options)


def _check_run(path: Path) -> None:
    if path.suffix == ".keras" or (path / MODEL_FILE).is_file():
        return
    state = "which holds neither" if path.is_dir() else "which is no folder"
    raise TfkdError(
        f"expected the folder of a run, with {MODEL_FILE} in it, or of a SavedModel, with saved_model.pb in it or in a "
        f"numbered folder below it, or an address such as grpc://host:8500/NAME; got {path}, {state}"
    )
