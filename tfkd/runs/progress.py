"""What a run prints while it works."""

from __future__ import annotations

import time
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from tfkd.training import Checkpoints


class EpochProgress(keras.callbacks.Callback):
    """Show a bar while training, and a line for each epoch: its loss, the development F1, and the seconds taken.

    On a terminal the bar moves; elsewhere there are only the lines.

    Args:
        console: Where to print; `Console(quiet=True)` prints nothing.
        checkpoints: What may have taken the training up in its middle, which is said then.
    """

    def __init__(self, console: Console, checkpoints: Checkpoints | None = None) -> None:
        super().__init__()
        self.console = console
        self.checkpoints = checkpoints
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self.best = -1.0
        self._started = 0.0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Begin the bar."""
        if self.checkpoints is not None and self.checkpoints.resumed_at is not None:
            epoch, step = self.checkpoints.resumed_at
            self.console.print(f"  goes on from its checkpoint: epoch {epoch + 1}, step {step + 1}", highlight=False)
        self._bar = Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.completed}/{task.total} batches"),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self._bar.start()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Begin an epoch's bar."""
        self._started = time.perf_counter()
        assert self._bar is not None
        if self._task is not None:
            self._bar.remove_task(self._task)
        total = (self.params or {}).get("steps")
        self._task = self._bar.add_task(f"epoch {epoch + 1}/{self.params['epochs']}", total=total)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=batch + 1)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Print the epoch's line."""
        logs = logs or {}
        f1 = float(logs.get("val_f1", 0.0))
        best = f1 > self.best
        self.best = max(self.best, f1)
        seconds = time.perf_counter() - self._started
        self.console.print(
            f"  epoch {epoch + 1:>2}/{self.params['epochs']}  loss {float(logs['loss']):.4f}  "
            f"devel F1 {100 * f1:5.2f}{' *' if best else '  '} {seconds:5.1f} s",
            highlight=False,
        )

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.stop()
