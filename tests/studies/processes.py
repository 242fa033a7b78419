"""Studies as processes of the system, and what they leave."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import pytest

from tests.commands import Forked, fork
from tfkd.studies import StudyFolder, job
from tfkd.studies.report import StudyRun


def scores(folder: Path) -> dict[str, list[StudyRun]]:
    """Return the results of each run of a study, without its speed."""
    results = StudyFolder(folder).results
    return {
        name: [replace(run, words_per_second=None, training_seconds=None) for run in results.runs(name)]
        for name in sorted(results.names())
    }


def times(folder: Path) -> dict[str, int]:
    """Return when each file was written."""
    return {str(file.relative_to(folder)): file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}


def start(*arguments: str | Path) -> Forked:
    """Start `tfkd study` in a process of its own."""
    return Forked("study", *arguments)


class ForkedJob:
    """Process of a job that is forked from one that has imported TensorFlow; answers as `subprocess.Popen` does.

    Args:
        command: The command of a job, see `JobRunner.command`.
        stdout: The log.
        env: Variables of its environment.
        others: Other arguments of `subprocess.Popen`, which it does not need.
    """

    def __init__(self, command: list[str], *, stdout: IO[bytes], env: dict[str, str], **others: Any) -> None:
        reader, self.stdin = multiprocessing.get_context("forkserver").Pipe(duplex=False)
        arguments = command[command.index(job.PROGRAM) + 1 :]
        self._process = fork(_run_job, arguments, reader, stdout.name, env)
        reader.close()

    def wait(self) -> int:
        """Wait for the end of the process; return its status."""
        self._process.join()
        assert self._process.exitcode is not None
        return self._process.exitcode

    def __enter__(self) -> ForkedJob:
        return self

    def __exit__(self, *_: object) -> None:
        self.stdin.close()


def _run_job(arguments: list[str], reader: Connection, log: str, environment: dict[str, str]) -> None:
    os.dup2(reader.fileno(), 0)
    sys.stdin = os.fdopen(0, encoding="utf-8")
    for number in (1, 2):
        os.dup2(os.open(log, os.O_WRONLY | os.O_APPEND), number)
    os.environ.clear()
    os.environ.update(environment)
    sys.exit(job.main(arguments))


@contextlib.contextmanager
def forked_jobs() -> Iterator[None]:
    """Fork the processes of jobs: an import of TensorFlow takes longer than a job of a tiny study."""
    names = {"Popen": ForkedJob, "PIPE": subprocess.PIPE, "STDOUT": subprocess.STDOUT}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "subprocess", SimpleNamespace(**names))
        yield


def jobs_of(folder: Path) -> dict[int, str]:
    """Find the processes that do jobs of a study now, with the names of the jobs."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_bytes().decode().split("\0")
        except OSError:  # it has ended meanwhile
            continue
        if any("tfkd.studies.job" in word for word in words) and str(folder) in words:
            found[int(place.name)] = words[7]
    return found


def said(file: Path) -> str:
    """Read a log that may not be there yet."""
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
