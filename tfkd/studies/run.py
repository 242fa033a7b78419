"""Runs a study: starts its jobs as workers become free, and collects their results."""

from __future__ import annotations

import contextlib
import os
import time
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tfkd.engines import Engine, Outcome, open_engine
from tfkd.runs.held_out import excludes_duplicates
from tfkd.studies.estimate import CorpusSize, read_corpus_sizes
from tfkd.studies.folder import StudyFolder
from tfkd.studies.job import FAILED, JobRunner, has_model
from tfkd.studies.plan import Job, Plan
from tfkd_base.errors import TfkdError, TfkdWarning, describe_os_error
from tfkd_base.files import NO_ROOM
from tfkd_base.registry import loaded_code

POLL_SECONDS = 1.0
MERGE_SECONDS = 60.0
"""Least time between two writes of the table of results."""
TRIES = 3
"""How many times a job starts that is killed each time."""
LOG_LINES = 12
"""Last lines of a log that are kept as the reason of a failure."""
BYTES_PER_WORKER = 3 << 30
"""Memory that a job is assumed to take at most."""
CONTAINER_MEMORY = Path("/sys/fs/cgroup/memory.max")
"""File with the memory limit of a Linux container."""


@dataclass
class StudyResult:
    """Result of running a study.

    Attributes:
        runs: Number of runs of the study.
        finished: Number of runs with scores.
        failed: Jobs that failed this time, with the reasons.
        blocked: Jobs that did not start because a job that they need failed, each with that job.
    """

    runs: int
    finished: int
    failed: dict[str, str] = field(default_factory=dict)
    blocked: dict[str, str] = field(default_factory=dict)


class JobQueue:
    """The jobs of a study that remain, in order. A job is ready when the jobs that it needs are done.

    Finished runs are skipped, and so are teachers and caches that no remaining job needs.

    Args:
        plan: The study.
        folder: Its folder.

    Attributes:
        remaining: Jobs that are not done, with the running ones, in order.
        finished: Number of runs that already had scores.
        failed: Jobs that failed.
        blocked: Jobs that cannot start, each with the failed job that it needs.
    """

    def __init__(self, plan: Plan, folder: StudyFolder) -> None:
        self._plan = plan
        needed = {name for name in plan.runs if not folder.is_finished(name)}
        self.finished = len(plan.runs) - len(needed)
        for name in reversed(plan.jobs):  # a job stands after those it needs
            if name in needed:
                needs = [plan.jobs[need] for need in plan.jobs[name].needs]
                needed |= {job.name for job in needs if not has_model(folder, plan, job)}
        self.remaining = {name: job for name, job in plan.jobs.items() if name in needed}
        self._started: set[str] = set()
        self.failed: list[str] = []
        self.blocked: dict[str, str] = {}

    def next(self) -> Job | None:
        """Return the first job that is ready and has not been returned before; `None` if there is none now."""
        for name, job in self.remaining.items():
            if name not in self._started and not any(need in self.remaining for need in job.needs):
                self._started.add(name)
                return job
        return None

    def mark_done(self, name: str) -> None:
        """Record that a job is done."""
        del self.remaining[name]

    def mark_failed(self, name: str) -> None:
        """Record that a job failed; the jobs that need it will not start."""
        self.failed.append(name)
        lost = {name}
        for other, job in list(self.remaining.items()):
            if lost.intersection(job.needs):
                lost.add(other)
                self.blocked[other] = name
        for job_name in lost:
            self.remaining.pop(job_name, None)

    def is_needed(self, name: str) -> bool:
        """Tell whether the model or cache of a job is needed by another job, now or when failed jobs are repeated."""
        others = (*self.remaining, *self.failed, *self.blocked)
        return any(name in self._plan.jobs[other].needs for other in others)


