"""Making a study: its jobs are begun, watched and taken down, until none is left."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tfkd.studies.engine import Engine, Outcome
from tfkd.studies.folder import StudyFolder
from tfkd.studies.job import Job
from tfkd.studies.local_engine import LocalEngine
from tfkd.studies.plan import Plan
from tfkd.studies.process import FAILED
from tfkd.studies.progress import StudyProgress
from tfkd.studies.schedule import Schedule
from tfkd.studies.sizes import CorpusSize, corpus_sizes
from tfkd_base.errors import TfkdError, describe_os_error
from tfkd_base.files import NO_ROOM

TICK = 1.0
TRIES = 3
"""How often a job is begun that is killed each time."""
SHOWN_LINES = 12


@dataclass
class StudyResult:
    """What making a study gave.

    Attributes:
        runs: How many runs the study has.
        finished: How many of them have scores.
        failed: The jobs that failed this time, with the reasons.
        blocked: Those that could not be done for it, each with the failed job that it needs.
    """

    runs: int
    finished: int
    failed: dict[str, str] = field(default_factory=dict)
    blocked: dict[str, str] = field(default_factory=dict)


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
    """Make the runs of a study that are missing.

    Finished runs are never made again; those that were begun go on from their last checkpoint. A run that fails is
    taken down, and the others go on. Teachers and what they say of sentences are made once, and only where a run that
    is missing needs them.

    Args:
        plan: The study, from `read_plan`.
        out: Its folder.
        work: Where models, caches and logs are made; by default `work` in it.
        engine: `local`, processes on this machine; or `ray`.
        workers: How many jobs at a time; by default as many as fit.
        address: With `ray`, the address of a cluster.
        keep: Whether models and caches are kept that no run needs any more.
        sizes: What `corpus_sizes` gave, where that was asked: the corpora are not read again.
        progress: Is told what happens.

    Raises:
        TfkdError: The folder holds something else, another process is making the study, or a corpus is missing,
            broken or too small.
        KeyboardInterrupt: Saying how to go on.
    """
    folder = StudyFolder(out, work)
    if sizes is None:
        folder.check(plan)  # before the corpora, which take longer
        corpus_sizes(plan)
    try:
        with folder.taken(plan), _engine(folder, engine, workers, address) as found:
            return _Making(plan, folder, found, progress or StudyProgress(), keep).run()
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"{folder.path} keeps what is done: the same command goes on from there") from None
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise TfkdError(
            f"{describe_os_error(error)}. Make room; {folder.path} keeps what is done: the same command goes on from "
            "there."
        ) from None


@contextlib.contextmanager
def _engine(folder: StudyFolder, name: str, workers: int | None, address: str | None) -> Iterator[Engine]:
    found: Engine
    if name == "ray":
        from tfkd.studies.ray_engine import RayEngine

        found = RayEngine(folder, workers, address)
    else:
        found = LocalEngine(folder, workers)
    try:
        yield found
    finally:
        found.stop()


class _Making:
    def __init__(self, plan: Plan, folder: StudyFolder, engine: Engine, progress: StudyProgress, keep: bool) -> None:
        self._plan, self._folder, self._engine, self._progress, self._keep = plan, folder, engine, progress, keep
        self._schedule = Schedule(plan, folder)
        self._running: dict[str, Job] = {}
        self._tries: dict[str, int] = {}
        self._failed: dict[str, str] = {}

    def run(self) -> StudyResult:
        if not self._keep:  # what a study that was stopped has left
            self._discard(self._plan.jobs)
        self._progress.start(self._plan, self._folder, self._schedule, self._engine.slots)
        try:
            while self._fill() or self._running:
                for outcome in self._engine.wait(TICK):
                    self._take(outcome)
                self._progress.tick(self._running)
        finally:
            self._progress.stop()
        finished = sum(self._folder.is_finished(name) for name in self._plan.runs)
        return StudyResult(len(self._plan.runs), finished, self._failed, self._schedule.blocked)

    def _fill(self) -> bool:
        """Begin as many jobs as there is room for; tell whether one was begun."""
        begun = False
        while len(self._running) < self._engine.slots and (job := self._schedule.next()) is not None:
            self._begin(job)
            begun = True
        return begun

    def _begin(self, job: Job) -> None:
        self._tries[job.name] = self._tries.get(job.name, 0) + 1
        self._folder.forget_failure(job.name)
        self._running[job.name] = job
        self._engine.begin(job)
        self._progress.begin(job)

    def _take(self, outcome: Outcome) -> None:
        job = self._running.pop(outcome.name)
        if outcome.was_killed and self._tries[job.name] < TRIES:
            self._progress.again(job, outcome)
            self._begin(job)
            return
        if outcome.status == 0:
            self._schedule.done(job.name)
            self._progress.done(job)
        else:
            reason = self._reason(job, outcome)
            self._folder.fail(job.name, reason)
            self._failed[job.name] = reason
            self._schedule.fail(job.name)
            self._progress.fail(job, reason)
        if not self._keep:
            self._discard((job.name, *job.needs))

    def _discard(self, names: Iterable[str]) -> None:
        """Remove the models and caches that no job needs any more; what has failed may go on another time."""
        schedule = self._schedule
        for name in names:
            if name not in schedule.left and name not in schedule.failed and not schedule.is_needed(name):
                self._folder.discard(self._plan.jobs[name])

    def _reason(self, job: Job, outcome: Outcome) -> str:
        if outcome.status == FAILED and job.name in (known := self._folder.failures()):
            return known[job.name]
        log = self._folder.log(job)
        said = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
        lines = said.splitlines()[-SHOWN_LINES:]
        ended = (
            f"its process ended with status {outcome.status}"
            if outcome.status > 0
            else (f"its process was killed by signal {-outcome.status}, {TRIES} times")
        )
        return "\n".join([outcome.reason or ended, *lines])
