"""Keeps the scores of finished runs as one table: a row for each run and task.

    python benchmarks/results/runs_table.py docs/results/distillation/runs.csv RUN...

adds the runs to the table, and replaces rows of the same run and task.
"""

import csv
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

SPLITS = ("devel", "test")
SCORES = ("precision", "recall", "f1", "entities")
COLUMNS = (
    "run",
    "task",
    *(f"{split} {score}" for split in SPLITS for score in SCORES),
    "parameters",
    "model_bytes",
    "words_per_second",
    "training_seconds",
    "best_epoch",
    "epochs",
)


def read_rows(table: Path) -> list[dict[str, str]]:
    """Read a table; an empty list if there is none."""
    if not table.is_file():
        return []
    with table.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_rows(table: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write a table, sorted by run and task."""
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda row: (str(row["run"]), str(row["task"]))))


def rows_of_run(run: Path) -> list[dict[str, object]]:
    """Read the scores of a finished run: one row for each of its tasks."""
    facts, history, scores = (json.loads((run / f"{name}.json").read_text()) for name in ("run", "history", "scores"))
    facts = {name: facts.get(name) for name in COLUMNS if name in facts}
    length = {"best_epoch": history["best_epoch"], "epochs": len(history["loss"])}
    return [
        {
            "run": run.name,
            "task": task,
            **{f"{split} {score}": splits[split]["micro"][score] for split in SPLITS for score in SCORES},
            **facts,
            **length,
        }
        for task, splits in scores.items()
    ]


def main(table: str, *runs: str) -> None:
    """Add runs to a table."""
    rows: dict[tuple[str, str], Mapping[str, object]] = {
        (row["run"], row["task"]): row for row in read_rows(Path(table))
    }
    for run in runs:
        rows |= {(str(row["run"]), str(row["task"])): row for row in rows_of_run(Path(run))}
    write_rows(Path(table), rows.values())


if __name__ == "__main__":
    main(*sys.argv[1:])
