from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from tfkd.runs.report import results_table, write_run_report
from tfkd_base.errors import TfkdError


def make_run(folder, f1, words=100.0):
    folder.mkdir()
    score = {"micro": {"precision": 0.0, "recall": 0.0, "f1": f1, "entities": 5}}
    (folder / "scores.json").write_text(json.dumps({"gene": {"devel": score, "test": score}}))
    facts = {"parameters": 12_000, "model_bytes": 3_000_000, "words_per_second": words, "training_seconds": 7.0}
    (folder / "run.json").write_text(json.dumps({**facts, "warnings": ["a repaired corpus"], "versions": {}}))
    history = {"best_epoch": 1, "loss": [3.0, 2.0, 1.0], "val_f1": [0.1, 0.6, 0.5]}
    (folder / "history.json").write_text(json.dumps(history))
    return folder


def test_seeds_are_one_row_with_mean_and_deviation(tmp_path):
    runs = [make_run(tmp_path / f"alone-{seed}", f1) for seed, f1 in ((1, 0.70), (2, 0.72), (3, 0.77))]
    rows = results_table([*runs, make_run(tmp_path / "taught-1", 0.5)]).splitlines()[2:]
    # By hand: mean 73, deviation sqrt((9 + 1 + 16) / 2).
    assert rows[0] == "| alone | gene | 73.0 ± 3.6 | 70.0, 72.0, 77.0 | 12 k | 3.00 MB | 100 | 7 s |"
    assert rows[1].startswith("| taught | gene | 50.0 | 50.0 |")


def test_what_is_no_finished_run_is_refused(tmp_path):
    with pytest.raises(TfkdError, match="there is no run"):
        results_table([tmp_path / "nowhere"])


def test_the_report_has_the_table_the_curves_and_the_warnings(tmp_path):
    run = make_run(tmp_path / "alone-1", 0.70)
    page, curves = write_run_report([run], tmp_path / "report")
    text = page.read_text()
    assert results_table([run]) in text
    assert f"]({curves.name})" in text
    assert "- alone-1: a repaired corpus" in text
    root = ElementTree.fromstring(curves.read_text())
    assert root.tag.endswith("svg")
    with pytest.raises(TfkdError, match="there is no run"):
        write_run_report([tmp_path / "nowhere"], tmp_path / "other")
    assert not (tmp_path / "other").exists()
