"""Prints the tables of the pages beside this file from the scores of their runs.

    python docs/results/table.py TABLE [devel|test]

A row for each kind of run: entity F1 as the mean over its seeds with the standard deviation (n - 1) and the number of
seeds, and the mean gain over the first row, run by run of the same seed.
"""

import json
import re
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
TAUGHT = {"ncbi-disease": "NCBI-disease", "bc5cdr-chem": "BC5CDR-chem", "linnaeus": "linnaeus"}
"""The corpora that have students, by how the names of their runs begin."""
ALL = ("NCBI-disease", "BC5CDR-disease", "BC5CDR-chem", "BC2GM", "linnaeus", "AnatEM")

Values = dict[int, float]
"""F1 by seed."""


@dataclass(frozen=True)
class Table:
    """What a table shows.

    Attributes:
        heading: What stands above the names of the rows.
        corpora: Its columns.
        folders: Where the runs' scores stand.
        rows: By the kind of run, the name of its folder without corpus and seed, what the row is called.
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
    found: dict[tuple[str, str], Values] = {}
    for file in sorted(file for folder in folders for file in (HERE / folder).glob("*/scores.json")):
        name, seed = re.fullmatch(r"(.*)-(\d+)", file.parent.name).groups()
        for corpus, splits in json.loads(file.read_text()).items():
            prefix = next((key for key, value in TAUGHT.items() if value == corpus), corpus)
            kind = name.removeprefix(f"{prefix}-")
            found.setdefault((corpus, kind), {})[int(seed)] = 100 * splits[split]["micro"]["f1"]
    return found


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


def main(name: str, split: str = "test") -> None:
    """Print a table."""
    table = TABLES[name]
    found = scores(table.folders, split)
    columns = [*table.corpora, *(["mean"] if table.mean else [])]
    print(f"| {table.heading} | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    base: list[Values] = []
    for kind, said in table.rows.items():
        values = [found.get((corpus, kind), {}) for corpus in table.corpora]
        if table.mean:
            values.append(over_corpora(values))
        base = base or values
        cells = [cell(value, first) for value, first in zip(values, base, strict=True)]
        if any(cells):
            print(f"| {said} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main(*sys.argv[1:])
