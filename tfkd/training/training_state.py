"""State of a training between two steps, and the file that holds it."""

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
    "_best_scores",
    "_epochs",
    "best",
    "best_epoch",
    "best_weights",
    "cooldown_counter",
    "epoch",
    "history",
    "stopped_epoch",
    "wait",
    "_ema_weights_in_model",  # of SwapEMAWeights: whether the weights of the model are the averages
)
"""Attributes in which callbacks of Keras and of this library keep state from epoch to epoch."""


@dataclass(frozen=True)
class TrainingState:
    """State of a training between two steps.

    Attributes:
        epoch: The epoch, from 0.
        batch: The next step of that epoch.
        stopped: Whether a callback has ended the training.
        batches: Number of batches of an epoch.
        data: Fingerprint of the batches.
        depends_on: A hash of what else the training depends on, such as a teacher.
        plan: How batches are drawn, see `AnyPlan.description`; empty in a checkpoint of an earlier version.
        seconds: Time spent on training so far.
        variables: Values by number and name: weights, random generators of dropouts, optimiser, metrics.
        callbacks: State of each callback, by its class and number.
    """

    epoch: int
    batch: int
    stopped: bool
    batches: int
    data: str
    depends_on: str
    plan: str
    seconds: float
    variables: dict[str, np.ndarray]
    callbacks: dict[str, dict[str, Any]]

    @classmethod
    def of(cls, model: keras.Model, callbacks: Iterable[keras.callbacks.Callback], **position: Any) -> TrainingState:
        """Return the state of a compiled model and of the callbacks of its training."""
        variables = {name: variable.numpy() for name, variable in _named_variables(model)}
        return cls(variables=variables, callbacks=dict(_callback_states(callbacks)), **position)

    def restore(self, model: keras.Model, callbacks: Iterable[keras.callbacks.Callback]) -> None:
        """Restore the state of the model and of the callbacks.

        Raises:
            TfkdError: The state is of another model.
        """
        variables = dict(_named_variables(model))
        other = sorted(variables.keys() ^ self.variables.keys()) or [
            name for name, value in self.variables.items() if tuple(variables[name].shape) != value.shape
        ]
        if other:
            raise TfkdError(
                f"the checkpoint is of another model or optimiser: they differ in {other[0]!r}. Train with the "
                "settings it was made with, or use another file."
            )
        for name, value in self.variables.items():
            variables[name].assign(value)
        for name, callback in _number_callbacks(callbacks):
            for attribute, value in self.callbacks.get(name, {}).items():
                setattr(callback, attribute, value)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the state as one file, which replaces an older one when it is complete.

        Raises:
            OSError: The file cannot be written; an older one is then unchanged.
        """
        arrays = [*self.variables.values()]
        callbacks = {name: _extract_arrays(values, arrays) for name, values in self.callbacks.items()}
        plain = {**self.__dict__, "variables": [*self.variables], "callbacks": callbacks}
        named: dict[str, Any] = {"state": json.dumps(plain), **{f"array_{i}": a for i, a in enumerate(arrays)}}
        with atomic_file(path) as part, part.open("wb") as file:
            np.savez(file, **named)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TrainingState:
        """Read a state.

        Raises:
            TfkdError: There is no file, or it is no checkpoint.
        """
        try:
            with np.load(Path(path), allow_pickle=False) as file:
                plain = json.loads(str(file["state"]))
                arrays = [file[f"array_{i}"] for i in range(len(file.files) - 1)]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise TfkdError(f"{path} is no checkpoint that can be read ({error}): remove it to start again.") from None
        plain["variables"] = dict(zip(plain["variables"], arrays, strict=False))
        plain["callbacks"] = {
            name: {key: _insert_arrays(value, arrays) for key, value in values.items()}
            for name, values in plain["callbacks"].items()
        }
        try:
            return cls(**{"plan": "", **plain})
        except TypeError:
            raise TfkdError(f"{path} is a checkpoint of another release: remove it to start again.") from None


def _named_variables(model: keras.Model) -> Iterator[tuple[str, Any]]:
    """Yield each variable of a training once, with a name that is the same in every process."""
    seen: set[int] = set()  # Keras numbers its objects as they come: their full paths differ between processes.
    for variable in (*model.variables, *model.metrics_variables, *model.optimizer.variables):
        if id(variable) not in seen:
            yield f"{len(seen)} {variable.path.rsplit('/', 1)[-1]}", variable
            seen.add(id(variable))


def _number_callbacks(callbacks: Iterable[keras.callbacks.Callback]) -> Iterator[tuple[str, keras.callbacks.Callback]]:
    counts: dict[str, int] = {}
    for callback in callbacks:
        kind = type(callback).__name__
        counts[kind] = counts.get(kind, 0) + 1
        yield f"{kind} {counts[kind]}", callback


def _callback_states(callbacks: Iterable[keras.callbacks.Callback]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, callback in _number_callbacks(callbacks):
        yield name, {key: _copy(callback.__dict__[key]) for key in CALLBACK_ATTRIBUTES if key in callback.__dict__}


def _copy(value: Any) -> Any:
    """Copy dictionaries and lists, which a callback goes on to fill; arrays are replaced and never changed."""
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [*value] if isinstance(value, list) else value


def _extract_arrays(values: dict[str, Any], arrays: list[np.ndarray]) -> dict[str, Any]:
    """Convert a callback's values for JSON; lists of arrays, such as its best weights, are added to `arrays`."""
    plain: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, list) and value and all(isinstance(v, np.ndarray) for v in value):
            plain[key] = {"first array": len(arrays), "arrays": len(value)}
            arrays += value
        else:
            plain[key] = json.loads(json.dumps(value, default=float))
    return plain


def _insert_arrays(value: Any, arrays: list[np.ndarray]) -> Any:
    if isinstance(value, dict) and "first array" in value:
        return arrays[value["first array"] : value["first array"] + value["arrays"]]
    return value
