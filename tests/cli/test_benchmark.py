"""`tfkd benchmark` and the interval of a ratio."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import benchmarks
from benchmarks import Quantity, Ratio
from benchmarks._record import Record, compare_records
from tfkd_base.errors import TfkdError


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
    [([], "3.00", "30.00 ms"), (["--quick"], "2.00", "20.00 ms"), (["sums"], "2.00 to 4.00", "20.00 to 40.00")],
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


def write_record(file: Path, sums: list[float], **changes: object) -> Path:
    """Write the figures of one benchmark, with values of its ratio."""
    record = Record(file)
    record.add(
        "sums", [Ratio("sum", "product", sums, ">= 2"), Quantity("sum", "ms", sums)], ["spacy==3.8.18"], quick=False
    )
    content = json.loads(file.read_text("utf-8"))
    for key, value in changes.items():
        content["machine"][key] = value
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def test_figures_are_written_with_machine_and_versions(with_benchmark: Callable, tmp_path: Path) -> None:
    file = write_record(tmp_path / "speed.json", [1.0])
    content = json.loads(file.read_text("utf-8"))
    content["benchmarks"]["other"] = content["benchmarks"]["sums"]
    file.write_text(json.dumps(content), encoding="utf-8")
    assert with_benchmark("sums", "--json", "speed.json").returncode == 0
    content = json.loads(file.read_text("utf-8"))
    assert content["machine"]["cores"] == len(os.sched_getaffinity(0))
    assert content["benchmarks"]["other"]["rows"][0]["values"] == [1.0]  # it was not run again
    assert content["benchmarks"]["other"]["versions"]["spacy"] == "3.8.18"
    measured = content["benchmarks"]["sums"]
    assert measured["versions"]["numpy"] == np.__version__
    assert measured["rows"] == [
        {
            "what": "sum",
            "against": "product",
            "median": 3.0,
            "interval": [2.0, 4.0],
            "wanted": ">= 2",
            "values": [2.0, 4.0, 3.0],
        },
        {
            "what": "a sum",
            "unit": "ms",
            "median": 30.0,
            "interval": [20.0, 40.0],
            "wanted": "",
            "values": [20.0, 40.0, 30.0],
        },
    ]


@pytest.mark.parametrize(
    ("after", "verdicts", "status"),
    [
        ([2.0, 2.1], ["worse", "differs"], 1),
        ([4.0, 4.5], ["better", "differs"], 0),
        ([2.9, 3.2], ["equal", "equal"], 0),
    ],
)
def test_files_are_compared(
    with_benchmark: Callable, tmp_path: Path, after: list[float], verdicts: list[str], status: int
) -> None:
    files = write_record(tmp_path / "before.json", [3.0, 3.5]), write_record(tmp_path / "after.json", after)
    changes, notes = compare_records(*files)
    assert ([change.verdict for change in changes], notes) == (verdicts, [])
    result = with_benchmark("--compare", "before.json", "after.json")
    assert result.returncode == status, result.stderr
    assert f"{status} of 2 figures are worse" in result.stdout


def test_versions_that_changed_and_missing_benchmarks_are_noted(tmp_path: Path) -> None:
    before, after = (write_record(tmp_path / name, [1.0]) for name in ("before.json", "after.json"))
    content = json.loads(after.read_text("utf-8"))
    content["benchmarks"]["sums"]["versions"]["spacy"] = "3.9.0"
    content["benchmarks"]["layers"] = content["benchmarks"]["sums"]
    after.write_text(json.dumps(content), encoding="utf-8")
    assert compare_records(before, after)[1] == [f"layers: only in {after}", "sums: spacy 3.8.18 -> 3.9.0"]
    content["benchmarks"]["sums"]["rows"][0]["what"] = "a longer sum"
    after.write_text(json.dumps(content), encoding="utf-8")
    assert compare_records(before, after)[1][2:] == [
        f"sums: only in {before}: sum, product",
        f"sums: only in {after}: a longer sum, product",
    ]


def test_files_that_cannot_be_compared(with_benchmark: Callable, tmp_path: Path) -> None:
    before = write_record(tmp_path / "before.json", [1.0])
    write_record(tmp_path / "other.json", [1.0], cores=4096)
    (tmp_path / "wrong.json").write_text("[]")
    result = with_benchmark("--compare", "before.json", "other.json")
    assert result.returncode == 2
    assert "figures of different machines cannot be compared: cores is" in result.stderr
    result = with_benchmark("sums", "--json", "other.json")
    assert (result.returncode, "write one file for each machine" in result.stderr) == (2, True)
    result = with_benchmark("--compare", "before.json", "wrong.json")
    assert result.returncode == 2
    assert "expected a file that `tfkd benchmark --json wrong.json` wrote" in result.stderr
    Record(before).add("sums", [Ratio("sum", "product", [1.0])], [], quick=True)
    with pytest.raises(TfkdError, match="sums ran with --quick"):
        compare_records(before, before)
