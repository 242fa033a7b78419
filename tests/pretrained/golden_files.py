"""What `golden/make.py` has written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).parent / "golden"
ENCODERS = ("bert_with_task", "bert_relu", "roberta_with_task", "roberta", "distilbert_with_task", "distilbert")


def arrays(name: str) -> dict[str, np.ndarray]:
    """Read a file of arrays."""
    with np.load(GOLDEN / f"{name}.npz") as file:
        return dict(file)


def words() -> list[str]:
    """Read the words that tokenizers have cut: the odd ones, then those of corpora."""
    found = json.loads((GOLDEN / "words.json").read_text(encoding="utf-8"))
    return [*found["odd"], *found["corpus"]]


def rows(of: dict[str, np.ndarray], name: str, unknown: int | None = None) -> list[list[int]]:
    """Read how words are cut; where nothing is left of one, the piece for what is unknown stands."""
    ends = np.cumsum(of[f"{name}.counts"].astype(int))[:-1]
    found = [row.tolist() for row in np.split(of[f"{name}.ids"].astype(int), ends)]
    return [row or [unknown] for row in found] if unknown is not None else found
