"""A callback that writes checkpoints of a training, and goes on from the last one."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from tfkd.training.training_state import TrainingState
from tfkd_base.errors import TfkdError


class Checkpoints(keras.callbacks.Callback):
    """Write the state of a training at the beginning of every epoch and every so many steps, and go on from it.

    `fit` of a tagger, a teacher or a distiller, called with this among its callbacks and a checkpoint at the path,
    goes on at the step where that was taken, with the same numbers, to the bit on CPU with deterministic operations, as
    if it had never stopped: weights, optimiser, learning rate, the order of the batches, the state of every dropout's
    random generator, the metrics, the history, and what `EntityF1`, `EarlyStopping` and `ReduceLROnPlateau` remember.
    The checkpoint is one file that is replaced when the next is whole, so that a kill leaves a good one.

    Args:
        path: The file to write and to go on from; its folder is made if it is not there.
        every: Steps between two checkpoints within an epoch; `None` for none but at the beginning of epochs.

    Raises:
        TfkdError: `every` is below 1, or a training began that cannot be gone on with.

    Attributes:
        seconds: Time spent on training, that before the process was stopped included.
        resumed_at: The epoch and the step, from 0, that the training went on from, if it did.

    Example:
        >>> import tempfile
        >>> Checkpoints(tempfile.mkdtemp() + "/checkpoint.npz", every=100).every
        100
    """

    def __init__(self, path: str | os.PathLike[str], every: int | None = 500) -> None:
        super().__init__()
        if every is not None and every < 1:
            raise TfkdError(f"`every` of checkpoints must be at least 1 step, got {every}.")
        self.path = Path(path)
        self.every = every
        self.seconds = 0.0
        self.resumed_at: tuple[int, int] | None = None
        self._others: Sequence[keras.callbacks.Callback] = ()
        self._batches = 0
        self._origin: dict[str, Any] = {}
        self._resumed: TrainingState | None = None
        self._epoch = 0
        self._started = 0.0
        self._train_function: Any = None

    def begin(
        self, data: Any, others: Sequence[keras.callbacks.Callback], epochs: int, depends_on: str = ""
    ) -> tuple[Any, int]:
        """Take on a training, as `fit` does before it begins.

        Args:
            data: A dataset of `tfkd.training.batches` or `multitask_batches`.
            others: The other callbacks.
            epochs: The epochs asked for.
            depends_on: What else the training depends on, in a hash.

        Returns:
            The dataset, beginning where the last checkpoint was taken, and the epoch to begin with.

        Raises:
            TfkdError: The data cannot begin in the middle, or the checkpoint is of other data or another teacher.
        """
        if not hasattr(data, "starting_at"):
            raise TfkdError(
                "with checkpoints, train on what `tfkd.training.batches` or `multitask_batches` gives, unchanged: "
                f"another {type(data).__name__} cannot begin in the middle of an epoch."
            )
        self._others = others
        self._batches = int(data.cardinality())
        self._origin = {"batches": self._batches, "data": data.content, "depends_on": depends_on}
        self._resumed = TrainingState.load(self.path) if self.path.is_file() else None
        if self._resumed is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return data, 0
        if self._resumed.batches != self._batches:
            raise TfkdError(
                f"{self.path} is of a training of {self._resumed.batches} batches an epoch, the data now has "
                f"{self._batches}: train on the same sentences in batches of the same size, or begin anew elsewhere."
            )
        if self._resumed.data != data.content:
            raise TfkdError(
                f"{self.path} is of a training on other sentences, although on as many batches: train on the same ones "
                "as they were, or begin anew elsewhere."
            )
        if self._resumed.depends_on != depends_on:
            raise TfkdError(
                f"{self.path} is of a training by another teacher: give the one it was begun with, or begin anew "
                "elsewhere."
            )
        self.seconds = self._resumed.seconds
        first = epochs if self._resumed.stopped else self._resumed.epoch
        self.resumed_at = (self._resumed.epoch, self._resumed.batch)
        return data.starting_at(self._resumed.epoch, self._resumed.batch), first

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start the clock."""
        if not self._batches:
            raise TfkdError(
                "checkpoints work in `fit` of tfkd's models: give them by name, `fit(..., callbacks=[...])`."
            )
        self._started = time.perf_counter()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write a checkpoint, or go back to the one that the training goes on from."""
        self._epoch = epoch
        if self._resumed is None:
            self._save(epoch, 0)
            return
        self._restore()
        if self._resumed.batch:
            # Keras counts an epoch's steps from 0: those that are done pass by without being run.
            self._train_function, self.model.train_function = self.model.train_function, _pass_by
        else:
            self._resumed = None

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Write a checkpoint if it is time."""
        if self._resumed is None:
            if self.every and batch and batch % self.every == 0:
                self._save(self._epoch, batch)
        elif batch == self._resumed.batch:
            # Again, for what other callbacks did at the beginning of the epoch and of the steps passed by.
            self._restore()
            self.model.train_function = self._train_function
            self._resumed = None

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Write the last checkpoint; if nothing was left to train, go back to it."""
        if self._resumed is not None:
            self._restore()
            self._resumed = None
        else:
            self._save(self._epoch + 1, 0, stopped=self.model.stop_training)
        self._tick()

    def _save(self, epoch: int, batch: int, stopped: bool = False) -> None:
        self._tick()
        position = {"epoch": epoch, "batch": batch, "stopped": stopped, **self._origin}
        TrainingState.of(self.model, self._all(), seconds=self.seconds, **position).save(self.path)

    def _restore(self) -> None:
        assert self._resumed is not None
        self._resumed.restore(self.model, self._all())

    def _all(self) -> list[keras.callbacks.Callback]:
        return [*self._others, self.model.history]

    def _tick(self) -> None:
        now = time.perf_counter()
        self.seconds, self._started = self.seconds + now - self._started, now


def _pass_by(iterator: Any) -> dict[str, Any]:
    next(iterator)
    return {}
