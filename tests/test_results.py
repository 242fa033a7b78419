"""The tables of the results' pages are those that their script prints from the scores beside them."""

from __future__ import annotations

import csv
import json
import re
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import scipy.stats
import yaml

from tfkd.studies.report.document import file_name

ROOT = Path(__file__).resolve().parents[1]
STUDY = ROOT / "docs" / "results" / "study"
TABLE = re.compile(r"<!-- python (\S+) (\S+) -->\n(.*?)<!-- end -->", re.DOTALL)


def study_runs() -> list[dict[str, Any]]:
    return [run for file in (STUDY / "scores").glob("*.json") for run in json.loads(file.read_text("utf-8"))["runs"]]


def study_table(name: str) -> list[dict[str, str]]:
    with (STUDY / "tables" / f"{name}.csv").open(newline="", encoding="utf-8") as table:
        return list(csv.DictReader(table))


def test_the_tables_are_made_of_the_runs_scores():
    found = [
        match for page in (ROOT / "docs" / "results").glob("*.md") for match in TABLE.findall(page.read_text("utf-8"))
    ]
    assert "distillation" in [name for _, name, _ in found]
    for script, name, shown in found:
        table = subprocess.run([sys.executable, ROOT / script, name], capture_output=True, text=True, check=True).stdout
        assert shown.strip() == table.strip(), name
        assert table.count("|") >= 12


def test_the_comparisons_of_the_study_are_of_its_scores():
    """By hand from the files of scores: means over seeds, Wilcoxon's test over corpora, Holm's correction."""
    f1: dict[tuple[str, int, str], list[float]] = {}
    for run in study_runs():
        f1.setdefault((run["method"], run["training_sentences"], run["corpus"]), []).append(100 * run["test_f1"])
    study = yaml.safe_load((STUDY / "study.yaml").read_text("utf-8"))
    families = {
        (part["name"], family): (pairs, *(part.get("sentences") or study["sentences"]), part.get("corpora"))
        for part in study["parts"]
        for family, pairs in part["families"].items()
    }
    assert len(families) >= 8
    for (part, family), (pairs, size, corpora) in families.items():
        rows = study_table(f"{file_name(part)}-{file_name(family)}")
        assert [[row["method"], row["against"]] for row in rows] == pairs
        raw = []
        for row in rows:
            gains = [
                statistics.mean(f1[row["method"], size, corpus]) - statistics.mean(f1[row["against"], size, corpus])
                for corpus in corpora or study["corpora"]
            ]
            assert float(row["mean gain"]) == pytest.approx(statistics.mean(gains))
            assert int(row["wins"]) == sum(gain > 0 for gain in gains)
            raw.append(scipy.stats.wilcoxon(gains).pvalue)
            assert float(row["p"]) == pytest.approx(raw[-1])
        order, least = sorted(range(len(raw)), key=raw.__getitem__), 0.0
        for rank, index in enumerate(order):
            least = max(least, min(1.0, raw[index] * (len(raw) - rank)))
            assert float(rows[index]["Holm p"]) == pytest.approx(least)


def test_the_report_of_the_study_is_of_all_its_runs():
    said = (STUDY / "report.md").read_text("utf-8")
    assert "are not finished" not in said
    assert "has failed" not in said
    shown = {(row["corpus"], row["method"], row["seed"], row["training sentences"]) for row in study_table("runs")}
    made = {(run["corpus"], run["method"], str(run["seed"]), str(run["training_sentences"])) for run in study_runs()}
    assert shown == made
