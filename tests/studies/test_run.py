"""Studies of real processes: made, stopped, killed, broken, and gone on with."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import until
from tests.studies.processes import forked_jobs, jobs_of, said, scores, start, times
from tests.studies.tiny import TINY, TINY_RUNS, tiny_study
from tfkd.config import dump_config
from tfkd.runs import RunFolder
from tfkd.studies import Job, StudyFolder, StudyProgress, read_plan, run_study
from tfkd.studies.job import JobRunner
from tfkd_base.errors import TfkdError

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="processes are looked for in /proc"),
]
ALONE, TEACHER, TAUGHT = TINY_RUNS


class Told(StudyProgress):
    """Takes down what it is told."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.again_: list[str] = []

    def job_started(self, job: Job) -> None:
        self.begun.append(job.name)

    def job_restarted(self, job: Job, signal: int) -> None:
        self.again_.append(job.name)


def elsewhere(made, place: Path, *names: str) -> Path:
    """Copy the configuration and some scores of a study to another place, and nothing else."""
    place.mkdir()
    for file in ("study.yaml", "runs.csv", "details.npz"):
        shutil.copy(made.folder.path / file, place)
    for name in {*TINY_RUNS} - {*names}:
        forget(place, name)
    return place


def forget(folder: Path, name: str) -> None:
    """Remove the rows of a run from the table of results."""
    table = folder / "runs.csv"
    table.write_text("".join(line for line in table.open() if not line.startswith(f"{name},")))


def test_a_whole_study(never_stopped):
    folder, result = never_stopped.folder, never_stopped.result
    assert (result.runs, result.finished, result.failed, result.blocked) == (3, 3, {}, {})
    found = scores(folder.path)
    assert set(found) == {*TINY_RUNS}
    assert [(run.corpus, run.method) for run in found[TEACHER]] == [("a", "big teacher"), ("b", "big teacher")]
    for runs in found.values():
        for run in runs:
            assert 0 <= run.test_f1 <= 1
            assert run.training_sentences == 24
    assert max(run.test_f1 for run in found[TEACHER]) > 0.5
    # What is kept of a run is what its own folder says, and the logs tell how it went.
    for name in (ALONE, TAUGHT):
        (run,) = found[name]
        own = RunFolder(folder.work / "runs" / name).read_json("scores.json")
        assert run.test_f1 == own["a"]["test"]["micro"]["f1"]
        assert run.devel_f1 == own["a"]["devel"]["micro"]["f1"]
        log = (folder.work / "logs" / f"{name}.log").read_text()
        assert "epoch 12/12" in log
        assert "Could not find cuda drivers" not in log
    assert not (folder.path / "failures").exists()
    assert not (folder.path / "scores").exists()
    for place in (folder.path, folder.work, *(folder.work / "runs").iterdir()):
        assert {file.name for file in place.glob(".*")} <= {".lock"}


