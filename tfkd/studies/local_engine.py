"""Jobs as processes on this machine."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from pathlib import Path

from tfkd.studies.engine import Engine, Outcome
from tfkd.studies.folder import StudyFolder
from tfkd.studies.job import Job
from tfkd.studies.process import start

BYTES_PER_WORKER = 3 << 30
"""Memory that a job is reckoned to take at most."""
CONTAINER_MEMORY = Path("/sys/fs/cgroup/memory.max")
"""Says what a container may use, where one runs on Linux."""
WAIT = 0.2


class LocalEngine(Engine):
    """Runs as many jobs at a time as there are cores, and memory for.

    Args:
        folder: The study's folder.
        workers: How many jobs at a time; by default as many as fit.
    """

    def __init__(self, folder: StudyFolder, workers: int | None = None) -> None:
        self.slots = workers or workers_that_fit()
        self._folder = folder
        self._threads = max(1, _cores() // self.slots)
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def begin(self, job: Job) -> None:
        """Begin a job."""
        self._running[job.name] = start(self._folder, job, self._threads)

    def wait(self, seconds: float) -> list[Outcome]:
        """Return the jobs that have ended, after so long at most."""
        until = time.monotonic() + seconds
        while True:
            ended = {name: code for name, p in self._running.items() if (code := p.poll()) is not None}
            if ended or time.monotonic() > until:
                break
            time.sleep(WAIT)
        for name in ended:
            self._close(self._running.pop(name))
        return [Outcome(name, code) for name, code in ended.items()]

    def stop(self) -> None:
        """End the jobs under way; their last checkpoints stay."""
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            self._close(process)
        self._running.clear()

    @staticmethod
    def _close(process: subprocess.Popen[bytes]) -> None:
        if process.stdin is not None:
            process.stdin.close()
        process.wait()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workers_that_fit() -> int:
    """Return how many jobs fit on this machine at a time: one for each core, and not more than its memory holds."""
    cores, memory = _cores(), _memory()
    return cores if memory is None else max(1, min(cores, memory // BYTES_PER_WORKER))


def _memory() -> int | None:
    """Return the bytes of memory that there are for this process; nothing where the system does not tell."""
    found = []
    with contextlib.suppress(ValueError, OSError, AttributeError):
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    with contextlib.suppress(ValueError, OSError):  # "max" where a container is given all
        found.append(int(CONTAINER_MEMORY.read_text()))
    return min(found, default=None)
