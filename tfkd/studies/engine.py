"""What runs the jobs of a study, several at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from tfkd.studies.job import Job


@dataclass(frozen=True)
class Outcome:
    """How a job has ended.

    Attributes:
        name: The job.
        status: The status of its process; 0 is done, a negative one the signal that killed it.
        reason: Why there was no process, or none any more.
    """

    name: str
    status: int
    reason: str = ""

    @property
    def was_killed(self) -> bool:
        """Whether the process was killed: it may go on where it was."""
        return self.status < 0


class Engine(ABC):
    """Runs jobs, each in a process of its own.

    Attributes:
        slots: How many at a time.
    """

    slots: int

    @abstractmethod
    def begin(self, job: Job) -> None:
        """Begin a job."""

    @abstractmethod
    def wait(self, seconds: float) -> list[Outcome]:
        """Return the jobs that have ended, after so many seconds at most."""

    @abstractmethod
    def stop(self) -> None:
        """End the jobs under way."""
