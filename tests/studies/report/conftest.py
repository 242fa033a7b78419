"""A made study with everything in it, and one that holds nothing but scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tfkd.evaluation import PartScore, Score, SeenScores, find_errors
from tfkd.studies.report import Study, StudyPart, StudyRun, write_report
from tfkd.studies.statistics import pack_counts

CORPORA = ("NCBI-disease", "BC5CDR-chem", "BC2GM", "linnaeus", "AnatEM", "a corpus | of <i>long</i> name, $5 & more")
METHODS = ("alone", '<b>taught</b> & "quoted" | *starred*', "teacher")


def run(corpus: str, method: str, seed: int, size: int) -> StudyRun:
    i, j = CORPORA.index(corpus), METHODS.index(method)
    rng = np.random.default_rng([i, j, seed, size])
    f1 = 0.6 + 0.03 * i + 0.02 * j + 0.01 * rng.random() + size / 40000
    entities = rng.integers(0, 3, 60)
    right = rng.binomial(entities, f1)
    errors = find_errors([["B-A", "I-A", "O", "B-B"]], [["B-A", "O", "B-B", "B-A"]])
    return StudyRun(
        corpus,
        method,
        seed,
        f1,
        devel_f1=f1 + 0.01,
        training_sentences=size,
        parameters=335_000 if method == "teacher" else 82_000,
        words_per_second=60_000 / (1 + j),
        training_seconds=61.5,
        types={"Gene": Score(f1, f1, f1, int(entities.sum()))},
        seen=SeenScores(PartScore(40, 30, 28), PartScore(20, 0, 0)),
        errors=errors,
        sentence_counts=pack_counts(np.stack([right, rng.poisson(0.2, 60), entities - right], axis=1)),
    )


@pytest.fixture(scope="session")
def full_study() -> Study:
    runs = [run(c, m, s, 1000) for c in CORPORA for m in METHODS for s in (1, 2)]
    runs += [run(c, m, s, 500) for c in CORPORA[:2] for m in METHODS for s in (1, 2)]
    families = {"Taught against <alone>": ((METHODS[1], "alone"),), "Teacher": (("teacher", METHODS[1]),)}
    parts = (
        StudyPart("Main", METHODS, "Does it <help>?", "alone", families, (), 1000, {"without BC2GM": ("BC2GM",)}),
        StudyPart("Small sets", (*METHODS, "not yet run"), "And with less?", "alone", families, CORPORA[:2], 500),
        StudyPart("Later", ("not yet run",)),
    )
    return Study(
        "A <study> & its title",
        parts,
        tuple(runs),
        ("What it is.",),
        ("Two corpora share sentences.",),
        legend={"alone": "without a teacher"},
    )


@pytest.fixture(scope="session")
def written(full_study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "new" / "folder"
    write_report(full_study, folder)
    return folder
