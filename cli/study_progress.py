"""Output of `tfkd study`: the plan, the progress, the result."""

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

from tfkd.studies import CorpusSize, Estimate, Job, JobQueue, Plan, StudyFolder, StudyProgress, StudyResult
from tfkd.studies.run import count_workers
from tfkd_base.progress import format_seconds
from tfkd_base.wording import count_of

SHOWN_FAILURES = 10


class StudyDisplay(StudyProgress):
    """Prints a line for each job that ends; on a terminal also a bar and the running jobs.

    Args:
        console: Console to print to.
        sizes: Sizes of the corpora, to estimate the remaining time.
    """

    def __init__(self, console: Console, sizes: Mapping[str, CorpusSize]) -> None:
        self._console = console
        self._sizes = sizes
        self._start_times: dict[str, float] = {}
        self._done = 0

    def start(self, plan: Plan, folder: StudyFolder, queue: JobQueue, slots: int) -> None:
        """Print what remains."""
        self._folder, self._queue, self._slots = folder, queue, slots
        self._estimate = Estimate(plan, self._sizes, folder)
        self._total = len(queue.remaining)
        finished = f" ({count_of(queue.finished, 'run')} finished before)" if queue.finished else ""
        self._console.print(
            f"{plan.config.title}: {count_of(self._total, 'job')}{finished}, {slots} at a time, about "
            f"{format_seconds(self._seconds_left())}",
            markup=False,
            soft_wrap=True,
        )
        print_held_out(self._console, self._sizes)
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

    def job_started(self, job: Job) -> None:
        """Record the time."""
        self._start_times[job.name] = time.monotonic()

    def tick(self, running: Mapping[str, Job]) -> None:
        """Draw the bar and the running jobs."""
        if not self._console.is_terminal:
            return
        table = Table.grid(padding=(0, 2))
        for name in running:
            seconds = time.monotonic() - self._start_times[name]
            line = Text(_last_line(self._folder.log(name)))
            table.add_row(Text(f"  {name}"), format_seconds(seconds), line)
        self._bar.update(self._task, completed=self._done, left=format_seconds(self._seconds_left()))
        self._live.update(Group(table, self._bar), refresh=True)

    def job_done(self, job: Job) -> None:
        """Print a line, with the score of a run."""
        self._done += 1
        seconds = time.monotonic() - self._start_times[job.name]
        score = ""
        if job.is_run and self._folder.is_finished(job.name):
            self._estimate.learn(job, self._folder.results.seconds(job.name))
            runs = self._folder.results.runs(job.name)
            score = f", F1 {100 * sum(run.test_f1 for run in runs) / len(runs):.1f}"
            if len(runs) > 1:
                score += f" on average over {len(runs)} tasks"
        elif not job.is_run:
            self._estimate.learn(job, seconds)
        self._console.print(f"  {job.name}: {format_seconds(seconds)}{score}", markup=False, soft_wrap=True)

    def job_restarted(self, job: Job, signal: int) -> None:
        """Print a line."""
        self._console.print(f"  {job.name}: killed by signal {signal}, resumes", markup=False, soft_wrap=True)

    def job_failed(self, job: Job, reason: str) -> None:
        """Print the first line of the reason."""
        self._done = self._total - len(self._queue.remaining)
        line = Text.assemble(f"  {job.name}: ", ("failed", "red"), f": {reason.splitlines()[0]}")
        self._console.print(line, soft_wrap=True)

    def stop(self) -> None:
        """Remove the bar."""
        if self._live.is_started:
            self._live.update("", refresh=True)
            self._live.stop()

    def _seconds_left(self) -> float:
        now, remaining = time.monotonic(), self._queue.remaining
        elapsed = {name: now - self._start_times[name] for name in remaining if name in self._start_times}
        return self._estimate.total(remaining.values(), self._slots, elapsed)


def _last_line(log: Path) -> str:
    try:
        lines = log.read_bytes()[-2000:].decode("utf-8", "replace").strip().splitlines()
    except OSError:
        return ""
    return re.sub(r"\s+", " ", lines[-1])[:60] if lines else ""


def print_plan(
    console: Console, plan: Plan, folder: StudyFolder, sizes: Mapping[str, CorpusSize], workers: int | None
) -> None:
    """Print the remaining jobs of a study, with an estimate of the time of each and of all."""
    queue, estimate = JobQueue(plan, folder), Estimate(plan, sizes, folder)
    slots = workers or count_workers()
    table = Table(title=Text(plan.config.title), title_justify="left")
    for heading in ("kind", "method or teacher", "jobs", "each", "together"):
        table.add_column(heading, justify="left" if heading in ("kind", "method or teacher") else "right")
    jobs = queue.remaining
    seconds = {name: estimate.seconds(job) for name, job in jobs.items()}
    groups: dict[tuple[str, str], list[float]] = {}
    for name, job in jobs.items():
        groups.setdefault((job.kind, job.method if job.is_run else str(job.teacher)), []).append(seconds[name])
        console.print(f"{name}  {format_seconds(seconds[name])}", markup=False, soft_wrap=True)
    for (kind, method), times in groups.items():
        table.add_row(
            kind, Text(method), f"{len(times):,}", format_seconds(sum(times) / len(times)), format_seconds(sum(times))
        )
    if groups:
        console.print(table)
    print_held_out(console, sizes)
    counts = Counter(job.kind for job in jobs.values())
    summary = ", ".join(count_of(number, kind) for kind, number in counts.items())
    finished = f"; {queue.finished:,} of {len(plan.runs):,} runs are finished" if queue.finished else ""
    console.print(f"{summary or 'nothing remains to be done'}{finished}", soft_wrap=True)
    basis = (
        f"from {estimate.measured:,} finished runs" if estimate.measured else "by arithmetic, within a factor of two"
    )
    total = estimate.total(jobs.values(), slots)
    console.print(
        f"about {format_seconds(total)} with {slots} at a time ({format_seconds(sum(seconds.values()))} of one core), "
        f"estimated {basis}",
        soft_wrap=True,
    )


def print_held_out(console: Console, sizes: Mapping[str, CorpusSize]) -> None:
    """Print how many training sentences of each corpus are also in its development or test set."""
    for name, size in sizes.items():
        if size.held_out:
            console.print(
                f"{name}: {count_of(size.held_out, 'training sentence')} of at least six tokens also in its "
                "development or test set; training.exclude_duplicates=false keeps them",
                markup=False,
                soft_wrap=True,
            )


def print_study_result(console: Console, result: StudyResult, out: Path) -> None:
    """Print the result of running a study."""
    for name, reason in list(result.failed.items())[:SHOWN_FAILURES]:
        console.print(Text.assemble(("failed", "red"), f": {name}"), soft_wrap=True)
        console.print("\n".join(f"    {line}" for line in reason.splitlines()), markup=False, soft_wrap=True)
    more = len(result.failed) - SHOWN_FAILURES
    if more > 0:
        console.print(f"... and {more:,} more")
    if result.blocked:
        console.print(f"not started, because a job that they need failed: {count_of(len(result.blocked), 'job')}")
    if result.failed:
        console.print(
            f"the reasons are in {out / 'failures'}; run the same command to try again", markup=False, soft_wrap=True
        )
    console.print(f"{result.finished:,} of {result.runs:,} runs are finished in {out}", markup=False, soft_wrap=True)