class StudyProgress:
    """Receives the progress of a study. This one ignores it; override what you want to show."""

    def start(self, plan: Plan, folder: StudyFolder, queue: JobQueue, slots: int) -> None:
        """Called before the first job."""

    def job_started(self, job: Job) -> None:
        """Called when a job starts."""

    def tick(self, running: Mapping[str, Job]) -> None:
        """Called about once a second, with the running jobs."""

    def job_done(self, job: Job) -> None:
        """Called when a job is done."""

    def job_restarted(self, job: Job, signal: int) -> None:
        """Called when a killed job restarts, with the number of the signal that killed it."""

    def job_failed(self, job: Job, reason: str) -> None:
        """Called when a job failed."""

    def stop(self) -> None:
        """Called at the end, also after an error."""


def run_study(
    plan: Plan,
    out: str | os.PathLike[str],
    *,
    work: str | os.PathLike[str] | None = None,
    engine: str = "local",
    workers: int | None = None,
    address: str | None = None,
    keep: bool = True,
    sizes: Mapping[str, CorpusSize] | None = None,
    progress: StudyProgress | None = None,
) -> StudyResult:
    """Run the runs of a study that are missing.

    Finished runs are never repeated, and interrupted ones resume from their last checkpoint. When a run fails, the
    others continue. Teachers and output caches are made once, and only if a missing run needs them.

    Args:
        plan: The study, from `read_plan`.
        out: Folder of the study.
        work: Folder of models, caches and logs. Default: `work` in the folder of the study.
        engine: `local`, processes on this machine, or `ray`.
        workers: Number of jobs at a time. Default: as many as fit.
        address: Address of a Ray cluster.
        keep: Keep models and caches that no run needs any more.
        sizes: Result of `read_corpus_sizes`, if it was called before, so that the corpora are not read again.
        progress: Receives the progress.

    Raises:
        TfkdError: The folder holds something else, another process runs the study, or a corpus is missing, damaged or
            too small.
        KeyboardInterrupt: With a message on how to resume.
    """
    folder = StudyFolder(out, work)
    if sizes is None:
        folder.check(plan)  # before the corpora, which take longer
        sizes = read_corpus_sizes(plan)
    _warn_of_earlier_runs(plan, folder, sizes)
    try:
        with folder.hold(plan), _open_engine(folder, engine, workers, address) as opened:
            return _StudyRunner(plan, folder, opened, progress or StudyProgress(), keep).run()
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"{folder.path} keeps what is done: run the same command to resume") from None
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise TfkdError(
            f"{describe_os_error(error)}. Free some space; {folder.path} keeps what is done: run the same command to "
            "resume."
        ) from None


def _warn_of_earlier_runs(plan: Plan, folder: StudyFolder, sizes: Mapping[str, CorpusSize]) -> None:
    """Warn of finished runs of an earlier version that were trained on sentences which new runs exclude."""
    earlier: dict[str, list[str]] = {}
    for name, job in plan.runs.items():
        (task, *others) = job.config.tasks
        # Teachers of earlier versions excluded such sentences.
        is_alike = others or job.kind == "teacher" or excludes_duplicates(job.config, task) is False
        if is_alike or not sizes[task].held_out or not folder.is_finished(name):
            continue
        if not all(run.overlap for run in folder.results.runs(name)):
            earlier.setdefault(task, []).append(name)
    for task, names in earlier.items():
        warnings.warn(
            f"{len(names):,} finished runs on {task}, such as {names[0]}, are of an earlier version: they were trained "
            f"on {sizes[task].held_out:,} sentences that are also in its development or test set and that new runs "
            f"exclude. To repeat a run, remove {folder.results.how_to_repeat(names[0])}",
            TfkdWarning,
            stacklevel=3,
        )


