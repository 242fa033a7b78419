"""What a run reports while it works: a line for each epoch, and the warnings that `run.json` records."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Iterator
from typing import Any, TextIO

import keras

from tfkd.training import Checkpoints
from tfkd_base.errors import TfkdWarning
from tfkd_base.progress import Progress


class EpochProgress(keras.callbacks.Callback):
    """Callback that reports each epoch: its batches as they pass, then its loss, the development F1 and its seconds.

    Args:
        progress: Receives the reports.
        checkpoints: If training resumes from one of these checkpoints, the position is reported.
    """

    def __init__(self, progress: Progress, checkpoints: Checkpoints | None = None) -> None:
        super().__init__()
        self.progress = progress
        self.checkpoints = checkpoints
        self.best = -1.0
        self._started = 0.0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Report where training resumes, if it does."""
        if self.checkpoints is None or self.checkpoints.resumed_at is None:
            return
        epoch, step = self.checkpoints.resumed_at
        if self.checkpoints.is_complete:
            position = "training is complete, scoring follows"
        elif step >= self.params["steps"]:
            position = f"epoch {epoch + 1}, after its last step"
        else:
            position = f"epoch {epoch + 1}, step {step + 1}"
        self.progress.message(f"resumes from its checkpoint: {position}")

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start counting the batches of an epoch."""
        self._started = time.perf_counter()
        self.progress.start(f"epoch {epoch + 1}/{self.params['epochs']}", self.params.get("steps"), "batches")

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Report that a batch is done."""
        self.progress.advance(batch + 1)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Report the results of an epoch; `*` marks the best so far."""
        logs = logs or {}
        f1 = float(logs.get("val_f1", 0.0))
        is_best = f1 > self.best
        self.best = max(self.best, f1)
        seconds = time.perf_counter() - self._started
        self.progress.end()
        self.progress.message(
            f"epoch {epoch + 1:>2}/{self.params['epochs']}  loss {float(logs['loss']):.4f}  "
            f"devel F1 {100 * f1:5.2f}{' *' if is_best else '  '} {seconds:5.1f} s"
        )

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """End the counting."""
        self.progress.end()


@contextlib.contextmanager
def record_warnings() -> Iterator[list[str]]:
    """Collect the texts of all `TfkdWarning`s of a block, once each.

    The caller's filters still decide whether a warning is shown, ignored or raised as an error. Other warnings are
    not touched.

    Example:
        >>> with warnings.catch_warnings(record=True), record_warnings() as texts:
        ...     warnings.warn("a corpus without development set", TfkdWarning)
        >>> texts
        ['a corpus without development set']
    """
    texts: list[str] = []
    action = _action_for_ours()
    with warnings.catch_warnings():
        show = warnings.showwarning

        def record(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, TfkdWarning):
                is_new = str(message) not in texts
                if is_new:
                    texts.append(str(message))
                if action == "error" and isinstance(message, Warning):
                    raise message
                if action == "ignore" or not (is_new or action == "always"):
                    return
            show(message, category, filename, lineno, file, line)

        # A filter such as `ignore` would hide warnings from `record` too, so it is applied there.
        warnings.simplefilter("always", TfkdWarning)
        warnings.showwarning = record
        yield texts


def _action_for_ours() -> str:
    """Return what the present filters do with a `TfkdWarning`, those for certain messages and modules aside."""
    for action, message, category, module, _ in warnings.filters:
        if message is None and module is None and issubclass(TfkdWarning, category):
            return action
    return "default"
