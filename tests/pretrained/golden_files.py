"""Files written by `golden/make.py`."""

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
    """Read the words of the tokenizer tests: unusual ones, then words of corpora."""
    groups = json.loads((GOLDEN / "words.json").read_text(encoding="utf-8"))
    return [*groups["odd"], *groups["corpus"]]


def rows(golden: dict[str, np.ndarray], name: str, unknown: int | None = None) -> list[list[int]]:
    """Return the subword ids of each word; a word without subwords gets the unknown one."""
    ends = np.cumsum(golden[f"{name}.counts"].astype(int))[:-1]
    ids = [row.tolist() for row in np.split(golden[f"{name}.ids"].astype(int), ends)]
    return [row or [unknown] for row in ids] if unknown is not None else ids
