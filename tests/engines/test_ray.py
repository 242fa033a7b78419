"""Jobs in processes of Ray, of which some are killed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tfkd.engines import Engine, Outcome, RayEngine
from tfkd_base.errors import TfkdError

pytestmark = pytest.mark.slow
pytest.importorskip("ray", reason="needs Ray: pip install 'tfkd[ray]'")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine[Callable[[], Any], Any]]:
    # Ray's own choice, 15, makes workers wait for all else that runs here.
    os.environ.setdefault("RAY_worker_niceness", "0")
    with RayEngine(lambda: lambda job: job(), workers=2) as started:
        yield started


def run(engine: Engine[Any, Any], jobs: dict[str, Callable[[], Any]]) -> dict[str, Outcome[Any]]:
    for name, job in jobs.items():
        engine.submit(name, job)
    ended: dict[str, Outcome[Any]] = {}
    while len(ended) < len(jobs):
        ended |= {outcome.name: outcome for outcome in engine.wait(60.0)}
    assert engine.wait(0.0) == []
    return ended


def test_the_mode_of_authentication_of_an_imported_ray_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # First of the tests, since it needs a process that is not connected to Ray.
    # Ray has read the mode: servers started with another mode would refuse this process.
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("0" * 64)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    with pytest.raises(TfkdError, match=r"there is no Ray cluster at 127\.0\.0\.1:1"):
        RayEngine(lambda: lambda job: job(), address="127.0.0.1:1")
    assert "RAY_AUTH_MODE" not in os.environ


def test_jobs_run_in_processes_of_their_own_in_the_same_folder(engine: Engine[Any, Any]) -> None:
    ended = run(engine, {str(number): lambda: (os.getpid(), os.getcwd()) for number in range(6)})
    processes, folders = zip(*(outcome.unwrap() for outcome in ended.values()), strict=True)
    assert os.getpid() not in processes
    assert set(folders) == {os.getcwd()}
    assert engine.slots == 2


def test_a_job_ends_with_a_result_a_status_or_an_error(engine: Engine[Any, Any]) -> None:
    status = f"import os, signal; os.kill(os.getpid(), {9})"

    def refuse() -> None:
        raise TfkdError("there is no such model")

    def fail() -> None:
        class LocalError(Exception):
            def __init__(self, one: str, two: str) -> None:
                super().__init__(one)
                self.lock = threading.Lock()

        raise LocalError("not", "picklable")

    ended = run(
        engine,
        {
            "killed": lambda: subprocess.run([sys.executable, "-S", "-c", status]).returncode,
            "refused": refuse,
            "failed": fail,
            "no result": lambda: threading.Lock(),
        },
    )
    assert ended["killed"] == Outcome("killed", -9)
    with pytest.raises(TfkdError, match=r"^there is no such model$"):
        ended["refused"].unwrap()
    with pytest.raises(RuntimeError, match="LocalError: not"):
        ended["failed"].unwrap()
    assert ended["no result"].error is not None


def test_a_job_whose_worker_dies_is_given_to_another_worker_three_times_at_most(
    engine: Engine[Any, Any], tmp_path: Path
) -> None:
    tries = tmp_path / "tries"

    def die_once() -> int:
        if not tries.exists():
            tries.write_text("1")
            os.kill(os.getpid(), 9)
        return 7

    def die() -> None:
        with (tmp_path / "deaths").open("a") as file:
            file.write("x")
        os.kill(os.getpid(), 9)

    ended = run(engine, {"once": die_once, "always": die, "other": lambda: 8})
    assert ended["once"] == Outcome("once", 7)
    assert ended["other"] == Outcome("other", 8)
    assert (tmp_path / "deaths").read_text() == "xxx"
    with pytest.raises(TfkdError, match="its worker died 3 times"):
        ended["always"].unwrap()
