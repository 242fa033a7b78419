"""What `tfkd annotate` shows on standard error, while it works and in the end."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from tfkd_base.progress import INTERVAL
from tfkd_base.wording import count_of
from tfkd_runtime.report import summary_lines

if TYPE_CHECKING:
    from rich.console import Console

    from tfkd.annotate import AnnotationProgress, AnnotationReport
    from tfkd_base.documents import BrokenDocument

SHOWN = 20
"""Broken documents that are shown one by one."""


class ProgressDisplay:
    """A progress bar on a terminal; elsewhere a line from time to time.

    Args:
        console: Where to show it.
        has_bar: Whether the progress is shown. Broken documents always are.
    """

    def __init__(self, console: Console, has_bar: bool = True) -> None:
        self._console = console
        self._has_bar = has_bar
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            TextColumn("{task.fields[words]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not (has_bar and console.is_terminal),
        )
        self._task = self._bar.add_task("loading the models", total=None, words="")
        self._last_line = time.perf_counter()
        self._has_shown_resuming = False
        self._broken = 0

    def __enter__(self) -> Self:
        if self._has_bar and self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        if self._broken > SHOWN:
            self._console.print(f"tfkd: ... and {self._broken - SHOWN:,} more broken documents", markup=False)

    def show(self, progress: AnnotationProgress) -> None:
        """Show how far the run is."""
        if progress.is_resumed and not self._has_shown_resuming:
            self._has_shown_resuming = True
            self._console.print("resuming an interrupted run", markup=False)
        is_writing = progress.documents_to_write > 0
        if self._console.is_terminal:
            title, done, total = "annotating", progress.done_bytes, progress.total_bytes
            if is_writing:
                title, done, total = "writing the output", progress.written_documents, progress.documents_to_write
            words = "" if is_writing else f"{progress.words_per_second:,.0f} words/s"
            self._bar.update(self._task, description=title, total=max(total, 1), completed=done, words=words)
        elif is_writing:
            written = f"{progress.written_documents:,} of {progress.documents_to_write:,}"
            self._print_now_and_then(f"{written} documents written")
        else:
            share = progress.done_bytes / max(progress.total_bytes, 1)
            speed = f"{progress.words:,} words, {progress.words_per_second:,.0f} words/s"
            self._print_now_and_then(f"{share:.1%} of the input annotated; {speed}")

    def show_documents(self, report: AnnotationReport) -> None:
        """Show how many documents of a stream are annotated; how many there are is not known."""
        if not self._has_bar:
            return
        text = f"{count_of(report.documents, 'document')}, {report.words:,} words annotated"
        if self._console.is_terminal:
            self._bar.update(self._task, description=text)
        else:
            self._print_now_and_then(text)

    def _print_now_and_then(self, text: str) -> None:
        """Print a line, unless the last one is less than `INTERVAL` ago."""
        now = time.perf_counter()
        if now - self._last_line >= INTERVAL:
            self._last_line = now
            self._console.print(text, markup=False)

    def show_broken(self, document: BrokenDocument) -> None:
        """Show a document that was set aside."""
        self._broken += 1
        if self._broken <= SHOWN:
            self._console.print(f"tfkd: {document}", markup=False)


def print_summary(
    console: Console,
    report: AnnotationReport,
    *,
    words: int,
    seconds: float,
    errors: Path | None,
    is_resumed: bool = False,
    model: str | None = None,
) -> None:
    """Print what was done.

    Args:
        console: Where to print it.
        report: The counts of all documents.
        words: Words annotated by this process.
        seconds: How long that took.
        errors: The file of broken documents.
        is_resumed: Whether an earlier process had started.
        model: The name of the model, if the user named none.
    """
    first, *others = summary_lines(report, words=words, seconds=seconds, errors=errors, is_resumed=is_resumed)
    if model is not None:
        others.insert(0, f"  model: {model}, the default; `tfkd models` has its scores")
    for line in (first, *others):
        console.print(line, markup=False)
