"""The interface by which long functions report progress; the command line shows it."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

INTERVAL = 30.0
"""Seconds between two lines about work under way."""
DELAY = 3.0
"""Seconds after which a line names work that cannot be counted."""


class Progress:
    """Receives the progress of a long function. This one ignores it; override what you want to show.

    A function calls `stage` for a heading, `message` for a line worth reading, and `start`, `advance` and `end` around
    work that can be counted.

    Example:
        >>> class Printed(Progress):
        ...     def message(self, text: str) -> None:
        ...         print(text)
        >>> Printed().message("disease: 700 training sentences")
        disease: 700 training sentences
    """

    def stage(self, title: str) -> None:
        """Show the heading of the messages that follow."""

    def message(self, text: str) -> None:
        """Show a line of text."""

    def start(self, title: str, total: int | None = None, unit: str = "") -> None:
        """Start counted work.

        Args:
            title: What is done, such as `"epoch 3/20"`.
            total: How many units; `None` if it is not known.
            unit: What is counted, such as `"batches"`.
        """

    def advance(self, done: int) -> None:
        """Report that so many units are done in all."""

    def end(self) -> None:
        """End the counted work."""

    @contextlib.contextmanager
    def counted(self, title: str, total: int | None = None, unit: str = "") -> Iterator[Callable[[int], None]]:
        """Count work in a block, which calls what this gives with the number of units that are done.

        Args:
            title: As of `start`.
            total: As of `start`.
            unit: As of `start`.
        """
        self.start(title, total, unit)
        try:
            yield self.advance
        finally:
            self.end()


class LineProgress(Progress):
    """Writes progress as lines: every message, and one about work under way every 30 seconds.

    Args:
        write: Writes a line.

    Example:
        >>> progress = LineProgress(print)
        >>> with progress.counted("scoring", 2, "sentences") as advance:
        ...     advance(1)
        >>> progress.message("done")
        done
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._title, self._unit = "", ""
        self._total: int | None = None
        self._started = self._last = 0.0
        self._timer: threading.Timer | None = None

    def message(self, text: str) -> None:
        """Write a line."""
        self._write(text)

    def start(self, title: str, total: int | None = None, unit: str = "") -> None:
        """Start counted work; work that cannot be counted is named after some seconds."""
        self.end()
        self._title, self._total, self._unit = title, total, unit
        self._started = self._last = time.monotonic()
        if total is None:
            self._timer = threading.Timer(DELAY, self._write, [f"{title} ..."])
            self._timer.daemon = True
            self._timer.start()

    def advance(self, done: int) -> None:
        """Write a line if the last one is long ago."""
        now = time.monotonic()
        if now - self._last >= INTERVAL:
            self._last = now
            self._write(self._line(done, now - self._started))

    def end(self) -> None:
        """End the counted work."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _line(self, done: int, seconds: float) -> str:
        if self._total is None:
            return f"{self._title}: {done:,} {self._unit}"
        line = f"{self._title}: {done:,} of {self._total:,} {self._unit}"
        left = seconds / done * (self._total - done) if done else 0.0
        return f"{line}, {format_seconds(left)} left" if left else line


def format_seconds(seconds: float) -> str:
    """Return a duration for people.

    Example:
        >>> format_seconds(5.4), format_seconds(130), format_seconds(7500)
        ('5 s', '2 min', '2 h 05 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"
