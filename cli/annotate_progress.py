"""What `tfkd annotate` shows while it works and when it is done, on standard error."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

if TYPE_CHECKING:
    from rich.console import Console

    from tfkd.annotate import Progress, Report
    from tfkd_base.documents import BrokenDocument

EVERY = 30.0
"""Seconds between two lines where there is no terminal to draw a bar on."""
SHOWN = 20
"""Broken documents that are told of one by one."""


class ShownProgress:
    """A bar on a terminal, elsewhere a line now and then.

    Args:
        console: Where to show it.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Bar(
            TextColumn("annotating"),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TextColumn("{task.fields[words]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None, words="")
        self._last = time.perf_counter()
        self._told = False
        self._broken = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        if self._broken > SHOWN:
            self._console.print(f"tfkd: ... and {self._broken - SHOWN:,} more broken documents", markup=False)

    def show(self, progress: Progress) -> None:
        """Show how far the work is.

        Args:
            progress: What is done.
        """
        if progress.gone_on and not self._told:
            self._told = True
            self._console.print("goes on with work that was stopped", markup=False)
        if self._console.is_terminal:
            self._bar.start()
            words = f"{progress.words_per_second:,.0f} words/s"
            self._bar.update(self._task, total=max(progress.total, 1), completed=progress.done, words=words)
            return
        now = time.perf_counter()
        if now - self._last >= EVERY:
            self._last = now
            share = progress.done / max(progress.total, 1)
            speed = f"{progress.words:,} words, {progress.words_per_second:,.0f} words/s"
            self._console.print(f"{share:.1%} of the input annotated; {speed}", markup=False)

    def broken(self, document: BrokenDocument) -> None:
        """Tell of a document that was set aside.

        Args:
            document: The document.
        """
        self._broken += 1
        if self._broken <= SHOWN:
            self._console.print(f"tfkd: {document}", markup=False)


def summary(
    console: Console, report: Report, words: int, seconds: float, errors: Path | None, went_on: bool = False
) -> None:
    """Say what was done.

    Args:
        console: Where to say it.
        report: What was done, over all.
        words: Words annotated by this process.
        seconds: How long that took.
        errors: Where broken documents are.
        went_on: Whether an earlier process had begun.
    """
    types = ", ".join(f"{kind} {number:,}" for kind, number in sorted(report.entities.items()))
    found = f"{_number(report.entities.total(), 'entity', 'entities')}{f' ({types})' if types else ''}"
    speed = f"; {words / seconds:,.0f} words/s" if words and seconds else ""
    here = f", {words:,} of them now" if went_on else ""
    console.print(
        f"{_number(report.documents, 'document', 'documents')} with {found}, {report.words:,} words{here}{speed}",
        markup=False,
    )
    for what, number in sorted(report.changes.items()):
        console.print(f"  {what}: {number:,}", markup=False)
    if report.broken:
        where = f", set aside in {errors}" if errors else "; --errors PATH keeps such"
        console.print(f"  {_number(report.broken, 'broken document', 'broken documents')}{where}", markup=False)


def _number(number: int, one: str, several: str) -> str:
    return f"{number:,} {one if number == 1 else several}"
