"""`tfkd demo`, whole, in a process of its own."""

from __future__ import annotations

import json
import re

import pytest


@pytest.mark.slow
def test_the_whole_demonstration(run_tfkd, call_tfkd, tmp_path):
    """With fewer epochs than its own. Reason for the time: seven trainings and three exports."""
    shorter = ("--set", "training.epochs=12")
    answer = run_tfkd("demo", "--out", "demo", "--seed", "2", *shorter, cwd=tmp_path, timeout=1500)
    assert answer.returncode == 0, answer.stderr
    out = answer.stdout
    # The bundled model comes first.
    assert out.index("Disease: chronic myeloid leukemia") < out.index("Multi-task teacher")
    # The table holds what the runs hold.
    for row, runs in (("teacher", ["teacher"] * 3), ("student alone", "alone"), ("student distilled", "distilled")):
        line = next(line for line in out.splitlines() if line.strip().startswith(row + " "))
        shown = [float(f) for f in re.findall(r"\b\d+\.\d\b(?! MB)", line)][:4]
        tasks = ("disease", "chemical", "gene")
        folders = runs if isinstance(runs, list) else [f"{task}-{runs}" for task in tasks]
        scores = [
            100
            * json.loads((tmp_path / "demo" / "runs" / run / "scores.json").read_text())[task]["test"]["micro"]["f1"]
            for run, task in zip(folders, tasks, strict=True)
        ]
        assert shown == pytest.approx([*scores, sum(scores) / 3], abs=0.051)
        if row == "student alone":
            assert all(50 < f1 < 85 for f1 in scores)
    assert "[Gene]" in out or "[Disease]" in out or "[Chemical]" in out
    assert "Next steps:" in out
    for task in ("disease", "chemical", "gene"):
        assert (tmp_path / "demo" / "savedmodels" / task / "1" / "saved_model.pb").is_file()
    # The commands that it names work.
    command = next(line for line in out.splitlines() if "tfkd evaluate" in line).split()
    assert call_tfkd(*command[1:], cwd=tmp_path).returncode == 0


def test_a_folder_with_other_files_is_not_touched(call_tfkd, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    answer = call_tfkd("demo", "--out", str(tmp_path))
    assert answer.returncode == 2
    assert "holds other files than a demonstration" in answer.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_wrong_setting_is_refused_before_anything_is_written(call_tfkd, tmp_path):
    answer = call_tfkd("demo", "--out", "demo", "--set", "training.epoch=1", cwd=tmp_path)
    assert answer.returncode == 2
    assert "did you mean 'epochs'" in " ".join(answer.stderr.split())
    assert not (tmp_path / "demo").exists()
