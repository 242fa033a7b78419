"""Prints the tables of study.md from those of the study's report.

python benchmarks/results/study_tables.py methods|comparisons
"""

import re
import sys
from pathlib import Path

REPORT = Path(__file__).resolve().parents[2] / "docs" / "results" / "study" / "report.md"


def read_tables(report: str) -> dict[tuple[str, str], list[dict[str, str]]]:
    """Return the rows of each table of a report, under its section and the start of its caption."""
    tables = {}
    for section in re.split(r"^## ", report, flags=re.MULTILINE)[1:]:
        title, _, text = section.partition("\n")
        for caption, table in re.findall(r"^(.+):\n\n((?:\|.*\n)+)", text, re.MULTILINE):
            heading, _, *rows = [
                [cell.replace("\\", "").strip() for cell in line.strip("|\n").split(" | ")]
                for line in table.splitlines()
            ]
            tables[title, caption] = [dict(zip(heading, row, strict=True)) for row in rows]
    return tables


def print_methods(tables: dict[tuple[str, str], list[dict[str, str]]]) -> None:
    """Print the scores of each method of the first part, over all of its corpora."""
    first = next(title for title, caption in tables if caption.startswith("F1 on test"))
    by_start = {caption.split()[0]: rows for (title, caption), rows in tables.items() if title == first}
    gains = {row["method"]: row["mean"] for row in by_start["Gain"]}
    print("| method | mean F1 | gain | rank |\n|---|--:|--:|--:|")
    for row in by_start["F1"]:
        rank = "" if row["rank"] == "–" else row["rank"]
        print(f"| {row['method']} | {row['mean']} | {gains.get(row['method'], '')} | {rank} |")


def print_comparisons(tables: dict[tuple[str, str], list[dict[str, str]]]) -> None:
    """Print the comparisons that were named, with their corrected p."""
    print("| family | method | against | higher on | mean gain (95 %) | Holm p | null hypothesis |")
    print("|---|---|---|--:|--:|--:|---|")
    for (_, caption), rows in tables.items():
        family, found, _ = caption.partition(": Wilcoxon's signed-rank test")
        for row in rows if found else ():
            wins = next(cell for name, cell in row.items() if name.startswith("wins")).split(" : ")[0]
            cells = [family, row["method"], row["against"], f"{wins} of {row['corpora']}", row["mean gain"]]
            print("| " + " | ".join([*cells, row["Holm p"], row["null hypothesis"]]) + " |")


if __name__ == "__main__":
    printers = {"methods": print_methods, "comparisons": print_comparisons}
    printers[sys.argv[1]](read_tables(REPORT.read_text("utf-8")))
