"""What commands show while they work: messages and a bar on a console, and warnings on one line each."""

from __future__ import annotations

import time
import warnings
from typing import TYPE_CHECKING, TextIO

import click

from tfkd_base.errors import TfkdWarning
from tfkd_base.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

EVERY = 30.0
"""Seconds between two lines about counted work where there is no terminal to draw a bar on."""


class ConsoleProgress(Progress):
    """Progress on a console: a bar on a terminal, elsewhere a line every 30 seconds; and every message.

    Args:
        console: Where to show it.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._title, self._unit = "", ""
        self._total: int | None = None
        self._last = 0.0

    def stage(self, title: str) -> None:
        """Print a heading."""
        self.console.print(title, style="bold", markup=False, highlight=False, soft_wrap=True)

    def message(self, text: str) -> None:
        """Print a line, indented below its heading."""
        self.console.print(f"  {text}", markup=False, highlight=False, soft_wrap=True)

    def start(self, title: str, total: int | None = None, unit: str = "") -> None:
        """Draw a bar on a terminal."""
        self.end()
        self._title, self._total, self._unit = title, total, unit
        self._last = time.monotonic()
        if not self.console.is_terminal:
            return
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self._bar = Bar(
            TextColumn("  {task.description}", markup=False),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn(unit, markup=False),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
        )
        self._task = self._bar.add_task(title, total=total)
        self._bar.start()

    def advance(self, done: int) -> None:
        """Move the bar, or print a line now and then."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=done)
            return
        now = time.monotonic()
        if not self.console.is_terminal and now - self._last >= EVERY:
            self._last = now
            total = f" of {self._total:,}" if self._total is not None else ""
            self.message(f"{self._title}: {done:,}{total} {self._unit}")

    def end(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = self._task = None


def show_warnings() -> None:
    """Show each `TfkdWarning` of this process as one line on standard error; other warnings stay as they are."""
    show_others = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, TfkdWarning):
            click.echo(f"tfkd: warning: {message}", err=True)
        else:
            show_others(message, category, filename, lineno, file, line)

    warnings.showwarning = show
