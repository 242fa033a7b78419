"""What is to be done of a study, and in which order."""

from __future__ import annotations

from tfkd.studies.folder import StudyFolder
from tfkd.studies.job import Job
from tfkd.studies.plan import Plan
from tfkd.studies.process import has_model


class Schedule:
    """The jobs that are left, given out as soon as what they need is there.

    Runs whose scores are there are left out, and so are teachers and caches that nothing left needs.

    Args:
        plan: The study.
        folder: Its folder.

    Attributes:
        left: The jobs that are not done, those under way among them, in their order.
        finished: How many runs had their scores before this began.
        failed: The jobs that have failed.
        blocked: The jobs that cannot be done, each with the failed one that it needs.
    """

    def __init__(self, plan: Plan, folder: StudyFolder) -> None:
        self._plan = plan
        needed = {name for name in plan.runs if not folder.is_finished(name)}
        self.finished = len(plan.runs) - len(needed)
        for name in reversed(plan.jobs):  # what a job needs stands before it
            if name in needed:
                needs = [plan.jobs[each] for each in plan.jobs[name].needs]
                needed |= {job.name for job in needs if not has_model(folder, plan, job)}
        self.left = {name: job for name, job in plan.jobs.items() if name in needed}
        self._begun: set[str] = set()
        self.failed: list[str] = []
        self.blocked: dict[str, str] = {}

    def next(self) -> Job | None:
        """Give out the first job that can be begun; nothing if there is none for now."""
        for name, job in self.left.items():
            if name not in self._begun and not any(need in self.left for need in job.needs):
                self._begun.add(name)
                return job
        return None

    def done(self, name: str) -> None:
        """Take down that a job is done."""
        del self.left[name]

    def fail(self, name: str) -> None:
        """Take down that a job has failed; those that need it will not be begun."""
        self.failed.append(name)
        lost = {name}
        for other, job in list(self.left.items()):
            if lost.intersection(job.needs):
                lost.add(other)
                self.blocked[other] = name
        for each in lost:
            self.left.pop(each, None)

    def is_needed(self, name: str) -> bool:
        """Tell whether a job that is left, or will be tried again another time, needs the model or cache of another."""
        others = (*self.left, *self.failed, *self.blocked)
        return any(name in self._plan.jobs[other].needs for other in others)
