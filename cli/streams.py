"""Standard output and standard error that any text can be written to, and that may be closed."""

from __future__ import annotations

import contextlib
import io
import os
import sys


def replace_unencodable() -> None:
    """Let characters that a stream's encoding lacks, such as α in cp1252, be written as `?`.

    Files are not concerned: they are always UTF-8, and so are documents on standard output.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="replace")


def close_quietly() -> None:
    """Send what is still to be written to standard output and error to nowhere: their reader has gone.

    Python would complain when it flushes them at exit.
    """
    null = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
            continue
        with contextlib.suppress(OSError, ValueError):
            os.dup2(null, stream.fileno())
    os.close(null)
