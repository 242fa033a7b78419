"""What the command line does when it is asked to stop: one message, the command to resume, and the exit status."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence

from tfkd_base.signals import Interrupts

SHOW_CURSOR = "\x1b[?25h"


def install_interrupts() -> Interrupts:
    """Let SIGINT, SIGTERM and SIGHUP raise `KeyboardInterrupt`; a second one ends the process at once."""
    interrupts = Interrupts(_show_cursor)
    interrupts.install()
    return interrupts


def describe_interrupt(interrupts: Interrupts, remedy: str, arguments: Sequence[str]) -> str:
    """Return the message for a command that was asked to stop.

    Args:
        interrupts: Knows the signal.
        remedy: What is kept and how to resume; empty if the command cannot be resumed.
        arguments: The arguments of the command.

    Example:
        >>> print(describe_interrupt(Interrupts(), "run the same command to resume", ["train", "a b"]))
        interrupted; run the same command to resume
          tfkd train 'a b'
    """
    message = "interrupted" if interrupts.name == "SIGINT" else f"interrupted by {interrupts.name}"
    if not remedy:
        return message
    import shlex
    import subprocess

    command = ["tfkd", *arguments]
    line = subprocess.list2cmdline(command) if os.name == "nt" else shlex.join(command)
    return f"{message}; {remedy}\n  {line}"


def _show_cursor() -> None:
    """Show the cursor, which a progress bar hides."""
    for stream in (sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(OSError, ValueError):
            if stream is not None and stream.isatty():
                os.write(stream.fileno(), SHOW_CURSOR.encode())
