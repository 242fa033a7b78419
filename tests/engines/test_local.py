"""Jobs in this process."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from tests.commands import until
from tfkd.engines import LocalEngine, Outcome, check_engine, open_engine
from tfkd_base.errors import TfkdError


def test_one_worker_runs_jobs_in_order_in_the_calling_thread() -> None:
    made: list[str] = []

    def make_work():
        made.append("worker")
        return lambda payload: (payload / 2, threading.current_thread())

    with LocalEngine(make_work) as engine:
        assert engine.slots == 1
        assert engine.wait(1.0) == []
        for number in (4, 6):
            engine.submit(str(number), number)
        assert not made
        here = threading.current_thread()
        assert engine.wait(0.0) == [Outcome("4", (2.0, here))]
        assert engine.wait(0.0) == [Outcome("6", (3.0, here))]
        assert engine.wait(1.0) == []
    assert made == ["worker"]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_exception_ends_its_job_and_no_other(workers: int) -> None:
    with LocalEngine(lambda: lambda payload: 6 / payload, workers) as engine:
        for number in (3, 0, 2):
            engine.submit(str(number), number)
        ended: list[Outcome[float]] = []
        while outcomes := engine.wait(5.0):
            ended += outcomes
    by_name = {outcome.name: outcome for outcome in ended}
    assert {name: by_name[name].result for name in by_name} == {"3": 2.0, "0": None, "2": 3.0}
    assert isinstance(by_name["0"].error, ZeroDivisionError)
    assert by_name["3"].unwrap() == 2.0
    with pytest.raises(ZeroDivisionError):
        by_name["0"].unwrap()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_cannot_be_made_is_the_error_of_its_job(workers: int) -> None:
    def make_work():
        raise TfkdError("there is no such model")

    with LocalEngine(make_work, workers) as engine:
        engine.submit("job", 1)
        (outcome,) = engine.wait(5.0)
        with pytest.raises(TfkdError, match="no such model"):
            outcome.unwrap()


class Sleeper:
    """Starts a process that sleeps, and returns its exit status."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None

    def __call__(self, seconds: float) -> int:
        self.process = subprocess.Popen([sys.executable, "-S", "-c", f"import time; time.sleep({seconds})"])
        return self.process.wait()

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()


def test_several_workers_wait_for_processes_at_the_same_time_and_stopping_ends_them() -> None:
    sleepers: list[Sleeper] = []

    def make_work() -> Sleeper:
        sleepers.append(Sleeper())
        return sleepers[-1]

    engine = open_engine("local", make_work, default_workers=3)
    assert engine.slots == 3
    for name, seconds in (("short", 0), ("killed", 100), ("long", 100), ("never started", 100)):
        engine.submit(name, seconds)
    assert engine.wait(10.0) == [Outcome("short", 0)]
    assert engine.wait(0.0) == []

    def alive() -> list:
        return [sleeper for sleeper in sleepers if sleeper.process and sleeper.process.poll() is None]

    until(lambda: len(alive()) == 3, seconds=10)
    for sleeper in alive():
        if "100" in str(sleeper.process.args):
            sleeper.process.kill()
            break
    (outcome,) = engine.wait(10.0)
    assert outcome.result == -9
    began = time.monotonic()
    engine.stop()
    assert time.monotonic() - began < 10
    assert all(one.process.poll() is not None for one in sleepers)


def test_options_are_checked() -> None:
    with pytest.raises(TfkdError, match="there is no engine 'lokal': did you mean 'local'"):
        check_engine("lokal")
    with pytest.raises(TfkdError, match="workers belong to the engine ray"):
        check_engine("local", workers=2)
    check_engine("local", workers=2, default_workers=1)
    with pytest.raises(TfkdError, match="an address belongs to the engine ray"):
        check_engine("local", address="auto", default_workers=1)
    with pytest.raises(TfkdError, match="expected 1 worker or more, got 0"):
        check_engine("ray", workers=0)
    with pytest.raises(TfkdError, match="expected 1 worker or more, got 0"):
        LocalEngine(lambda: len, 0)
