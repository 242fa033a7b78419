"""Jobs on Ray: on the cores of this machine, or on a cluster whose machines see the same disk."""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Generic

from tfkd.engines.base import Engine, MakeWork, Outcome, Payload, Result, Work
from tfkd_base.errors import TfkdError
from tfkd_base.signals import kept_handlers

SECONDS_TO_CONNECT = 10
TRIES = 3
"""How many workers a job is given to at most, if each of them dies."""


class RayEngine(Engine[Payload, Result]):
    """Runs jobs on Ray, with a process for each worker, which takes one core.

    A job whose process dies is given to a new one. The processes work in the current folder of this process, so that
    relative paths mean the same.

    Args:
        make_work: Makes a worker, in its process.
        workers: How many workers. Default: one for each core that Ray has.
        address: The address of a cluster, or `auto` for the one that this machine belongs to. Default: Ray is started
            on this machine, and stopped with the engine. If the program has started Ray already, that one is used.

    Raises:
        TfkdError: Ray is not installed, or there is no such cluster.
    """

    def __init__(
        self, make_work: MakeWork[Payload, Result], workers: int | None = None, address: str | None = None
    ) -> None:
        if workers is not None and workers < 1:
            raise TfkdError(f"expected 1 worker or more, got {workers}")
        self._ray = _import_ray(address)
        self._stack = contextlib.ExitStack()
        self._stack.enter_context(_connect(self._ray, workers, address))
        self.slots = workers or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        self._process = self._ray.remote(num_cpus=1)(_Process)
        self._arguments = make_work, os.getcwd()
        self._waiting: deque[_Job[Payload]] = deque()
        self._workers = [self._start() for _ in range(self.slots)]

    def submit(self, name: str, payload: Payload) -> None:
        """Start a job, or put it in line."""
        self._waiting.append(_Job(name, payload))
        self._assign()

    def wait(self, seconds: float) -> list[Outcome[Result]]:
        """Return the jobs that have ended, after at most this number of seconds."""
        until = time.monotonic() + seconds
        while self._waiting or any(worker.job for worker in self._workers):
            pending = {worker.reference: worker for worker in self._workers if worker.reference is not None}
            remaining = max(0.0, until - time.monotonic())
            references, _ = self._ray.wait(list(pending), num_returns=1, timeout=remaining)
            outcomes = [outcome for one in references if (outcome := self._end(pending[one])) is not None]
            self._assign()
            if outcomes or not references:
                return outcomes
        return []

    def stop(self) -> None:
        """Kill the workers, and stop Ray if this engine started it."""
        self._waiting.clear()
        for worker in self._workers:
            with contextlib.suppress(Exception):
                self._ray.kill(worker.actor)
        self._workers.clear()
        self._stack.close()

    def _start(self, failures: int = 0) -> _Worker[Payload]:
        actor = self._process.remote(*self._arguments)
        return _Worker(actor, actor.ready.remote(), failures=failures)

    def _assign(self) -> None:
        """Give the jobs in line to the workers that are free."""
        for worker in self._workers:
            if self._waiting and worker.reference is None:
                worker.job = self._waiting.popleft()
                worker.job.tries += 1
                worker.reference = worker.actor.run.remote(worker.job.payload)

    def _end(self, worker: _Worker[Payload]) -> Outcome[Result] | None:
        """Handle what a worker was waited for: its start, its job, or its death."""
        reference, job = worker.reference, worker.job
        worker.reference = worker.job = None
        try:
            value = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            if job is not None and isinstance(error, self._ray.exceptions.RayTaskError):
                return Outcome(job.name, error=error)  # for example, the result cannot be pickled
            return self._replace(worker, job, str(error).strip().splitlines()[-1])
        if job is None:
            worker.failures = 0
            return None
        result, failure = value
        return Outcome(job.name, result, failure)

    def _replace(self, worker: _Worker[Payload], job: _Job[Payload] | None, reason: str) -> Outcome[Result] | None:
        """Start another worker for one that died, and put its job first in line."""
        failures = worker.failures + (job is None)
        if failures >= TRIES:
            raise TfkdError(f"Ray cannot start a worker, tried {TRIES} times: {reason}")
        with contextlib.suppress(Exception):
            self._ray.kill(worker.actor)
        self._workers[self._workers.index(worker)] = self._start(failures)
        if job is None:
            return None
        if job.tries < TRIES:
            self._waiting.appendleft(job)
            return None
        return Outcome(job.name, error=TfkdError(f"Ray gave the job up: its worker died {TRIES} times: {reason}"))


