"""Models that take raw text: in memory, on disk, or on a server."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import tensorflow as tf

from tfkd.models import MultiTaskTagger, Tagger
from tfkd.models.loading import MODEL_FILE, load_model
from tfkd.serving.card import CARD, ModelDescription
from tfkd.serving.client import Address, ClientOptions, is_address
from tfkd.serving.export import list_versions
from tfkd.serving.signatures import Signatures
from tfkd_base.corpora import Scheme
from tfkd_base.errors import TfkdError, nearest

Model = Tagger | MultiTaskTagger | str | Path
"""A model in memory, a path or an address."""


class Backend(Protocol):
    """A model of this library that takes raw text.

    Attributes:
        name: The path or address that the user gave, for messages.
        description: The tag scheme, tags and types, see `tfkd.serving.card.describe_model`.
    """

    name: str
    description: ModelDescription

    def answer(self, texts: Sequence[bytes]) -> dict[str, np.ndarray]:
        """Tag one or more texts of any bytes.

        Returns:
            The outputs of the signature `serving_default`, with strings as bytes.
        """
        ...

    def answer_tokens(self, sentences: Sequence[Sequence[bytes]]) -> dict[str, np.ndarray]:
        """Tag sentences of tokens, padded with empty ones to one length.

        Returns:
            The outputs of the signature `tag_tokens`, with strings as bytes.
        """
        ...


class InMemory:
    """A model in the memory of this process, see `Backend`.

    Args:
        model: The model. If it is trained further, the answers change.

    Raises:
        TfkdError: It is neither a tagger nor a teacher.

    Example:
        >>> from tfkd.models import BiLSTM
        >>> from tfkd.text import WordFeatures
        >>> backend = InMemory(Tagger(WordFeatures(["cancer"], ["c"]), ["O", "B-X", "I-X"], encoder=BiLSTM(units=2)))
        >>> backend.answer([b"No cancer."])["num_tokens"].tolist()
        [3]
    """

    def __init__(self, model: Tagger | MultiTaskTagger) -> None:
        self._signatures = Signatures(model)
        self.name = model.name
        self.description = self._signatures.description

    def answer(self, texts: Sequence[bytes]) -> dict[str, np.ndarray]:
        """Tag texts."""
        answer = self._signatures.serving_default(tf.constant(texts, tf.string))
        return {name: value.numpy() for name, value in answer.items()}

    def answer_tokens(self, sentences: Sequence[Sequence[bytes]]) -> dict[str, np.ndarray]:
        """Tag sentences of tokens."""
        answer = self._signatures.tag_tokens(tf.constant(sentences, tf.string))
        return {name: value.numpy() for name, value in answer.items()}


class SavedModel:
    """A SavedModel in a folder, run in this process, see `Backend`.

    Args:
        folder: The folder of one version.

    Raises:
        TfkdError: It is not a SavedModel that `tfkd export` wrote, or it is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.name = str(folder)
        try:
            self.description = json.loads((folder / CARD).read_text(encoding="utf-8"))
            self.description["scheme"]
        except (OSError, ValueError, KeyError, TypeError):
            raise TfkdError(
                f"{folder}: a SavedModel, but not one that `tfkd export` wrote: expected its tag scheme in {CARD}"
            ) from None
        try:
            self._loaded = tf.saved_model.load(folder)
            self._signature = self._loaded.signatures["serving_default"]
            self._tag_tokens = self._loaded.signatures["tag_tokens"]
        except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
            raise TfkdError(
                f"{folder}: TensorFlow cannot load this SavedModel, which may be damaged: export it again ({error})"
            ) from None

    def answer(self, texts: Sequence[bytes]) -> dict[str, np.ndarray]:
        """Tag texts."""
        return {name: value.numpy() for name, value in self._signature(text=tf.constant(texts, tf.string)).items()}

    def answer_tokens(self, sentences: Sequence[Sequence[bytes]]) -> dict[str, np.ndarray]:
        """Tag sentences of tokens."""
        answer = self._tag_tokens(tokens=tf.constant(sentences, tf.string))
        return {name: value.numpy() for name, value in answer.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedModel:
    """A model, and what to read of its answers.

    Attributes:
        backend: The model.
        suffixes: For each task the ending of the names `tags` and `scores` in the answers: `/TASK`, or `""` if the
            model has a single task.
        scheme: The tag scheme.
        types: The entity types of these tasks.
    """

    backend: Backend
    suffixes: tuple[str, ...]
    scheme: Scheme
    types: tuple[str, ...]


def open_model(model: Model, tasks: Sequence[str], options: ClientOptions) -> OpenedModel:
    """Open a model.

    Args:
        model: The model, see `tfkd.serving.Annotator`.
        tasks: Tasks of a model that has several. Default: all.
        options: How to treat a server.

    Raises:
        TfkdError: There is no such model, or it lacks a task.
        ServerError: A server cannot be reached, or does not serve the model.
    """
    backend = _open_backend(model, options)
    description = backend.description
    if "tasks" not in description:
        if tasks:
            raise TfkdError(f"{backend.name} is a model of one task; omit the task {tasks[0]!r}")
        return OpenedModel(
            backend=backend, suffixes=("",), scheme=description["scheme"], types=tuple(description["types"])
        )
    for task in tasks:
        if task not in description["tasks"]:
            raise TfkdError(f"{backend.name} has no task {task!r}: {nearest(task, description['tasks'])}")
    chosen = [task for task in description["tasks"] if not tasks or task in tasks]
    types = {type for task in chosen for type in description["tasks"][task]["types"]}
    suffixes = tuple(f"/{task}" for task in chosen)
    return OpenedModel(backend=backend, suffixes=suffixes, scheme=description["scheme"], types=tuple(sorted(types)))


def _open_backend(model: Model, options: ClientOptions) -> Backend:
    if not isinstance(model, str | Path):
        return InMemory(model)
    if is_address(model):
        return _connect(Address.parse(str(model)), options)
    folder = find_saved_model(Path(model))
    if folder is not None:
        return SavedModel(folder)
    _check_run(Path(model))
    backend = InMemory(load_model(model))
    backend.name = str(model)
    return backend


def _connect(address: Address, options: ClientOptions) -> Backend:
    # The libraries of a protocol are imported when they are needed.
    if address.protocol == "grpc":
        from tfkd.serving.protocols import GrpcClient

        return GrpcClient(address, options)
    from tfkd.serving.protocols import RestClient

    return RestClient(address, options)


def find_saved_model(path: Path) -> Path | None:
    """Return the folder of a SavedModel: this one, or that of the newest version in it; `None` if there is none.

    Example:
        >>> find_saved_model(Path("savedmodels/no-such-model"))
    """
    newest = [path / str(number) for number in reversed(list_versions(path))]
    return next((folder for folder in [path, *newest] if (folder / "saved_model.pb").is_file()), None)


def _check_run(path: Path) -> None:
    if path.suffix == ".keras" or (path / MODEL_FILE).is_file():
        return
    state = "which holds neither" if path.is_dir() else "which is no folder"
    raise TfkdError(
        f"expected the folder of a run, with {MODEL_FILE} in it, or of a SavedModel, with saved_model.pb in it or in a "
        f"numbered folder below it, or an address such as grpc://host:8500/NAME; got {path}, {state}"
    )


def identify_model(model: str) -> str:
    """Return a text that differs for models that may give different answers.

    Args:
        model: A run, a SavedModel or an address, see `tfkd.serving.Annotator`.

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
