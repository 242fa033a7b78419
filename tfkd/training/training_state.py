"""Everything that decides how a training goes on, and the file that holds it."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfkd_base.errors import TfkdError
from tfkd_base.files import atomic_file

CALLBACK_ATTRIBUTES = (
    "best",
    "best_epoch",
    "best_weights",
    "cooldown_counter",
    "epoch",
    "history",
    "stopped_epoch",
    "wait",
)
"""What callbacks remember from epoch to epoch, by the names that Keras' own and ours have for it."""


@dataclass(frozen=True)
class TrainingState:
    """A training between two of its steps.

    Attributes:
        epoch: The epoch it is in, from 0.
        batch: The step of that epoch which comes next.
        stopped: Whether a callback has ended the training.
        batches: Steps of an epoch.
        data: A hash of the sentences.
        depends_on: A hash of what else it depends on, such as a teacher.
        seconds: Time spent on training until here.
        variables: Values by number and name: weights, the states of dropouts' random generators, the optimiser, the
            metrics.
        callbacks: For each callback, by its class and number, what it remembers.
    """

    epoch: int
    batch: int
    stopped: bool
    batches: int
    data: str
    depends_on: str
    seconds: float
    variables: dict[str, np.ndarray]
    callbacks: dict[str, dict[str, Any]]

    @classmethod
    def of(cls, model: keras.Model, callbacks: Iterable[keras.callbacks.Callback], **position: Any) -> TrainingState:
        """Take the state of a compiled model and of the callbacks of its training."""
        variables = {name: variable.numpy() for name, variable in _named_variables(model)}
        return cls(variables=variables, callbacks=dict(_remembered(callbacks)), **position)

    def restore(self, model: keras.Model, callbacks: Iterable[keras.callbacks.Callback]) -> None:
        """Put model and callbacks back into this state.

        Raises:
            TfkdError: The state is of another model.
        """
        found = dict(_named_variables(model))
        other = sorted(found.keys() ^ self.variables.keys()) or [
            name for name, value in self.variables.items() if tuple(found[name].shape) != value.shape
        ]
        if other:
            raise TfkdError(
                f"the checkpoint is of another model or optimiser: they differ in {other[0]!r}. Train with the "
                "settings it was made with, or begin anew in another folder."
            )
        for name, value in self.variables.items():
            found[name].assign(value)
        for name, callback in _numbered(callbacks):
            for attribute, value in self.callbacks.get(name, {}).items():
                setattr(callback, attribute, value)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the state as one file, which replaces the one there when it is whole.

        Raises:
            OSError: It cannot be written; the file that was there is then as it was.
        """
        arrays = [*self.variables.values()]
        callbacks = {name: _with_arrays_apart(values, arrays) for name, values in self.callbacks.items()}
        plain = {**self.__dict__, "variables": [*self.variables], "callbacks": callbacks}
        named: dict[str, Any] = {"state": json.dumps(plain), **{f"array_{i}": a for i, a in enumerate(arrays)}}
        with atomic_file(path) as part, part.open("wb") as file:
            np.savez(file, **named)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TrainingState:
        """Read a state.

        Raises:
            TfkdError: There is none, or the file is none.
        """
        try:
            with np.load(Path(path), allow_pickle=False) as file:
                plain = json.loads(str(file["state"]))
                arrays = [file[f"array_{i}"] for i in range(len(file.files) - 1)]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise TfkdError(f"{path} is no checkpoint that can be read ({error}): remove it to begin anew.") from None
        plain["variables"] = dict(zip(plain["variables"], arrays, strict=False))
        plain["callbacks"] = {
            name: {key: _with_arrays_back(value, arrays) for key, value in values.items()}
            for name, values in plain["callbacks"].items()
        }
        try:
            return cls(**plain)
        except TypeError:
            raise TfkdError(f"{path} is a checkpoint of another release: remove it to begin anew.") from None


def _named_variables(model: keras.Model) -> Iterator[tuple[str, Any]]:
    """Name each variable of a training once, the same in every process: Keras numbers its objects as they come."""
    seen: set[int] = set()
    for variable in (*model.variables, *model.metrics_variables, *model.optimizer.variables):
        if id(variable) not in seen:
            yield f"{len(seen)} {variable.path.rsplit('/', 1)[-1]}", variable
            seen.add(id(variable))


def _numbered(callbacks: Iterable[keras.callbacks.Callback]) -> Iterator[tuple[str, keras.callbacks.Callback]]:
    counts: dict[str, int] = {}
    for callback in callbacks:
        kind = type(callback).__name__
        counts[kind] = counts.get(kind, 0) + 1
        yield f"{kind} {counts[kind]}", callback


def _remembered(callbacks: Iterable[keras.callbacks.Callback]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, callback in _numbered(callbacks):
        yield name, {key: callback.__dict__[key] for key in CALLBACK_ATTRIBUTES if key in callback.__dict__}


def _with_arrays_apart(values: dict[str, Any], arrays: list[np.ndarray]) -> dict[str, Any]:
    """Make a callback's values fit for JSON; lists of arrays, its best weights, are added to `arrays`."""
    plain: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, list) and value and all(isinstance(v, np.ndarray) for v in value):
            plain[key] = {"first array": len(arrays), "arrays": len(value)}
            arrays += value
        else:
            plain[key] = json.loads(json.dumps(value, default=float))
    return plain


def _with_arrays_back(value: Any, arrays: list[np.ndarray]) -> Any:
    if isinstance(value, dict) and "first array" in value:
        return arrays[value["first array"] : value["first array"] + value["arrays"]]
    return value