@dataclass(eq=False)
class _Job(Generic[Payload]):
    name: str
    payload: Payload
    tries: int = 0


@dataclass(eq=False)
class _Worker(Generic[Payload]):
    """A process of Ray.

    Attributes:
        actor: Ray's handle.
        reference: What Ray will return: that the process has started, or the result of its job; `None` if it is free.
        job: Its job.
        failures: How many processes died before they had started, one after the other.
    """

    actor: Any
    reference: Any
    job: _Job[Payload] | None = None
    failures: int = 0


class _Process(Generic[Payload, Result]):
    """What runs in the process of a worker."""

    def __init__(self, make_work: MakeWork[Payload, Result], folder: str) -> None:
        with contextlib.suppress(OSError):
            os.chdir(folder)
        self._make_work = make_work
        self._work: Work[Payload, Result] | None = None

    def ready(self) -> None:
        """Return when the process has started."""

    def run(self, payload: Payload) -> tuple[Result | None, Exception | None]:
        """Run a job; return its result or its error."""
        try:
            if self._work is None:
                self._work = self._make_work()
            return self._work(payload), None
        except Exception as error:
            return None, _picklable(error)


def _picklable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _import_ray(address: str | None) -> ModuleType:
    # Ray's own reports and the messages of its C++ part are turned off, except for what ends the work.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    # A cluster may need the token on this machine. Ray sends it by itself only to the cluster called `auto`. It reads
    # the variable when it is imported: a later change would reach only the servers that it starts, and these would
    # then refuse this process.
    tokens = (os.environ.get("RAY_AUTH_TOKEN"), os.environ.get("RAY_AUTH_TOKEN_PATH"))
    has_token = any(tokens) or (Path.home() / ".ray" / "auth_token").is_file()
    if address is not None and has_token and "ray" not in sys.modules:
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    try:
        import ray
    except ImportError:
        raise TfkdError("the engine ray needs Ray, which is not installed: pip install 'tfkd[ray]'") from None
    return ray


@contextlib.contextmanager
def _connect(ray: ModuleType, workers: int | None, address: str | None) -> Iterator[None]:
    """Connect to Ray, unless the program is connected; shut down what was started here."""
    is_ours = not ray.is_initialized()
    if is_ours:
        _require_reachable(address)
        try:
            with kept_handlers():  # Ray sets its own handler of SIGTERM
                # Without an address Ray would connect to a cluster that someone else runs on this machine.
                ray.init(
                    address=address or "local",
                    num_cpus=None if address else workers,
                    include_dashboard=None if address else False,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                )
        except ConnectionError as error:
            raise TfkdError(f"there is no Ray cluster at {address}: {error}") from None
    try:
        yield
    finally:
        if is_ours:
            ray.shutdown()


def _require_reachable(address: str | None) -> None:
    """Refuse an address where nothing listens; Ray itself would try for minutes."""
    host, _, port = (address or "").rpartition(":")
    if not host or "/" in host or not port.isdecimal():
        return  # `auto`, or a form that only Ray understands
    try:
        socket.create_connection((host.strip("[]"), int(port)), SECONDS_TO_CONNECT).close()
    except (OSError, OverflowError) as error:
        raise TfkdError(f"there is no Ray cluster at {address}: {error}") from None
