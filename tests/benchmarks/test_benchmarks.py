from __future__ import annotations

import importlib
import math
import os
from pathlib import Path

import pytest

WANTED = {
    "annotating": [">= 5", "", ">= 2"],
    "bundled": [">= 20", ">= 8", "", ">= 75,000", ""],
    "caching": ["<= 1.1", ""],
    "crf": ["<= 1", "<= 1", "<= 4", "<= 1", "<= 1", "<= 4"],
    "distilling": ["<= 0.8", ""],
    "finetuning": [">= 2", ">= 2.5"],
    "imports": ["<= 1.1", "<= 1.1"],
    "latency": ["", "", "", "", "< 1", "", ""],
    "layers": ["< 1", "", "", "", ""],
    "loop": [">= 0.95"],
    "memory": ["<= 300 MB more"],
    "peers": [">= 2", ">= 1.2", "<= 0.8", "", ">= 2"],
    "runtime": [">= 2", "", ">= 150,000", "", "<= 1"],
    "soak": ["<= 1.05", "<= 1.05"],
    "spreading": [">= 1.6", ""],
    "tasks": ["<= 1.1"],
    "vocabulary": ["<= 1.2", ""],
    "students": ["<= 1.3", "", "<= 1.3", ""],
}
ONCE = ("imports", "latency", "memory", "soak", "spreading")
"""Benchmarks that a quick run repeats once only, since each repetition starts processes."""


@pytest.mark.slow
@pytest.mark.parametrize("name", WANTED)
def test_a_benchmark_runs_and_has_its_goals(name):
    module = importlib.import_module(f"benchmarks.{name}")
    for variable in (peers.variable for peers in getattr(module, "PEERS", ())):
        if any(Path(os.environ.get(variable, "/nowhere")).glob(".ready-*")):
            continue
        pytest.skip(f"{variable} names no folder with the peers: `{variable}=FOLDER tfkd benchmark {name}` makes one")
    rows = module.run(quick=True)
    assert [row.wanted for row in rows] == WANTED[name]
    for row in rows:
        assert len(row.values) == (1 if name in ONCE else 2)
        assert all(math.isfinite(value) and value > 0 for value in row.values)


def test_every_benchmark_is_tested():
    folder = Path(importlib.import_module("benchmarks").__file__ or "").parent
    assert {file.stem for file in folder.glob("[!_]*.py")} == WANTED.keys()
