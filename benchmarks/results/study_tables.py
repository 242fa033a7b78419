"""Prints the tables of study.md from those of the study's report.

python benchmarks/results/study_tables.py methods|comparisons
"""

import csv
import sys
from pathlib import Path

import yaml

from tfkd.studies.report.document import file_name

STUDY = Path(__file__).resolve().parents[2] / "docs" / "results" / "study"


def read(part: str, table: str) -> list[dict[str, str]]:
    """Read a table of a part of the report."""
    with (STUDY / "tables" / f"{file_name(part)}-{file_name(table)}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def points(value: str) -> str:
    """Write a gain in points."""
    return f"{float(value):+.2f}".replace("-", "−")


def probability(value: str) -> str:
    """Write a p, shortly."""
    return f"{float(value):.2g}"


def methods(parts: list[dict]) -> None:
    """Print what each method of the first part scores, over all of its corpora."""
    part = parts[0]["name"]
    gains = {row["method"]: row["mean"] for row in read(part, "gains")}
    print("| method | mean F1 | gain | rank |\n|---|--:|--:|--:|")
    for row in read(part, "scores"):
        gain = points(gains[row["method"]]) if row["method"] in gains else ""
        rank = f"{float(row['rank']):.2f}" if row["rank"] else ""
        print(f"| {row['method']} | {float(row['mean']):.1f} | {gain} | {rank} |")


def comparisons(parts: list[dict]) -> None:
    """Print the comparisons that were named, with their corrected p."""
    print("| family | method | against | higher on | mean gain (95 %) | Holm p | null hypothesis |")
    print("|---|---|---|--:|--:|--:|---|")
    for part in parts:
        for family in part["families"]:
            for row in read(part["name"], family):
                cells = [family, row["method"], row["against"], f"{row['wins']} of {row['corpora']}"]
                interval = f"({points(row['mean gain low'])} to {points(row['mean gain high'])})"
                cells += [f"{points(row['mean gain'])} {interval}", probability(row["Holm p"]), row["null hypothesis"]]
                print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    {"methods": methods, "comparisons": comparisons}[sys.argv[1]](
        yaml.safe_load((STUDY / "study.yaml").read_text("utf-8"))["parts"]
    )
