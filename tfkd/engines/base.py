"""The interface of engines: they run jobs, several at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar, runtime_checkable

Payload = TypeVar("Payload")
Result = TypeVar("Result")

Work = Callable[[Payload], Result]
"""Does a job: takes its payload, returns its result."""

MakeWork = Callable[[], Work[Payload, Result]]
"""Makes a worker: loads what all of its jobs need, such as a model, and returns the work."""


@runtime_checkable
class Stoppable(Protocol):
    """Work that can end its job early. The engine calls `stop` from another thread when the engine is stopped."""

    def stop(self) -> None:
        """End the job under way, for example by terminating its process."""


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """How a job has ended.

    Attributes:
        name: The job.
        result: What the work returned; `None` if it failed.
        error: The exception that the work or `make_work` raised, or why the engine gave the job up; `None` if the job
            succeeded.
    """

    name: str
    result: Result | None = None
    error: Exception | None = None

    def unwrap(self) -> Result:
        """Return the result of a job that succeeded.

        Raises:
            Exception: The error of the job.
        """
        if self.error is not None:
            raise self.error
        return self.result  # type: ignore[return-value]


class Engine(ABC, Generic[Payload, Result]):
    """Runs jobs. Each worker is made once by `make_work`, before its first job.

    The payloads, the results and `make_work` can be pickled. Use an engine as a context manager, which stops it.

    Attributes:
        slots: How many jobs run at a time.
    """

    slots: int

    @abstractmethod
    def submit(self, name: str, payload: Payload) -> None:
        """Start a job, or put it in line."""

    @abstractmethod
    def wait(self, seconds: float) -> list[Outcome[Result]]:
        """Return the jobs that have ended, after at most this number of seconds; an empty list if none has.

        A job that raised an exception has an outcome, too.
        """

    @abstractmethod
    def stop(self) -> None:
        """End the jobs under way and free the workers."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
