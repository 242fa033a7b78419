"""The interface by which long functions report progress; the command line shows it."""

from __future__ import annotations


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
