"""What commands show while they work: messages and a bar on a console, and warnings on one line each."""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Self, TextIO

import click

from tfkd_base.errors import TfkdWarning
from tfkd_base.progress import LineProgress, Progress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bar


class ConsoleProgress(Progress):
    """Progress on a console: a bar on a terminal, elsewhere a line every 30 seconds; and every message.

    Use it as a context manager: the bar is removed whatever happens.

    Args:
        console: Where to show it.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._lines = None if console.is_terminal else LineProgress(self.message)
        self._bar: Bar | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def stage(self, title: str) -> None:
        """Print a heading."""
        self.console.print(title, style="bold", markup=False, highlight=False, soft_wrap=True)

    def message(self, text: str) -> None:
        """Print a line, indented below its heading."""
        self.console.print(f"  {text}", markup=False, highlight=False, soft_wrap=True)

    def start(self, title: str, total: int | None = None, unit: str = "") -> None:
        """Draw a bar on a terminal, or a turning line if the work cannot be counted."""
        self.end()
        if self._lines is not None:
            self._lines.start(title, total, unit)
            return
        self._bar = _make_bar(self.console, title, total, unit)
        self._bar.start()

    def advance(self, done: int) -> None:
        """Move the bar, or print a line now and then."""
        if self._lines is not None:
            self._lines.advance(done)
        elif self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done)

    def end(self) -> None:
        """Remove the bar."""
        if self._lines is not None:
            self._lines.end()
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def _make_bar(console: Console, title: str, total: int | None, unit: str) -> Bar:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        ProgressColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar

    name = TextColumn("{task.description}", markup=False)
    columns: list[ProgressColumn]
    if total is None:
        columns = [TextColumn(" "), SpinnerColumn("line"), name, TimeElapsedColumn()]
    else:
        count = [MofNCompleteColumn(), TextColumn(unit, markup=False), TimeRemainingColumn()]
        columns = [TextColumn(" "), name, BarColumn(bar_width=30), *count]
    bar = Bar(*columns, console=console, transient=True)
    bar.add_task(title, total=total)
    return bar


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
            click.echo(f"tfkd: warning: {message}", file=sys.stderr)
        else:
            show_others(message, category, filename, lineno, file, line)

    warnings.showwarning = show
