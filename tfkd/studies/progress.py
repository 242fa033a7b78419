"""What happens in a study, for those who want to know."""

from __future__ import annotations

from collections.abc import Mapping

from tfkd.studies.engine import Outcome
from tfkd.studies.folder import StudyFolder
from tfkd.studies.job import Job
from tfkd.studies.plan import Plan
from tfkd.studies.schedule import Schedule


class StudyProgress:
    """Is told what happens, and does nothing about it; `tfkd study` shows it."""

    def start(self, plan: Plan, folder: StudyFolder, schedule: Schedule, slots: int) -> None:
        """Hear that the work begins."""

    def begin(self, job: Job) -> None:
        """Hear that a job begins."""

    def tick(self, running: Mapping[str, Job]) -> None:
        """Hear, about once a second, what runs."""

    def done(self, job: Job) -> None:
        """Hear that a job is done."""

    def again(self, job: Job, outcome: Outcome) -> None:
        """Hear that a job was killed and is begun again."""

    def fail(self, job: Job, reason: str) -> None:
        """Hear that a job has failed."""

    def stop(self) -> None:
        """Hear that the work ends, however it does."""
