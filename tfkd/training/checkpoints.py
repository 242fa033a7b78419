"""A callback that writes checkpoints of a training and resumes from the last one."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from tfkd.training.batches import Batches
from tfkd.training.training_state import TrainingState
from tfkd_base.errors import TfkdError


class Checkpoints(keras.callbacks.Callback):
    """Callback that writes the state of a training, and resumes from it.

    It writes at the beginning of every epoch and every so many steps. If `fit` of a tagger, a teacher or a distiller is
    called with this callback and the file exists, the training resumes at the step of the checkpoint. The results are
    those of a training without a stop, to the bit on CPU with deterministic operations. The checkpoint holds the
    weights, the optimiser, the learning rate, the place in the data, the random generators of the dropouts, the
    metrics, the history, and the state of `EntityF1`, `EarlyStopping` and `ReduceLROnPlateau`. The file is replaced
    when the next one is complete: after a kill there is always a usable one.

    Args:
        path: The file. Its folder is made if it does not exist.
        every: Steps between two checkpoints within an epoch; `None`: only at the beginning of epochs.

    Raises:
        TfkdError: `every` is below 1, or a training starts that cannot be resumed.

    Attributes:
        seconds: Time spent on training, including the time before the process was stopped.
        resumed_at: The epoch and the step, from 0, at which the training resumed; `None` if it did not.

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
        self, data: object, others: Sequence[keras.callbacks.Callback], epochs: int, depends_on: str = ""
    ) -> tuple[tf.data.Dataset, int]:
        """Prepare a training; `fit` calls this before it starts.

        Args:
            data: The batches.
            others: The other callbacks.
            epochs: The number of epochs.
            depends_on: A hash of what else the training depends on.

        Returns:
            A dataset that begins at the position of the last checkpoint, and the epoch to begin with.

        Raises:
            TfkdError: The data are no `Batches`, or the checkpoint is of other data or another teacher.
        """
        if not isinstance(data, Batches):
            raise TfkdError(
                f"checkpoints need data of `tfkd.training.Batches`, got {type(data).__name__}, which cannot begin in "
                "the middle of an epoch: train on the result of `tfkd.training.batches`, `multitask_batches` or "
                "`distiller.batches`, or train without checkpoints."
            )
        self._others = others
        self._batches = len(data)
        self._origin = {"batches": self._batches, "data": data.fingerprint, "depends_on": depends_on}
        self._resumed = TrainingState.load(self.path) if self.path.is_file() else None
        if self._resumed is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return data.as_dataset(), 0
        if self._resumed.batches != self._batches:
            raise TfkdError(
                f"{self.path} is of a training with {self._resumed.batches} batches per epoch, the data now has "
                f"{self._batches}: train on the same sentences in batches of the same size, or use another file."
            )
        if self._resumed.data != data.fingerprint:
            raise TfkdError(
                f"{self.path} is of a training on other sentences, although on the same number of batches: train on "
                "the same sentences in the same order, or use another file."
            )
        if self._resumed.depends_on != depends_on:
            raise TfkdError(
                f"{self.path} is of a training with another teacher: use the teacher it was started with, or use "
                "another file."
            )
        self.seconds = self._resumed.seconds
        first = epochs if self._resumed.stopped else self._resumed.epoch
        self.resumed_at = (self._resumed.epoch, self._resumed.batch)
        return data.dataset(self._resumed.epoch, self._resumed.batch), first

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start the clock."""
        if not self._batches:
            raise TfkdError(
                "checkpoints work in `fit` of tfkd's models only, given by name: `fit(..., callbacks=[...])`."
            )
        self._started = time.perf_counter()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write a checkpoint, or restore the one that the training resumes from."""
        self._epoch = epoch
        if self._resumed is None:
            self._save(epoch, 0)
            return
        self._restore()
        if self._resumed.batch:
            # Keras counts an epoch's steps from 0: skip those that are done.
            self._train_function, self.model.train_function = self.model.train_function, _skip_step
        else:
            self._resumed = None

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Write a checkpoint if it is time."""
        if self._resumed is None:
            if self.every and batch and batch % self.every == 0:
                self._save(self._epoch, batch)
        elif batch == self._resumed.batch:
            # Once more, after what other callbacks did at the beginning of the epoch and of the skipped steps.
            self._restore()
            self.model.train_function = self._train_function
            self._resumed = None

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Write the last checkpoint, or restore it if nothing was left to train."""
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


def _skip_step(iterator: Iterator[Any]) -> dict[str, Any]:
    next(iterator)
    return {}
