"""A callback that writes checkpoints of a training and resumes from the last one."""

from __future__ import annotations

import contextlib
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
from tfkd_base.signals import HeldSignals

INTERVAL = 60.0
"""Seconds between two checkpoints."""
LEAST_SHARE = 20
"""Reciprocal of the largest share of the time that writing takes: large models are written less often."""


class Checkpoints(keras.callbacks.Callback):
    """Callback that writes the state of a training, and resumes from it.

    It writes every minute, at the end of training, and when the process is asked to stop: SIGINT (Ctrl-C), SIGTERM and
    SIGHUP are held back until the step under way is done and a checkpoint is written, and then do what they did before.
    A second signal stops at once. If `fit` of a tagger, a teacher or a distiller is called with this callback and the
    file exists, the training resumes at the step of the checkpoint. The results are those of a training without a
    stop, to the bit on CPU with deterministic operations. The checkpoint holds the weights, the optimiser, the
    learning rate, the place in the data, the random generators of the dropouts, the metrics, the history, and the
    state of `EntityF1`, `EarlyStopping` and `ReduceLROnPlateau`. The file is replaced when the next one is complete:
    after a kill there is always a usable one.

    Args:
        path: The file. Its folder is made if it does not exist.
        every: Also write at the beginning of each epoch and after this number of steps. Default: by time alone.
        interval: Seconds between two checkpoints; `None`: not by time. A model whose checkpoint takes more than a
            twentieth of this to write is written less often.

    Raises:
        TfkdError: `every` is below 1, `interval` is not positive, or a training starts that cannot be resumed.

    Attributes:
        seconds: Time spent on training, including the time before the process was stopped.
        resumed_at: The epoch and the step, from 0, at which the training resumed; `None` if it did not.
        is_complete: Whether the training had ended when the checkpoint was written that it resumed from.

    Example:
        >>> import tempfile
        >>> Checkpoints(tempfile.mkdtemp() + "/checkpoint.npz").interval
        60.0
    """

    def __init__(
        self, path: str | os.PathLike[str], every: int | None = None, interval: float | None = INTERVAL
    ) -> None:
        super().__init__()
        if every is not None and every < 1:
            raise TfkdError(f"`every` of checkpoints must be at least 1 step, got {every}.")
        if interval is not None and interval <= 0:
            raise TfkdError(f"`interval` of checkpoints must be more than 0 seconds, got {interval}.")
        self.path = Path(path)
        self.every = every
        self.interval = interval
        self.seconds = 0.0
        self.resumed_at: tuple[int, int] | None = None
        self.is_complete = False
        self._others: Sequence[keras.callbacks.Callback] = ()
        self._batches = 0
        self._origin: dict[str, Any] = {}
        self._resumed: TrainingState | None = None
        self._epoch = self._batch = 0
        self._started = 0.0
        self._train_function: Any = None
        self._signals = HeldSignals(self._can_stop_now)
        self._has_unsaved_steps = False
        self._end_of_epoch: TrainingState | None = None
        """State after the last step of an epoch: scoring and other callbacks may be interrupted."""
        self._written, self._writing_seconds = 0.0, 0.0

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
        plan = data.plan.description
        self._origin = {"batches": self._batches, "data": data.fingerprint, "depends_on": depends_on, "plan": plan}
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
        if self._resumed.plan != plan:
            before = self._resumed.plan or "another order, that of an earlier version of tfkd"
            raise TfkdError(
                f"{self.path} is of a training whose sentences come in another order: it has {before}; the data now "
                f"has {plan}. Train with the settings and the version it was started with, or remove it to start again."
            )
        if self._resumed.depends_on != depends_on:
            raise TfkdError(
                f"{self.path} is of a training with another teacher: use the teacher it was started with, or use "
                "another file."
            )
        self.seconds = self._resumed.seconds
        first = epochs if self._resumed.stopped else self._resumed.epoch
        self.is_complete = first >= epochs
        self.resumed_at = (self._resumed.epoch, self._resumed.batch)
        return data.dataset(self._resumed.epoch, self._resumed.batch), first

    @contextlib.contextmanager
    def saving_at_stop(self) -> Iterator[None]:
        """Hold stop signals back in a block, which `fit` trains in, until a checkpoint is written."""
        with self._signals.hold():
            try:
                yield
            except BaseException:
                self._save_end_of_epoch()
                raise

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start the clock."""
        if not self._batches:
            raise TfkdError(
                "checkpoints work in `fit` of tfkd's models only, given by name: `fit(..., callbacks=[...])`."
            )
        self._started = self._written = time.perf_counter()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write a checkpoint if it is time, or restore the one that the training resumes from."""
        self._epoch, self._batch = epoch, 0
        self._end_of_epoch = None
        if self._resumed is None:
            if self.every or self._is_due():
                self._save(epoch, 0)
            self._stop_if_asked()
            return
        self._restore()
        if self._resumed.batch:
            # Keras counts an epoch's steps from 0: skip those that are done.
            self._train_function, self.model.train_function = self.model.train_function, self._skip_step
        else:
            self._resumed = None

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Write a checkpoint if it is time."""
        self._batch = batch
        if self._resumed is None:
            if batch and ((self.every and batch % self.every == 0) or self._is_due()):
                self._save(self._epoch, batch)
            self._stop_if_asked()
        elif batch == self._resumed.batch:
            # Once more, after what other callbacks did at the beginning of the epoch and of the skipped steps.
            self._end_skipping()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Keep the state after the last step of an epoch, before validation and the end of the epoch."""
        if self._resumed is not None:
            return
        self._has_unsaved_steps = True
        if batch + 1 == self._batches:
            self._end_of_epoch = self._state(self._epoch, self._batches)
            self._stop_if_asked()

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Write the last checkpoint, or restore it if nothing was left to train."""
        self._end_of_epoch = None
        if self._resumed is not None:
            self._restore()
            self._resumed = None
        else:
            self._save(self._epoch + 1, 0, stopped=self.model.stop_training)
        self._tick()
        self._stop_if_asked()

    def _is_due(self) -> bool:
        if self.interval is None:
            return False
        return time.perf_counter() - self._written >= max(self.interval, LEAST_SHARE * self._writing_seconds)

    def _can_stop_now(self) -> bool:
        """Tell a handler of signals whether the training can stop without a loss; save what is not saved."""
        self._save_end_of_epoch()
        return not self._has_unsaved_steps

    def _stop_if_asked(self) -> None:
        if self._signals.is_pending:
            self._save_end_of_epoch()
            if self._has_unsaved_steps:
                self._save(self._epoch, self._batch)
            self._signals.deliver()

    def _save_end_of_epoch(self) -> None:
        state, self._end_of_epoch = self._end_of_epoch, None
        if state is not None and self._has_unsaved_steps:
            self._write(state)

    def _save(self, epoch: int, batch: int, stopped: bool = False) -> None:
        self._write(self._state(epoch, batch, stopped))

    def _state(self, epoch: int, batch: int, stopped: bool = False) -> TrainingState:
        self._tick()
        position = {"epoch": epoch, "batch": batch, "stopped": stopped, **self._origin}
        return TrainingState.of(self.model, self._all(), seconds=self.seconds, **position)

    def _write(self, state: TrainingState) -> None:
        started = time.perf_counter()
        self._has_unsaved_steps = True  # a signal must not interrupt the write
        state.save(self.path)
        self._has_unsaved_steps = False
        self._written = time.perf_counter()
        self._writing_seconds = self._written - started

    def _restore(self) -> None:
        assert self._resumed is not None
        self._resumed.restore(self.model, self._all())

    def _all(self) -> list[keras.callbacks.Callback]:
        return [*self._others, self.model.history]

    def _tick(self) -> None:
        now = time.perf_counter()
        self.seconds, self._started = self.seconds + now - self._started, now

    def _skip_step(self, iterator: Iterator[Any]) -> dict[str, Any]:
        next(iterator)
        if self._batch + 1 < self._batches:
            return {}
        # All steps of the epoch are done; its end is not.
        self._end_skipping()
        return self.model.get_metrics_result()

    def _end_skipping(self) -> None:
        self._restore()
        self.model.train_function = self._train_function
        self._resumed = None
