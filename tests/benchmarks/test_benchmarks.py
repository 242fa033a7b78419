from __future__ import annotations

import importlib
import math
import os
from pathlib import Path

import pytest

WANTED = {
    "caching": ["<= 1.1", ""],
    "crf": ["<= 1", "<= 1", "<= 4", "<= 1", "<= 1", "<= 4"],
    "distilling": ["<= 0.8", ""],
    "imports": ["<= 1.1", "<= 1.1"],
    "layers": ["< 1", "", "", "", ""],
    "loop": [">= 0.95"],
    "memory": ["<= 300 MB more"],
    "peers": [">= 2", ">= 1.2", "<= 0.8", "", ">= 2"],
    "tasks": ["<= 1.1"],
    "vocabulary": ["<= 1.2", ""],
}
ENVIRONMENTS = {"crf": "TFKD_TFA", "peers": "TFKD_PEERS"}


@pytest.mark.slow
@pytest.mark.parametrize("name", WANTED)
def test_a_benchmark_gives_ratios(name):
    variable = ENVIRONMENTS.get(name)
    if variable and not any(Path(os.environ.get(variable, "/nowhere")).glob(".ready-*")):
        pytest.skip(f"{variable} names no environment with the peers: run `tfkd benchmark {name}` to make one")
    found = importlib.import_module(f"tfkd.benchmarks.{name}").run(quick=True)
    assert [ratio.wanted for ratio in found] == WANTED[name]
    for ratio in found:
        assert len(ratio.values) == (1 if name == "memory" else 2)
        assert all(math.isfinite(value) and value > 0 for value in ratio.values)


def test_every_benchmark_is_tested():
    folder = Path(importlib.import_module("tfkd.benchmarks").__file__ or "").parent
    assert {file.stem for file in folder.glob("[!_]*.py")} == WANTED.keys()
