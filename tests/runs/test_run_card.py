"""What a run tells the card of an exported model."""

from __future__ import annotations

import json
from pathlib import Path

from tfkd.config import parse_config
from tfkd.runs import RunFolder
from tfkd.runs.run_folder import run_card

CONFIG = """
kind: teacher
tasks: {gene: {path: /data/corpora/BC2GM-IOB}, disease: {path: 'demo:disease'}}
"""
STUDENT = """
kind: tagger
tasks: {disease: {path: 'demo:disease'}}
distillation: {teacher: [/runs/teacher-1, /runs/teacher-2]}
"""


def test_a_finished_run_tells_its_corpora_scores_and_configuration(tmp_path: Path) -> None:
    folder, config = RunFolder(tmp_path), parse_config(CONFIG)
    with folder.hold(config):
        folder.write_json("run.json", {"model_bytes": 12, "versions": {"keras": "3"}})
        assert run_card(tmp_path) == {}
        folder.finish({"gene": {"test": 1}, "disease": {"test": 2}})
    card = run_card(tmp_path)
    assert card["corpora"] == {"gene": "BC2GM-IOB", "disease": "demo:disease"}
    assert card["scores"] == {"gene": {"test": 1}, "disease": {"test": 2}}
    assert card["teachers"] == []
    assert card["sizes"] == {"model_bytes": 12}
    assert card["training_versions"] == {"keras": "3"}
    assert parse_config(json.dumps(card["configuration"])) == config
    some = run_card(tmp_path, ["disease"])
    assert (list(some["corpora"]), list(some["scores"])) == (["disease"], ["disease"])


def test_a_student_tells_its_teachers(tmp_path: Path) -> None:
    folder, config = RunFolder(tmp_path), parse_config(STUDENT)
    with folder.hold(config):
        folder.write_json("run.json", {"model_bytes": 12, "versions": {}})
        folder.finish({"disease": {"test": 2}})
    assert run_card(tmp_path)["teachers"] == ["teacher-1", "teacher-2"]


def test_what_is_no_finished_run_tells_nothing(tmp_path: Path) -> None:
    assert run_card(tmp_path) == run_card(tmp_path / "model.keras") == {}
