"""Real processes of `tfkd train` and `tfkd distill` that are killed, stopped, doubled or out of disk, and go on."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests.commands import Forked
from tests.models.small import small_corpus
from tfkd_base.corpora import write_corpus

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")]

KILLS = 4
"""Of each of the two commands."""
SMALL = """
seed: 3
text: {word_units: 6, casing_units: 2, word_dropout: 0.2, characters: {kind: none}}
encoder: {units: 6, dropout: 0.4}
head: softmax
training: {epochs: 10, batch_size: 6, learning_rate: 0.02, checkpoint_steps: 1}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed")
    for name, seed in (("a", 0), ("b", 1)):
        write_corpus(small_corpus(name.upper(), seed, sentences=30), folder / name)
    tasks = "".join(f"  {name}: {{path: {folder}/{name}}}\n" for name in "ab")
    (folder / "teacher.yaml").write_text(f"kind: teacher\ntasks:\n{tasks}task_encoder: {{units: 4}}\n{SMALL}")
    (folder / "student.yaml").write_text(
        f"kind: tagger\ntasks: {{a: {{path: {folder}/a}}}}\n{SMALL}"
        "distillation: {losses: [{logits: {}}, {features: {weight: 5.0}}]}\n"
    )
    return folder


def finish(*arguments):
    process = Forked(*arguments)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    return output


def wait_for_checkpoint(process, run: Path, since: int = 0) -> bool:
    """Wait until the process has written a checkpoint of its own; tell whether it still runs."""
    while process.poll() is None:
        try:
            if (run / "checkpoint.npz").stat().st_mtime_ns > since:
                return True
        except FileNotFoundError:
            pass
        time.sleep(0.002)
    return False


def kill_again_and_again(run: Path, kills: int, *arguments) -> tuple[int, int]:
    """Kill runs of a command at random moments, every second one as soon as a write has begun after such a moment.

    Returns:
        How many kills there were, and how many during a write.
    """
    rng = random.Random(7)
    part = run / ".part-checkpoint.npz"
    killed = in_write = 0
    for number in range(kills):
        path = run / "checkpoint.npz"
        before = path.stat().st_mtime_ns if path.exists() else 0
        process = Forked(*arguments)
        if not wait_for_checkpoint(process, run, before):
            break
        time.sleep(rng.uniform(0, 0.15))
        while number % 2 and not part.exists() and process.poll() is None:
            time.sleep(0.0002)
        process.kill()
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        in_write += part.exists()
    return killed, in_write


def same_runs(one: Path, other: Path) -> None:
    from tfkd.runs import RunFolder

    for got, want in zip(RunFolder(one).model().weights, RunFolder(other).model().weights, strict=True):
        np.testing.assert_array_equal(got, want, err_msg=want.path)
    for name in ("history.json", "scores.json"):
        assert json.loads((one / name).read_text()) == json.loads((other / name).read_text())
    assert sorted(p.name for p in one.iterdir() if not p.name.startswith(".")) == [
        "config.yaml", "history.json", "model.keras", "run.json", "scores.json", "sentences.npz",
    ]  # fmt: skip


def test_killed_at_random_they_end_with_the_weights_of_runs_never_stopped(folder):
    finish("train", folder / "teacher.yaml", "--out", folder / "teacher")

    def compare(kind: str, *command: object) -> tuple[int, int]:
        never_stopped = folder / "teacher" if kind == "teacher" else folder / "student"
        if kind == "student":
            finish(*command, "--out", never_stopped)
        run = folder / f"{kind}-killed"
        counts = kill_again_and_again(run, KILLS, *command, "--out", run)
        assert "resumes from its checkpoint: epoch" in finish(*command, "--out", run)
        same_runs(run, never_stopped)
        return counts

    train = ("teacher", "train", folder / "teacher.yaml")
    distill = ("student", "distill", folder / "student.yaml", "--teacher", folder / "teacher")
    with ThreadPoolExecutor(2) as side_by_side:
        counts = [*side_by_side.map(lambda arguments: compare(*arguments), (train, distill))]
    assert [kills for kills, _ in counts] == [KILLS, KILLS]
    assert sum(in_writes for _, in_writes in counts) >= 1


def test_a_second_process_is_refused_and_an_interrupted_one_says_how_to_go_on(folder):
    run = folder / "interrupted"
    command = ("train", folder / "teacher.yaml", "--out", run)
    process = Forked(*command)
    assert wait_for_checkpoint(process, run)
    second = Forked(*command)
    said, _ = second.communicate(timeout=120)
    assert second.returncode == 2
    assert f"is in use by process {process.pid}" in said
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"tfkd: interrupted; the last checkpoint is kept in {run}: run the same command to resume" in said
    assert "Traceback" not in said

    other = Forked(*command, "--set", "training.learning_rate=0.03", "--set", "encoder.units=7")
    said, _ = other.communicate(timeout=120)
    assert other.returncode == 2
    assert "holds a run with other settings: encoder.units was 6 and is now 7, and 1 more" in said
    assert "--overwrite" in said


def test_a_full_disk_ends_with_a_message_and_a_good_checkpoint(folder):
    run = folder / "full"
    command = ("train", folder / "teacher.yaml", "--out", run)
    process = Forked(*command)
    assert wait_for_checkpoint(process, run)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 143, said
    assert said.endswith(
        f"tfkd: interrupted by SIGTERM; the last checkpoint is kept in {run}: run the same command to resume\n"
        f"  tfkd train {folder / 'teacher.yaml'} --out {run}\n"
    )
    good = (run / "checkpoint.npz").read_bytes()
    full = Forked(*command, largest_file=len(good) // 2)
    said, _ = full.communicate()
    assert full.returncode == 2, said
    assert "Traceback" not in said
    assert "run the same command to resume" in said
    assert (run / "checkpoint.npz").read_bytes() == good
    assert not (run / ".part-checkpoint.npz").exists()
    assert "resumes from its checkpoint" in finish(*command)
