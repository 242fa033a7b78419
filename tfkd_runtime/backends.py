"""Interface of models that take raw text, whatever runs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tfkd_base.corpora import Scheme
from tfkd_base.errors import TfkdError, nearest
from tfkd_runtime.description import ModelDescription, note_on_data


class Backend(Protocol):
    """A model of this library that takes raw text.

    Attributes:
        name: The path or address that the user gave, for messages.
        description: The tag scheme, tags and types, see `tfkd_runtime.description.ModelDescription`.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedModel:
    """A model, and what to read of its answers.

    Attributes:
        backend: The model.
        suffixes: For each task the ending of the names `tags` and `scores` in the answers: `/TASK`, or `""` if the
            model has a single task.
        scheme: The tag scheme.
        types: The entity types of these tasks.
        note: What users must know of the training data; `None` without a note.
    """

    backend: Backend
    suffixes: tuple[str, ...]
    scheme: Scheme
    types: tuple[str, ...]
    note: str | None = None


def choose_tasks(backend: Backend, tasks: Sequence[str] = ()) -> OpenedModel:
    """Return a model with what to read of its answers.

    Args:
        backend: The model.
        tasks: Tasks of a model that has several. Default: all.

    Raises:
        TfkdError: The model lacks a task, or has a single task and one is named.
    """
    description = backend.description
    note = note_on_data(description, backend.name)
    if "tasks" not in description:
        if tasks:
            raise TfkdError(f"{backend.name} is a model of one task; omit the task {tasks[0]!r}")
        return OpenedModel(
            backend=backend,
            suffixes=("",),
            scheme=description["scheme"],
            types=tuple(description["types"]),
            note=note,
        )
    for task in tasks:
        if task not in description["tasks"]:
            raise TfkdError(f"{backend.name} has no task {task!r}: {nearest(task, description['tasks'])}")
    chosen = [task for task in description["tasks"] if not tasks or task in tasks]
    types = {type for task in chosen for type in description["tasks"][task]["types"]}
    suffixes = tuple(f"/{task}" for task in chosen)
    return OpenedModel(
        backend=backend, suffixes=suffixes, scheme=description["scheme"], types=tuple(sorted(types)), note=note
    )
