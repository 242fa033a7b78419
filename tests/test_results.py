"""The tables of the results' pages are those that their script prints from the scores beside them."""

from __future__ import annotations

import csv
import re
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
import scipy.stats
import yaml

from tfkd.studies import open_study
from tfkd.studies.statistics import unpack_counts

ROOT = Path(__file__).resolve().parents[1]
STUDY = ROOT / "docs" / "results" / "study"
TABLE = re.compile(r"<!-- python (\S+) (\S+) -->\n(.*?)<!-- end -->", re.DOTALL)


def study_runs() -> list[dict[str, str]]:
    with (STUDY / "runs.csv").open(newline="", encoding="utf-8") as table:
        return list(csv.DictReader(table))


def study_table(section: str, caption: str) -> list[dict[str, str]]:
    """Read a table of the study's report: of a section, the one whose caption starts with some text."""
    report = (STUDY / "report.md").read_text("utf-8").replace("\\", "")
    text = report.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    lines = text.partition(f"\n{caption}")[2].split("\n\n")[1].splitlines()
    heading, _, *rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [dict(zip(heading, row, strict=True)) for row in rows]


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
    """From the table of runs, without the library: means over seeds, Wilcoxon's test, Holm's correction."""
    f1: dict[tuple[str, int, str], list[float]] = {}
    for run in study_runs():
        key = (run["method"], int(run["training_sentences"]), run["corpus"])
        f1.setdefault(key, []).append(100 * float(run["test_f1"]))
    study = yaml.safe_load((STUDY / "study.yaml").read_text("utf-8"))
    families = {
        (part["name"], family): (pairs, *(part.get("sentences") or study["sentences"]), part.get("corpora"))
        for part in study["parts"]
        for family, pairs in part["families"].items()
    }
    assert len(families) >= 8
    for (part, family), (pairs, size, corpora) in families.items():
        rows = study_table(part, f"{family}: Wilcoxon")
        assert [[row["method"], row["against"]] for row in rows] == pairs
        raw = []
        for row in rows:
            gains = [
                statistics.mean(f1[row["method"], size, corpus]) - statistics.mean(f1[row["against"], size, corpus])
                for corpus in corpora or study["corpora"]
            ]
            shown = row["mean gain"].split()[0].replace("−", "-")
            assert shown == f"{statistics.mean(gains):+.2f}"
            wins, losses = sum(gain > 0 for gain in gains), sum(gain < 0 for gain in gains)
            assert next(cell for name, cell in row.items() if name.startswith("wins")) == f"{wins} : 0 : {losses}"
            raw.append(scipy.stats.wilcoxon(gains).pvalue)
            assert row["p"] == f"{raw[-1]:.3g}"
        order, least = sorted(range(len(raw)), key=raw.__getitem__), 0.0
        for rank, index in enumerate(order):
            least = max(least, min(1.0, raw[index] * (len(raw) - rank)))
            assert rows[index]["Holm p"] == f"{least:.3g}"
            assert rows[index]["null hypothesis"] == ("rejected" if least <= 0.05 else "not rejected")


def test_the_report_of_the_study_is_of_all_its_runs():
    said = (STUDY / "report.md").read_text("utf-8")
    assert "are not finished" not in said
    assert "has failed" not in said
    made = [
        (
            run["corpus"],
            run["method"],
            run["seed"],
            f"{int(run['training_sentences']):,}",
            f"{100 * float(run['test_f1']):.2f}",
        )
        for run in study_runs()
    ]
    names = ("corpus", "method", "seed", "training sentences", "test F1")
    shown = [tuple(row[name] for name in names) for row in study_table("Runs", f"All {len(made)} runs")]
    assert sorted(shown) == sorted(made)
    for picture in re.findall(r"\]\((pictures/\S+)\)", said):
        assert (STUDY / picture).is_file()


def test_the_folder_of_the_study_is_one_that_tfkd_study_continues():
    folder, plan = open_study(STUDY)
    folder.check(plan)
    assert all(folder.is_finished(name) for name in plan.runs)
    name = next(iter(plan.runs))
    (run,) = folder.results.runs(name)
    right, wrong, missed = unpack_counts(run.sentence_counts).sum(axis=0)
    assert run.test_f1 == pytest.approx(2 * right / (2 * right + wrong + missed))
    assert folder.results.identity(name) is not None
