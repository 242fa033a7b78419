"""The same work on Ray Data: two workers, of which one is killed in the middle of a block."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.annotate.conftest import StoppedError, lines, stop_after
from tests.commands import until
from tfkd.annotate import AnnotationOptions, AnnotationOutput, EngineOptions, annotate_files
from tfkd.engines import RayEngine

pytestmark = pytest.mark.slow
ray = pytest.importorskip("ray", reason="needs Ray: pip install 'tfkd[ray]'")
BLOCK = 4000
COMMAND = [sys.executable, "-m", "ray.scripts.scripts"]


@pytest.fixture(scope="module")
def ray_here() -> Iterator[None]:
    # Ray's own choice, 15, makes workers wait for all else that runs here.
    os.environ.setdefault("RAY_worker_niceness", "0")
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100 << 20)
    yield
    ray.shutdown()


def test_a_cluster_is_found_by_its_address(
    model: str,
    tmp_path: Path,
    call_tfkd: Callable[..., subprocess.CompletedProcess[str]],
    run_tfkd: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    source = tmp_path / "in.txt"
    source.write_text(lines(40), encoding="utf-8")
    here, there, port = tmp_path / "here.jsonl", tmp_path / "there.jsonl", free_port()
    assert call_tfkd("annotate", model, source, "--out", here).returncode == 0
    address = f"127.0.0.1:{port}"
    ask = ("annotate", model, source, "--out", there, "--engine", "ray", "--address", address)
    refused = call_tfkd(*ask)
    assert refused.returncode == 2
    assert f"there is no Ray cluster at {address}" in refused.stderr
    assert "Traceback" not in refused.stderr
    # In a process of its own: Ray remembers the address of a machine that it was started on before.
    with running_cluster(port):
        done = run_tfkd(*ask)
        # Without an address Ray is started, though there is a cluster on this machine.
        with RayEngine(lambda: lambda job: job(), workers=1) as engine:
            assert engine.slots == 1
    assert done.returncode == 0, done.stderr
    assert there.read_bytes() == here.read_bytes()


@contextmanager
def running_cluster(port: int) -> Iterator[None]:
    """Run a cluster of this machine, and stop it alone: `ray stop` would stop those of other tests too."""
    options = ["--head", "--block", f"--port={port}", "--node-ip-address=127.0.0.1", "--include-dashboard=false"]
    options += ["--num-cpus=2", f"--object-store-memory={100 << 20}"]
    settings = os.environ | {"RAY_worker_niceness": "0", "RAY_USAGE_STATS_ENABLED": "0"}
    with tempfile.TemporaryFile() as output:
        cluster = subprocess.Popen([*COMMAND, "start", *options], stdout=output, stderr=output, env=settings)
        try:
            until(
                lambda: b"Ray runtime started" in os.pread(output.fileno(), 1 << 20, 0) or cluster.poll() is not None,
                120,
            )
            assert cluster.poll() is None, os.pread(output.fileno(), 1 << 20, 0).decode()
            yield
        finally:
            cluster.terminate()
            cluster.wait(60)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def kill_one(out: AnnotationOutput, killed: list[int], over: threading.Event) -> None:
    """Wait until a process is at work on a block, and kill it."""
    while not killed and not over.wait(0.002):
        for attempt in out.work.glob(".attempt-*"):
            killed.append(int(attempt.name.split("-")[1]))
            os.kill(killed[0], signal.SIGKILL)
            return


@pytest.mark.usefixtures("ray_here")
def test_the_blocks_of_one_file_are_shared_and_told_of_as_they_are_done(model: str, tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    source.write_text(lines(900), encoding="utf-8")
    out, workers, over = AnnotationOutput(tmp_path / "out.jsonl", "jsonl"), set[str](), threading.Event()

    def watch() -> None:
        while not over.wait(0.001):
            workers.update(path.name.split("-")[1] for path in out.work.glob(".attempt-*"))

    there: list[int] = []  # parts that are whole each time that progress is told
    thread = threading.Thread(target=watch)
    thread.start()
    try:
        done = annotate_files(
            AnnotationOptions(models=(model,)),
            [source],
            out,
            engine=EngineOptions("ray", workers=2, block_bytes=BLOCK),
            on_progress=lambda _: there.append(len(list(out.work.glob("report-*")))),
        )
    finally:
        over.set()
        thread.join()
    assert done.blocks > 10
    assert len(workers) == 2
    assert there[0] < done.blocks / 2


@pytest.mark.usefixtures("ray_here")
def test_two_workers_and_one_killed_give_what_one_process_gives(model: str, tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for number in range(3):
        (source / f"{number}.txt").write_text(lines(150, seed=number), encoding="utf-8")
    (source / "4.jsonl").write_text('{"text": "cancer"}\n{"text": 7}\n')
    options = AnnotationOptions(models=(model,))
    unbroken = AnnotationOutput(tmp_path / "unbroken.jsonl", "jsonl")
    expected = annotate_files(options, [source], unbroken, engine=EngineOptions(block_bytes=BLOCK))
    out, killed, told = AnnotationOutput(tmp_path / "out.jsonl", "jsonl"), [], []
    with pytest.raises(StoppedError):
        annotate_files(options, [source], out, engine=EngineOptions(block_bytes=BLOCK), on_progress=stop_after(2))
    over = threading.Event()
    thread = threading.Thread(target=kill_one, args=(out, killed, over))
    thread.start()
    engine = EngineOptions("ray", workers=2, block_bytes=BLOCK)
    try:
        done = annotate_files(options, [source], out, engine=engine, on_broken=told.append)
    finally:
        over.set()
        thread.join()
    assert killed
    assert killed[0] != os.getpid()
    assert (done.blocks, done.resumed_blocks) == (expected.blocks, 2)
    assert done.report == expected.report
    assert out.path.read_bytes() == unbroken.path.read_bytes()
    assert out.errors.read_bytes() == unbroken.errors.read_bytes()
    assert len(told) == 1
    assert not out.work.exists()
