from __future__ import annotations

import importlib
import math

import pytest


@pytest.mark.slow
@pytest.mark.parametrize(("name", "wanted"), [("vocabulary", ["<= 1.2", ""]), ("tasks", ["<= 1.1"])])
def test_a_benchmark_gives_a_ratio_for_each_pair_of_turns(name, wanted):
    found = importlib.import_module(f"tfkd.benchmarks.{name}").run(quick=True)
    assert [ratio.wanted for ratio in found] == wanted
    for ratio in found:
        assert len(ratio.values) == 2
        assert all(math.isfinite(value) and value > 0 for value in ratio.values)
