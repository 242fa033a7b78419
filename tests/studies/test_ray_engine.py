"""The same study on Ray: two workers, of which one is killed in the middle of a job."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import until
from tests.studies.processes import jobs_of, said, scores
from tests.studies.tiny import TINY_RUNS, tiny_study
from tfkd.studies import read_plan, run_study
from tfkd_base.errors import TfkdError
from tfkd_base.resumable import is_held

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="processes are looked for in /proc"),
]
ray = pytest.importorskip("ray", reason="needs Ray: pip install 'tfkd[ray]'")
ALONE, TEACHER, TAUGHT = TINY_RUNS


@pytest.fixture
def cluster() -> Iterator[None]:
    # Ray's own choice, 15, makes workers wait for all else that runs here.
    os.environ.setdefault("RAY_worker_niceness", "0")
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100 << 20)
    yield
    ray.shutdown()


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])


def kill_the_worker_of(job: str, out: Path, killed: list[tuple[int, int]], over: threading.Event) -> None:
    """Wait until a job is under way, and kill the Ray worker that waits for its process."""
    while not killed and not over.wait(0.01):
        if said(out / "work" / "logs" / f"{job}.log").count("epoch ") > 2:
            for pid in [pid for pid, name in jobs_of(out).items() if name == job]:
                killed.append((parent_of(pid), pid))
                os.kill(killed[0][0], signal.SIGKILL)


@pytest.mark.usefixtures("cluster")
def test_two_workers_and_one_killed_give_what_one_machine_gives(never_stopped, tmp_path: Path) -> None:
    config, out, killed, over = tiny_study(tmp_path), tmp_path / "out", [], threading.Event()
    thread = threading.Thread(target=kill_the_worker_of, args=(TEACHER, out, killed, over))
    thread.start()
    try:
        result = run_study(read_plan(config), out, engine="ray", workers=2)
    finally:
        over.set()
        thread.join()
    assert len(killed) == 1
    worker, process = killed[0]
    assert worker not in (os.getpid(), process)
    until(lambda: not jobs_of(out), 20)
    assert (result.finished, result.failed, result.blocked) == (3, {}, {})
    assert "resumes from its checkpoint: epoch" in said(out / "work" / "logs" / f"{TEACHER}.log")
    assert scores(out) == scores(never_stopped.folder.path)


def test_a_cluster_that_is_not_there(tmp_path: Path) -> None:
    # Not `auto`, which would find a cluster of another test.
    with pytest.raises(TfkdError, match=r"there is no Ray cluster at 127\.0\.0\.1:1"):
        run_study(read_plan("demo-study"), tmp_path / "out", engine="ray", address="127.0.0.1:1")
    assert not is_held(tmp_path / "out")
