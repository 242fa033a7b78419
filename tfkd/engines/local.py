"""Jobs in this process."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from typing import Generic

from tfkd.engines.base import Engine, MakeWork, Outcome, Payload, Result, Stoppable, Work
from tfkd_base.errors import TfkdError


class LocalEngine(Engine[Payload, Result]):
    """Runs jobs in this process.

    Without threads, `wait` runs the next job in the calling thread and returns when it has ended, however many seconds
    it is given. Threads suit work that waits for processes.

    Args:
        make_work: Makes a worker.
        workers: How many.
        threads: Whether each worker has a thread. Default: if there are several.

    Example:
        >>> with LocalEngine(lambda: str.upper) as engine:
        ...     engine.submit("greeting", "hello")
        ...     engine.wait(1.0)
        [Outcome(name='greeting', result='HELLO', error=None)]
    """

    def __init__(self, make_work: MakeWork[Payload, Result], workers: int = 1, *, threads: bool | None = None) -> None:
        if workers < 1:
            raise TfkdError(f"expected 1 worker or more, got {workers}")
        self.slots = workers
        self._make_work = make_work
        self._work: Work[Payload, Result] | None = None
        self._jobs: deque[tuple[str, Payload]] = deque()
        self._unfinished = 0
        has_threads = workers > 1 if threads is None else threads
        self._threads = _Threads(make_work, workers) if has_threads else None

    def submit(self, name: str, payload: Payload) -> None:
        """Put a job in line."""
        self._unfinished += 1
        if self._threads is not None:
            self._threads.jobs.put((name, payload))
        else:
            self._jobs.append((name, payload))

    def wait(self, seconds: float) -> list[Outcome[Result]]:
        """Return the jobs that have ended; without threads, run the next job."""
        if not self._unfinished:
            return []
        outcomes = self._run_next() if self._threads is None else self._threads.wait(seconds)
        self._unfinished -= len(outcomes)
        return outcomes

    def _run_next(self) -> list[Outcome[Result]]:
        name, payload = self._jobs.popleft()
        try:
            if self._work is None:
                self._work = self._make_work()
            return [Outcome(name, self._work(payload))]
        except Exception as error:
            return [Outcome(name, error=error)]

    def stop(self) -> None:
        """Drop the jobs in line; ask the workers that are `Stoppable` to end theirs, and wait for all of them."""
        self._jobs.clear()
        self._unfinished = 0
        if self._threads is not None:
            self._threads.stop()


class _Threads(Generic[Payload, Result]):
    """Workers with a thread each. Each makes its work when it takes its first job."""

    def __init__(self, make_work: MakeWork[Payload, Result], workers: int) -> None:
        self.jobs: queue.SimpleQueue[tuple[str, Payload] | None] = queue.SimpleQueue()
        self._make_work = make_work
        self._outcomes: queue.SimpleQueue[Outcome[Result]] = queue.SimpleQueue()
        self._works: list[Work[Payload, Result]] = []
        self._is_stopped = False
        self._threads = [threading.Thread(target=self._serve, daemon=True) for _ in range(workers)]
        for thread in self._threads:
            thread.start()

    def wait(self, seconds: float) -> list[Outcome[Result]]:
        # At most this long at a time, so that an interrupt is handled on every system.
        outcomes: list[Outcome[Result]] = []
        until = time.monotonic() + seconds
        while not outcomes:
            try:
                outcomes.append(self._outcomes.get(timeout=max(0.0, min(0.2, until - time.monotonic()))))
            except queue.Empty:
                if time.monotonic() >= until:
                    return []
        while not self._outcomes.empty():
            outcomes.append(self._outcomes.get())
        return outcomes

    def stop(self) -> None:
        self._is_stopped = True
        for _ in self._threads:
            self.jobs.put(None)
        for work in list(self._works):
            if isinstance(work, Stoppable):
                work.stop()
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        work: Work[Payload, Result] | None = None
        while (job := self.jobs.get()) is not None:
            if self._is_stopped:
                continue
            name, payload = job
            try:
                if work is None:
                    work = self._make_work()
                    self._works.append(work)
                self._outcomes.put(Outcome(name, work(payload)))
            except Exception as error:
                self._outcomes.put(Outcome(name, error=error))
