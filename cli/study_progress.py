"""What `tfkd study` shows: the plan, what runs, and what came of it."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from tfkd.studies import Estimate, Job, Plan, StudyFolder, StudyProgress, StudyResult
from tfkd.studies.engine import Outcome
from tfkd.studies.local_engine import workers_that_fit
from tfkd.studies.schedule import Schedule
from tfkd.studies.sizes import CorpusSize

SHOWN_FAILURES = 10


class ShownStudy(StudyProgress):
    """On a terminal a bar and the jobs under way, and everywhere a line for each job that ends.

    Args:
        console: Where to show it.
        sizes: The sizes of the corpora, for the time that is left.
    """

    def __init__(self, console: Console, sizes: Mapping[str, CorpusSize]) -> None:
        self._console = console
        self._sizes = sizes
        self._began: dict[str, float] = {}
        self._done = 0

    def start(self, plan: Plan, folder: StudyFolder, schedule: Schedule, slots: int) -> None:
        """Say what is to be done."""
        self._folder, self._schedule, self._slots = folder, schedule, slots
        self._estimate = Estimate(plan, self._sizes, folder)
        self._total = len(schedule.left)
        went_on = f" ({counted(schedule.finished, 'run')} there already)" if schedule.finished else ""
        jobs = f"{counted(self._total, 'job')}{went_on}, {slots} at a time"
        self._console.print(
            f"{plan.config.title}: {jobs}, about {span(self._left())}",
            markup=False,
            soft_wrap=True,
        )
        self._bar = Progress(
            TextColumn("{task.completed:,}/{task.total:,} jobs"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[left]} left"),
            console=self._console,
        )
        self._task = self._bar.add_task("", total=self._total, left="")
        self._live = Live(console=self._console, transient=True, auto_refresh=False)
        if self._console.is_terminal:
            self._live.start()

    def begin(self, job: Job) -> None:
        """Take the time."""
        self._began[job.name] = time.monotonic()

    def tick(self, running: Mapping[str, Job]) -> None:
        """Draw the bar and the jobs under way."""
        if not self._console.is_terminal:
            return
        table = Table.grid(padding=(0, 2))
        for name, job in running.items():
            table.add_row(f"  {name}", span(time.monotonic() - self._began[name]), _last_line(self._folder.log(job)))
        self._bar.update(self._task, completed=self._done, left=span(self._left()))
        self._live.update(Group(table, self._bar), refresh=True)

    def done(self, job: Job) -> None:
        """Print a line, with the score of a student."""
        self._done += 1
        seconds = time.monotonic() - self._began[job.name]
        said = ""
        if job.is_run and self._folder.is_finished(job.name):
            found = self._folder.finished(job.name)
            self._estimate.learn(job, found.seconds)
            mean = sum(run.test_f1 for run in found.runs) / len(found.runs)
            said = f", F1 {100 * mean:.1f}" + (
                f" on average over {len(found.runs)} tasks" if len(found.runs) > 1 else ""
            )
        elif not job.is_run:
            self._estimate.learn(job, seconds)
        self._console.print(f"  {job.name}: {span(seconds)}{said}", soft_wrap=True)

    def again(self, job: Job, outcome: Outcome) -> None:
        """Print a line."""
        self._console.print(f"  {job.name}: killed by signal {-outcome.status}, goes on", soft_wrap=True)

    def fail(self, job: Job, reason: str) -> None:
        """Print the first line of the reason."""
        self._done = self._total - len(self._schedule.left)
        self._console.print(f"  {job.name}: [red]failed[/red]: ", end="", soft_wrap=True)
        self._console.print(reason.splitlines()[0], markup=False, soft_wrap=True)

    def stop(self) -> None:
        """Take the bar away."""
        if self._live.is_started:
            self._live.update("", refresh=True)
            self._live.stop()

    def _left(self) -> float:
        """Reckon how long the jobs that are left take."""
        now = time.monotonic()
        passed = {name: now - self._began[name] for name in self._schedule.left if name in self._began}
        return self._estimate.total(self._schedule.left.values(), self._slots, passed)


def _last_line(log: Path) -> str:
    try:
        lines = log.read_bytes()[-2000:].decode("utf-8", "replace").strip().splitlines()
    except OSError:
        return ""
    return re.sub(r"\s+", " ", lines[-1]).replace("[", r"\[")[:60] if lines else ""


def counted(number: int, what: str) -> str:
    """Write a number of things.

    Example:
        >>> counted(1, "job"), counted(1200, "job")
        ('1 job', '1,200 jobs')
    """
    return f"{number:,} {what}{'s' * (number != 1)}"


def span(seconds: float) -> str:
    """Write a time for people.

    Example:
        >>> span(5.4), span(130), span(7500)
        ('5 s', '2 min', '2 h 05 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"


def print_plan(
    console: Console, plan: Plan, folder: StudyFolder, sizes: Mapping[str, CorpusSize], workers: int | None
) -> None:
    """Print the jobs that are left of a study, each with an estimate of its time, and all of them together."""
    schedule, estimate = Schedule(plan, folder), Estimate(plan, sizes, folder)
    slots = workers or workers_that_fit()
    table = Table(title=Text(plan.config.title), title_justify="left")
    for heading in ("kind", "method or teacher", "jobs", "each", "together"):
        table.add_column(heading, justify="left" if heading in ("kind", "method or teacher") else "right")
    groups: dict[tuple[str, str], list[Job]] = {}
    for job in schedule.left.values():
        groups.setdefault((job.kind, job.method if job.is_run else str(job.teacher)), []).append(job)
    for (kind, method), jobs in groups.items():
        each = [estimate.seconds(job) for job in jobs]
        table.add_row(kind, method, f"{len(jobs):,}", span(sum(each) / len(each)), span(sum(each)))
    for name, job in schedule.left.items():
        console.print(f"{name}  {span(estimate.seconds(job))}", markup=False, soft_wrap=True)
    if groups:
        console.print(table)
    counts = Counter(job.kind for job in schedule.left.values())
    said = ", ".join(counted(count, kind) for kind, count in counts.items())
    there = f"; {schedule.finished:,} of {len(plan.runs):,} runs are finished" if schedule.finished else ""
    console.print(f"{said or 'nothing is left to be done'}{there}", soft_wrap=True)
    seconds = sum(estimate.seconds(job) for job in schedule.left.values())
    by = (
        f"by {estimate.measured:,} finished runs"
        if estimate.measured
        else "from the arithmetic, within a factor of two"
    )
    whole = estimate.total(schedule.left.values(), slots)
    console.print(
        f"about {span(whole)} with {slots} at a time ({span(seconds)} of one core), reckoned {by}", soft_wrap=True
    )


def print_result(console: Console, result: StudyResult, out: Path) -> None:
    """Print what came of a study."""
    for name, reason in list(result.failed.items())[:SHOWN_FAILURES]:
        console.print(f"[red]failed[/red]: {name}", soft_wrap=True)
        console.print("\n".join(f"    {line}" for line in reason.splitlines()), markup=False, soft_wrap=True)
    more = len(result.failed) - SHOWN_FAILURES
    if more > 0:
        console.print(f"... and {more:,} more")
    if result.blocked:
        console.print(f"not begun, since what they need has failed: {counted(len(result.blocked), 'job')}")
    if result.failed:
        console.print(f"the reasons are under {out / 'failures'}; the same command tries again", soft_wrap=True)
    console.print(f"{result.finished:,} of {result.runs:,} runs are finished in {out}", soft_wrap=True)
