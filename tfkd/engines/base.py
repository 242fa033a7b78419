"""The interface of engines: they run jobs, several at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

Work = Callable[[Any], Any]
"""Does a job: takes its payload, returns its result."""


@dataclass(frozen=True)
class Outcome:
    """How a job has ended.

    Attributes:
        name: The job.
        result: What the work returned; `None` if it failed.
        error: The exception that the work raised, or why the engine gave the job up; `None` if it succeeded.
    """

    name: str
    result: Any = None
    error: Exception | None = None


class Engine(ABC):
    """Runs jobs. Each worker is made once by `make_work`, which loads what all jobs need, such as a model.

    The payloads, the results and `make_work` can be pickled. Use an engine as a context manager, which stops it.

    Attributes:
        slots: How many jobs run at a time.
    """

    slots: int

    @abstractmethod
    def submit(self, name: str, payload: Any) -> None:
        """Start a job, or put it in line."""

    @abstractmethod
    def wait(self, seconds: float) -> list[Outcome]:
        """Return the jobs that have ended, after so many seconds at most; an empty list if none has."""

    @abstractmethod
    def stop(self) -> None:
        """End the jobs under way and free the workers."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
