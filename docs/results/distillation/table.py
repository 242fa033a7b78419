"""Prints the tables of docs/results/distillation.md from the scores beside this file.

    python docs/results/distillation/table.py [devel|test]

A row for each kind of run: entity F1 as the mean over its seeds with the standard deviation (n - 1) and the number of
seeds, and the mean gain over the student alone of the same seed.
"""

import json
import re
import statistics
import sys
from collections import defaultdict
from pathlib import Path

TASKS = {"ncbi-disease": "NCBI-disease", "bc5cdr-chem": "BC5CDR-chem", "linnaeus": "linnaeus"}
KINDS = {
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
    "crf-transfer-8000": "CRF teacher: posteriors, 8,000 sentences",
    "three-transfer-all": "three teachers: logits, all sentences",
    "softmax-teacher": "softmax teacher itself",
    "crf-teacher": "CRF teacher itself",
}


def scores(split: str) -> dict[tuple[str, str], dict[int, float]]:
    """Read the F1 of every run, by task, kind and seed."""
    found: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
    for file in sorted(Path(__file__).parent.glob("*/scores.json")):
        name, seed = re.fullmatch(r"(.*)-(\d+)", file.parent.name).groups()
        for task, splits in json.loads(file.read_text()).items():
            short = next((key for key, value in TASKS.items() if value == task), None)
            if short:
                found[short, name.removeprefix(f"{short}-")][int(seed)] = 100 * splits[split]["micro"]["f1"]
    return found


def cell(values: dict[int, float], alone: dict[int, float]) -> str:
    """Write one cell: mean, deviation, number of seeds, gain."""
    if not values:
        return ""
    mean = statistics.mean(values.values())
    spread = f" ± {statistics.stdev(values.values()):.1f}" if len(values) > 1 else ""
    paired = [values[seed] - alone[seed] for seed in values if seed in alone]
    gain = f", {statistics.mean(paired):+.1f}" if paired and values is not alone else ""
    return f"{mean:.1f}{spread} ({len(values)}){gain}"


def main(split: str = "test") -> None:
    """Print the table."""
    found = scores(split)
    print("| taught by | " + " | ".join(TASKS.values()) + " |")
    print("|---" * (len(TASKS) + 1) + "|")
    for kind, said in KINDS.items():
        cells = [cell(found.get((task, kind), {}), found.get((task, "alone"), {})) for task in TASKS]
        if any(cells):
            print(f"| {said} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main(*sys.argv[1:])