def test_what_is_wrong_is_said_before_anything_is_made(tmp_path):
    config = tiny_study(tmp_path)
    with pytest.raises(TfkdError, match=r"1,000 is more than the \d+ training sentences of [ab]"):
        run_study(read_plan(config, ["sentences=[1000]"]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_said_with_how_to_go_on(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "a.log")

    monkeypatch.setattr(JobRunner, "__call__", full)
    with pytest.raises(
        TfkdError, match=r"'a\.log': No space left on device\. Free some space; .*out keeps what is done: run the same"
    ):
        run_study(read_plan(tiny_study(tmp_path)), tmp_path / "out")


@pytest.fixture
def forked() -> Iterator[None]:
    """Fork the processes of jobs."""
    with forked_jobs():
        yield


@pytest.mark.usefixtures("forked")
def test_finished_runs_are_never_repeated(never_stopped, tmp_path):
    shutil.copytree(never_stopped.folder.path, tmp_path / "out")
    plan, told = read_plan(never_stopped.config), Told()
    before = times(tmp_path / "out")
    assert run_study(plan, tmp_path / "out", progress=told).finished == 3
    assert told.begun == []
    after = times(tmp_path / "out")
    changed = {name for name in before if after.get(name) != before[name]}
    assert {name for name in changed if ".lock" not in name} == {"study.yaml", "work/study.yaml"}
    # A run whose scores were lost and whose model is there is scored again, and not trained.
    forget(tmp_path / "out", ALONE)
    assert run_study(plan, tmp_path / "out", progress=told).finished == 3
    assert told.begun == [ALONE]
    assert scores(tmp_path / "out") == scores(never_stopped.folder.path)
    assert times(tmp_path / "out")[f"work/runs/{ALONE}/model.keras"] == before[f"work/runs/{ALONE}/model.keras"]
    assert StudyFolder(tmp_path / "out").results.seconds(ALONE) >= 0.5, "the time of its training, not of the reading"


def test_killed_and_interrupted_it_ends_with_the_scores_of_one_never_stopped(never_stopped, tmp_path):
    out = tmp_path / "out"
    config = tiny_study(tmp_path)
    command = (config, "--out", out, "--workers", "2")
    # Killed while two runs are under way.
    process = start(*command)
    until(lambda: all(said(out / "work" / "logs" / f"{name}.log").count("epoch ") > 1 for name in (ALONE, TEACHER)))
    with pytest.raises(TfkdError, match=rf"out is in use by process {process.pid}"):
        run_study(read_plan(config), out)
    second = start(*command)
    answer, _ = second.communicate(timeout=120)
    assert second.returncode == 2
    assert f"tfkd: {out} is in use by process {process.pid}: wait for it, or use another folder" in answer
    assert "Traceback" not in answer
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    until(lambda: not jobs_of(out), 60)
    assert TAUGHT not in scores(out)
    # Interrupted while the last run is under way.
    process = start(*command)
    until(lambda: said(out / "work" / "logs" / f"{TAUGHT}.log").count("epoch ") > 2)
    process.send_signal(signal.SIGINT)
    answer, _ = process.communicate(timeout=30)
    assert jobs_of(out) == {}
    assert process.returncode == 130
    assert f"tfkd: interrupted; {out} keeps what is done: run the same command to resume" in answer
    assert "Traceback" not in answer
    assert {*scores(out)} == {ALONE, TEACHER}
    finished = {name: StudyFolder(out).results.runs(name) for name in (ALONE, TEACHER)}
    # And gone on with.
    process = start(*command)
    answer, _ = process.communicate(timeout=300)
    assert process.returncode == 0, answer
    assert ": 1 job (2 runs finished before), 2 at a time" in answer
    assert "3 of 3 runs are finished" in answer
    assert "resumes from its checkpoint: epoch" in said(out / "work" / "logs" / f"{TAUGHT}.log")
    assert jobs_of(out) == {}
    assert scores(out) == scores(never_stopped.folder.path)
    assert {name: StudyFolder(out).results.runs(name) for name in finished} == finished, "not even their times"


def test_a_job_that_is_killed_goes_on(never_stopped, tmp_path):
    """By the system for want of memory, for example."""
    config, told, killed, over = tiny_study(tmp_path), Told(), [], threading.Event()
    out = tmp_path / "out"

    def kill() -> None:
        while not killed and not over.wait(0.01):
            if said(out / "work" / "logs" / f"{ALONE}.log").count("epoch ") > 2:
                killed.extend(pid for pid, name in jobs_of(out).items() if name == ALONE)
                for pid in killed:
                    os.kill(pid, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        only = "parts=[{name: P, corpora: [a], runs: [{distillation: [alone]}]}]"
        result = run_study(read_plan(config, [only]), out, progress=told)
    finally:
        over.set()
        thread.join()
    assert len(killed) == 1
    assert (told.again_, result.failed) == ([ALONE], {})
    assert scores(out) == {ALONE: scores(never_stopped.folder.path)[ALONE]}


@pytest.mark.usefixtures("forked")
def test_a_failed_run_stops_those_alone_that_need_it(never_stopped, tmp_path, call_tfkd):
    """A study that has grown by a student that cannot be, text that is empty, and a run that is as it should be."""
    out = tmp_path / "out"
    shutil.copytree(never_stopped.folder.path, out)
    (tmp_path / "empty.txt").write_text("\n")
    grown = TINY.replace(
        "parts:\n",
        "  broken: {distillation: {losses: [{features: {student_layer: nowhere}}]}}\n"
        f"  lost: {{distillation: {{}}, transfer: {{texts: ['{tmp_path}/empty.txt']}}}}\n"
        "parts:\n"
        "  - {name: More, corpora: [b], runs: [{distillation: [alone]}]}\n",
    )
    root = f"corpora_root={never_stopped.config.parent}"
    (tmp_path / "grown.yaml").write_text(grown)
    command = (tmp_path / "grown.yaml", "--out", out, "--workers", "2", "--set", root)
    done = call_tfkd("study", *command)
    answer = done.stdout + done.stderr
    assert done.returncode == 3, answer
    assert "Traceback" not in answer
    broken = "a.small.broken.big.24.1"
    failures = StudyFolder(out).failures()
    (cache,) = set(failures) - {broken}
    assert "has no layer 'nowhere'" in failures[broken]
    assert cache.startswith("cache.big.a.24.1.")
    assert (
        (out / "work" / "logs" / f"{cache}.log")
        .read_text()
        .endswith(f"tfkd: {tmp_path}/empty.txt is empty: expected text with one document per line.\n")
    )
    assert failures[cache] == "empty.txt is empty: expected text with one document per line."
    assert f"failed: {broken}\n" in answer
    assert "has no layer 'nowhere'" in answer
    assert "not started, because a job that they need failed: 1 job" in answer
    assert "4 of 6 runs are finished" in answer
    assert "b.small.alone.24.1" in scores(out)
    assert f"Student {broken} failed" in (out / "report.md").read_text().replace("\\", "")
    # With the mistake mended the same folder goes on with it.
    settings = [
        "distillation.broken.distillation={losses: [{features: {}}]}",
        "parts=[{name: Main, corpora: [a], runs: [{distillation: [alone, logits, broken]}]}]",
    ]
    result = run_study(read_plan(tmp_path / "grown.yaml", [root, *settings]), out)
    assert (result.finished, result.runs, result.failed) == (4, 4, {})
    assert set(StudyFolder(out).failures()) == {cache}


@pytest.mark.usefixtures("forked")
def test_from_scores_alone_it_goes_on_elsewhere_and_keeps_no_models(never_stopped, tmp_path):
    """The teacher's scores are there and stay as they are; its model is made again, since a student needs it."""
    out, work = elsewhere(never_stopped, tmp_path / "out", ALONE, TEACHER), tmp_path / "work"
    plan = read_plan(out / "study.yaml", [f"corpora_root={never_stopped.config.parent}"])
    folder, told = StudyFolder(out, work), Told()
    before = {name: folder.results.runs(name) for name in (ALONE, TEACHER)}
    # What another configuration has begun there is not gone on with.
    stale = RunFolder(folder.place(plan.jobs[TEACHER]))
    stale.path.mkdir(parents=True)
    stale.write_text("config.yaml", dump_config(plan.jobs[TEACHER].config.model_copy(update={"seed": 99})))
    stale.write_text("checkpoint.npz", "of another run")
    cache = plan.jobs[TAUGHT].needs[0]
    folder.place(plan.jobs[cache]).mkdir(parents=True)
    (folder.place(plan.jobs[cache]) / "complete").write_text("of another teacher")
    result = run_study(plan, out, work=work, keep=False, progress=told)
    assert (result.finished, result.failed) == (3, {})
    assert told.begun == [TEACHER, cache, TAUGHT]
    assert {name: folder.results.runs(name) for name in before} == before
    assert scores(out) == scores(never_stopped.folder.path)
    assert not (out / "work").exists()
    assert not [*(work / "runs").iterdir(), *(work / "caches").iterdir()]
    assert len(list((work / "logs").iterdir())) == 3


@pytest.mark.usefixtures("forked")
def test_what_a_failed_run_will_need_again_is_kept(never_stopped, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(never_stopped.folder.path, out)
    plan = read_plan(
        never_stopped.config,
        ["distillation.broken={distillation: {losses: [{logits: {}}, {features: {student_layer: nowhere}}]}}"],
    )
    result = run_study(plan, out, keep=False)
    assert set(result.failed) == {"a.small.broken.big.24.1"}
    (cache,) = plan.jobs["a.small.broken.big.24.1"].needs
    assert (out / "work" / "caches" / cache / "complete").is_file()
    assert not (out / "work" / "runs" / ALONE).exists()
    assert not (out / "work" / "runs" / TEACHER).exists(), "the cache is whole, and nothing else needs it"
