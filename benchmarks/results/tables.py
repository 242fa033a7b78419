"""Prints the tables of docs/results from the tables of runs beside the pages.

    python benchmarks/results/tables.py TABLE [devel|test]

A row for each kind of run: the mean entity F1 over its seeds, the standard deviation (n - 1), the number of seeds, and
the mean gain over the first row between runs of the same seed.
"""

import re
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runs_table import read_rows

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results"
TAUGHT = {"ncbi-disease": "NCBI-disease", "bc5cdr-chem": "BC5CDR-chem", "linnaeus": "linnaeus"}
"""The corpora that have students, by the first part of their runs' names."""
ALL = ("NCBI-disease", "BC5CDR-disease", "BC5CDR-chem", "BC2GM", "linnaeus", "AnatEM")

Values = dict[int, float]
"""F1 by seed."""


@dataclass(frozen=True)
class Table:
    """Content of a table.

    Attributes:
        heading: Heading of the first column.
        corpora: The other columns.
        folders: Folders of docs/results with the tables of runs.
        rows: Label of each row, by the kind of run: the run's name without corpus and seed.
        mean: Whether a last column has the mean over the corpora.
    """

    heading: str
    corpora: Sequence[str]
    folders: Sequence[str]
    rows: Mapping[str, str]
    mean: bool = False


DISTILLATION = {
    "alone": "student alone",
    "logits": "logits",
    "shared": "features: shared layer",
    "own": "features: task's layer",
    "both": "features: both layers",
    "logits-shared": "logits, shared layer",
    "logits-both": "logits, both layers",
    "paths": "top-4 paths",
    "crf-emissions": "CRF teacher: emissions",
    "crf-posteriors": "CRF teacher: posteriors",
    "crf-paths": "CRF teacher: top-4 paths",
    "three-logits": "three teachers: logits",
    "regression": "logits, mean squared difference",
    "decoupled": "logits, decoupled",
    "correlation": "logits, correlation (DIST)",
    "cooler": "logits, temperature 1",
    "hotter": "logits, temperature 4",
    "annealing": "logits, teacher annealing",
    "cosine": "features: shared layer, cosine",
    "patient": "features: shared layer, patient",
    "chain-alone": "CRF student alone",
    "chain-sequences": "CRF student: sequences",
    "chain-crf-sequences": "CRF student, CRF teacher: sequences",
    "chain-crf-posteriors": "CRF student, CRF teacher: posteriors",
    "chain-crf-emissions": "CRF student, CRF teacher: emissions",
    "alone-long": "student alone, as long",
    "transfer-2000": "logits, 2,000 sentences",
    "transfer-8000": "logits, 8,000 sentences",
    "transfer-all": "logits, all sentences",
    "crf-transfer-all": "CRF teacher: posteriors, all sentences",
    "three-transfer-all": "three teachers: logits, all sentences",
    "softmax-teacher": "softmax teacher itself",
    "crf-teacher": "CRF teacher itself",
}
STUDENTS = {
    "alone": "student alone",
    "alone-long": "student alone, as long as with text",
    "logits": "BiLSTM teacher: logits",
    "transfer-all": "BiLSTM teacher: logits, all sentences",
    "transformer-logits": "transformer: logits",
    "transformer-shared": "transformer: features of the shared layer",
    "transformer-logits-shared": "transformer: logits, shared layer",
    "transformer-transfer-8000": "transformer: logits, 8,000 sentences",
    "transformer-transfer-all": "transformer: logits, all sentences",
    "softmax-teacher": "BiLSTM teacher itself",
    "transformer-teacher": "transformer itself",
}
TABLES = {
    "distillation": Table("taught by", tuple(TAUGHT.values()), ["distillation"], DISTILLATION),
    "teachers": Table(
        "teacher",
        ALL,
        ["distillation", "transformers"],
        {"softmax-teacher": "BiLSTM", "transformer-teacher": "transformer"},
        mean=True,
    ),
    "students": Table("taught by", tuple(TAUGHT.values()), ["distillation", "transformers"], STUDENTS),
    "whole": Table(
        "taught by",
        ["NCBI-disease"],
        ["transformers"],
        {
            "whole-alone": "student alone",
            "whole-transfer": "transformer: sequences, the other corpora's sentences",
            "whole-teacher": "transformer itself",
        },
    ),
}


def scores(folders: Sequence[str], split: str) -> dict[tuple[str, str], Values]:
    """Read the F1 of every run, by corpus and kind."""
    f1: dict[tuple[str, str], Values] = {}
    for row in [row for folder in folders for row in read_rows(RESULTS / folder / "runs.csv")]:
        name, _, seed = row["run"].rpartition("-")
        corpus = row["task"]
        prefix = next((key for key, value in TAUGHT.items() if value == corpus), corpus)
        kind = name.removeprefix(f"{prefix}-")
        f1.setdefault((corpus, kind), {})[int(seed)] = 100 * float(row[f"{split} f1"])
    return f1


def cell(values: Values, base: Values) -> str:
    """Write one cell: mean, deviation, number of seeds, gain."""
    if not values:
        return ""
    mean = statistics.mean(values.values())
    spread = f" ± {statistics.stdev(values.values()):.1f}" if len(values) > 1 else ""
    paired = [values[seed] - base[seed] for seed in values if seed in base]
    gain = f", {statistics.mean(paired):+.1f}" if paired and values is not base else ""
    return f"{mean:.1f}{spread} ({len(values)}){gain}"


def over_corpora(of_corpora: Sequence[Values]) -> Values:
    """Take the mean over the corpora, for each seed that has a value in all of them."""
    seeds = set.intersection(*(set(values) for values in of_corpora))
    return {seed: statistics.mean(values[seed] for values in of_corpora) for seed in sorted(seeds)}


def print_runs(folder: str) -> None:
    """Print every run of a folder: scores of each seed, size, speed and seconds of training."""
    print("| run | task | test F1, mean ± deviation | each seed | weights | size | words/s | training |")
    print("|---|---|---|---|---|---|---|---|")
    groups: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in read_rows(RESULTS / folder / "runs.csv"):
        groups.setdefault((re.sub(r"[-_]?\d+$", "", row["run"]), row["task"]), []).append(row)
    for (group, task), rows in groups.items():
        f1 = [100 * float(row["test f1"]) for row in rows]
        deviation = f" ± {statistics.stdev(f1):.1f}" if len(f1) > 1 else ""
        weights, size, speed, seconds = (
            statistics.median(float(row[name]) for row in rows)
            for name in ("parameters", "model_bytes", "words_per_second", "training_seconds")
        )
        print(
            f"| {group} | {task} | {statistics.mean(f1):.1f}{deviation} | {', '.join(f'{value:.1f}' for value in f1)} "
            f"| {weights / 1e3:,.0f} k | {size / 1e6:.2f} MB | {speed:,.0f} | {seconds:.0f} s |"
        )


def main(name: str, split: str = "test") -> None:
    """Print a table."""
    if name == "real-corpora":
        print_runs(name)
        return
    table = TABLES[name]
    f1 = scores(table.folders, split)
    columns = [*table.corpora, *(["mean"] if table.mean else [])]
    print(f"| {table.heading} | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    base: list[Values] = []
    for kind, label in table.rows.items():
        values = [f1.get((corpus, kind), {}) for corpus in table.corpora]
        if table.mean:
            values.append(over_corpora(values))
        base = base or values
        cells = [cell(value, first) for value, first in zip(values, base, strict=True)]
        if any(cells):
            print(f"| {label} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main(*sys.argv[1:])