def _open_engine(folder: StudyFolder, name: str, workers: int | None, address: str | None) -> Engine[str, int]:
    local_workers = workers or count_workers()
    threads = max(1, _count_cores() // local_workers) if name == "local" else 1
    make_work = partial(JobRunner, folder, threads, [str(code.path) for code in loaded_code()])
    return open_engine(name, make_work, workers=workers, address=address, default_workers=local_workers)


def count_workers() -> int:
    """Return how many jobs fit on this machine at a time: one for each core, limited by the memory."""
    cores, memory = _count_cores(), _read_memory()
    return cores if memory is None else max(1, min(cores, memory // BYTES_PER_WORKER))


def _count_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _read_memory() -> int | None:
    """Return the bytes of memory of this machine or container; `None` where the system does not tell."""
    sizes = []
    with contextlib.suppress(ValueError, OSError, AttributeError):
        sizes.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    with contextlib.suppress(ValueError, OSError):  # the file holds "max" where there is no limit
        sizes.append(int(CONTAINER_MEMORY.read_text(encoding="utf-8")))
    return min(sizes, default=None)


class _StudyRunner:
    def __init__(
        self, plan: Plan, folder: StudyFolder, engine: Engine[str, int], progress: StudyProgress, keep: bool
    ) -> None:
        self._plan, self._folder, self._engine, self._progress, self._keep = plan, folder, engine, progress, keep
        self._queue = JobQueue(plan, folder)
        self._running: dict[str, Job] = {}
        self._starts: dict[str, int] = {}
        self._failed: dict[str, str] = {}
        self._merged = time.monotonic()

    def run(self) -> StudyResult:
        if not self._keep:  # those that an interrupted study left
            self._discard_unneeded(self._plan.jobs)
        self._progress.start(self._plan, self._folder, self._queue, self._engine.slots)
        try:
            while self._start_ready_jobs() or self._running:
                for outcome in self._engine.wait(POLL_SECONDS):
                    self._handle(outcome)
                self._progress.tick(self._running)
                if time.monotonic() - self._merged > MERGE_SECONDS:
                    self._folder.results.merge()
                    self._merged = time.monotonic()
        finally:
            self._progress.stop()
        finished = sum(self._folder.is_finished(name) for name in self._plan.runs)
        return StudyResult(len(self._plan.runs), finished, self._failed, self._queue.blocked)

    def _start_ready_jobs(self) -> bool:
        """Start as many jobs as there are free workers; return whether one was started."""
        started = False
        while len(self._running) < self._engine.slots and (job := self._queue.next()) is not None:
            self._start(job)
            started = True
        return started

    def _start(self, job: Job) -> None:
        self._starts[job.name] = self._starts.get(job.name, 0) + 1
        self._folder.forget_failure(job.name)
        self._running[job.name] = job
        self._engine.submit(job.name, job.name)
        self._progress.job_started(job)

    def _handle(self, outcome: Outcome[int]) -> None:
        job, status = self._running.pop(outcome.name), outcome.result
        if isinstance(outcome.error, OSError) and outcome.error.errno in NO_ROOM:
            raise outcome.error
        if status is not None and status < 0 and self._starts[job.name] < TRIES:
            self._progress.job_restarted(job, -status)
            self._start(job)
            return
        if status == 0:
            self._queue.mark_done(job.name)
            self._progress.job_done(job)
        else:
            reason = self._reason(job, outcome)
            self._folder.fail(job.name, reason)
            self._failed[job.name] = reason
            self._queue.mark_failed(job.name)
            self._progress.job_failed(job, reason)
        if not self._keep:
            self._discard_unneeded((job.name, *job.needs))

    def _discard_unneeded(self, names: Iterable[str]) -> None:
        """Remove the models and caches that no job needs any more; those of failed jobs stay, to be resumed."""
        queue = self._queue
        for name in names:
            if name not in queue.remaining and name not in queue.failed and not queue.is_needed(name):
                self._folder.discard(self._plan.jobs[name])

    def _reason(self, job: Job, outcome: Outcome[int]) -> str:
        """Return the reason of a failure: what the job wrote, or the last lines of its log."""
        status = outcome.result
        if status == FAILED and job.name in (failures := self._folder.failures()):
            return failures[job.name]
        if status is None:
            ending = str(outcome.error)
        elif status > 0:
            ending = f"its process ended with status {status}"
        else:
            ending = f"its process was killed by signal {-status}, {TRIES} times"
        log = self._folder.log(job.name)
        text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
        return "\n".join([ending, *text.splitlines()[-LOG_LINES:]])
