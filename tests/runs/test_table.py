from __future__ import annotations

import json

import pytest

from tfkd.runs.table import results_table
from tfkd_base.errors import TfkdError


def make_run(folder, f1, words=100.0):
    folder.mkdir()
    score = {"micro": {"precision": 0.0, "recall": 0.0, "f1": f1, "entities": 5}}
    (folder / "scores.json").write_text(json.dumps({"gene": {"devel": score, "test": score}}))
    facts = {"parameters": 12_000, "model_bytes": 3_000_000, "words_per_second": words, "training_seconds": 7.0}
    (folder / "run.json").write_text(json.dumps({**facts, "versions": {}}))
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
