"""Runs a benchmark's module as a process of its own, from any current folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]


def run_module(name: str, *arguments: object, text: str | None = None) -> str:
    """Run `python -m NAME` and return what it writes to standard output.

    Args:
        name: The module, such as `benchmarks.latency`.
        arguments: Its arguments.
        text: What it reads from standard input.
    """
    paths = [str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.run(
        [sys.executable, "-m", name, *map(str, arguments)],
        input=text,
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
    ).stdout
