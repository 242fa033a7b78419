"""`tfkd benchmark` and the interval of a ratio."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import benchmarks
from benchmarks import Quantity, Ratio


def coverage(count: int, left_out: int) -> float:
    """How surely the values enclose the median when so many are left out at each end."""
    return 1 - 2 * stats.binom.cdf(left_out, count, 0.5)


@pytest.mark.parametrize("count", [6, 7, 9, 12, 20, 51])
def test_the_interval_is_the_narrowest_of_order_statistics_that_holds(count: int) -> None:
    ranks = np.random.default_rng(count).permutation(count)
    low, high = Ratio("a", "b", ranks.tolist()).interval
    assert high == count - 1 - low
    assert coverage(count, low) >= 0.95 > coverage(count, low + 1)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_repetitions_give_their_range(count: int) -> None:
    assert Ratio("a", "b", range(count)).interval == (0, count - 1)


def test_the_interval_holds_the_median_as_often_as_it_says() -> None:
    generator = np.random.default_rng(1)
    hits = 0
    for _ in range(2000):
        low, high = Ratio("a", "b", generator.exponential(size=10).tolist()).interval
        hits += low <= np.log(2) <= high
    assert hits / 2000 == pytest.approx(1 - 2 * stats.binom.cdf(1, 10, 0.5), abs=0.01)


def test_what_was_measured_needs_a_value() -> None:
    for kind in (Ratio, Quantity):
        with pytest.raises(ValueError, match="'a' has no values"):
            kind("a", "b", [])


BENCHMARK = '''"""How long a sum takes against a product."""
from benchmarks import Quantity, Ratio


def run(quick):
    times = [2.0] if quick else [2.0, 4.0, 3.0]
    return [Ratio("sum", "product", times, ">= 2"), Quantity("a sum", "ms", [10 * time for time in times])]
'''


@pytest.fixture
def with_benchmark(tmp_path: Path, call_tfkd: Callable, monkeypatch: pytest.MonkeyPatch) -> Callable:
    """Run `tfkd benchmark ...` with `sums` as the only benchmark, in a folder that is not the checkout."""
    (tmp_path / "sums.py").write_text(BENCHMARK)
    (tmp_path / "_hidden.py").write_text("raise AssertionError")
    monkeypatch.setattr(benchmarks, "__path__", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "benchmarks.sums", raising=False)
    return lambda *arguments: call_tfkd("benchmark", *arguments, cwd=tmp_path)


def test_lists_without_running(with_benchmark: Callable) -> None:
    result = with_benchmark("--list")
    assert result.returncode == 0, result.stderr
    assert [line.split(maxsplit=1) for line in result.stdout.splitlines()] == [
        ["sums", "How long a sum takes against a product."]
    ]


def test_an_unknown_name(with_benchmark: Callable) -> None:
    result = with_benchmark("sum")
    assert result.returncode == 2
    assert result.stderr == "tfkd: there is no benchmark 'sum'; did you mean 'sums'?\n"


@pytest.mark.parametrize(
    ("arguments", "figures", "quantity"),
    [([], "3.00", "30.00 ms"), (["--quick"], "2.00", "20.00 ms"), (["sums"], "2.00 to 4.00", "20.00 to 40.00 ms")],
)
def test_prints_ratios_and_quantities(
    with_benchmark: Callable, arguments: list[str], figures: str, quantity: str
) -> None:
    result = with_benchmark(*arguments)
    assert result.returncode == 0, result.stderr
    assert figures in result.stdout
    assert quantity in result.stdout
    assert "sum" in result.stdout
    assert ">= 2" in result.stdout


def test_benchmarks_are_found_from_any_folder(run_tfkd: Callable, tmp_path: Path) -> None:
    result = run_tfkd("benchmark", "--list", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "loop " in result.stdout


def test_every_benchmark_says_what_it_measures() -> None:
    for file in Path(benchmarks.__file__).parent.glob("[a-z]*.py"):
        first = file.read_text(encoding="utf-8").partition("\n")[0]
        assert first.startswith('"""'), file
        assert "def run(" in file.read_text(encoding="utf-8"), file
