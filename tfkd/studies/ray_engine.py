"""Jobs on Ray: on the cores of this machine, or on a cluster whose machines see the same disk."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from tfkd.engines.ray import _connect, _import_ray
from tfkd.studies.engine import Engine, Outcome
from tfkd.studies.folder import StudyFolder
from tfkd.studies.job import Job
from tfkd.studies.process import start

TRIES = 3
"""How often a job is begun whose worker dies."""


class RayEngine(Engine):
    """Runs a job for each core that Ray has; Ray gives the job of a worker that dies to another one.

    Args:
        folder: The study's folder, which all machines see under the same path.
        workers: How many jobs at a time; by default one for each core.
        address: The address of a cluster, `auto` for the one that this machine belongs to; by default Ray is started
            here.

    Raises:
        TfkdError: Ray is not installed, or there is no such cluster.
    """

    def __init__(self, folder: StudyFolder, workers: int | None = None, address: str | None = None) -> None:
        self._ray = _import_ray(address)
        self._stack = contextlib.ExitStack()
        self._stack.enter_context(_connect(self._ray, workers, address))
        self.slots = workers or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        self._folder = StudyFolder(folder.path.absolute(), folder.work.absolute())
        self._remote = self._ray.remote(num_cpus=1, max_retries=TRIES - 1)(_do)
        self._running: dict[Any, str] = {}

    def begin(self, job: Job) -> None:
        """Begin a job."""
        self._running[self._remote.remote(self._folder, job, os.getcwd())] = job.name

    def wait(self, seconds: float) -> list[Outcome]:
        """Return the jobs that have ended, after so long at most."""
        if not self._running:
            return []
        ended, _ = self._ray.wait(list(self._running), num_returns=1, timeout=seconds)
        return [self._outcome(reference) for reference in ended]

    def _outcome(self, reference: Any) -> Outcome:
        name = self._running.pop(reference)
        try:
            return Outcome(name, self._ray.get(reference))
        except self._ray.exceptions.RayError as error:
            return Outcome(name, 1, f"Ray has given it up: {str(error).strip().splitlines()[-1]}")

    def stop(self) -> None:
        """End the jobs under way, and Ray, if it was started here."""
        for reference in self._running:
            self._ray.cancel(reference, force=True)
        self._running.clear()
        self._stack.close()


def _do(folder: StudyFolder, job: Job, cwd: str) -> int:
    """Do a job in a process of its own, which ends with the worker that waits for it."""
    with contextlib.suppress(OSError):
        os.chdir(cwd)
    process = start(folder, job, threads=1)
    status = process.wait()
    if process.stdin is not None:
        process.stdin.close()
    return status
