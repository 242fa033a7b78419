"""Prints a table of docs/results/speed.md from a file that `tfkd benchmark --json` wrote.

    python benchmarks/results/speed_tables.py NAME

NAME is that of a file in docs/results/speed, without its ending. A row for each figure: the median, the 95 % interval
and the goal.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "results" / "speed"


def figure(value: float, unit: str) -> str:
    """Return a value with three digits and its unit."""
    digits = f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
    return f"{digits} {unit}".rstrip()


def interval(low: float, high: float, unit: str) -> str:
    """Return an interval with its unit."""
    return f"{figure(low, '')} to {figure(high, unit)}"


def print_machine(record: Mapping[str, Any]) -> None:
    """Print the machine and the versions."""
    machine = record["machine"]
    memory = f", {machine['memory_gib']} GiB of memory" if machine.get("memory_gib") else ""
    instructions = ", ".join(machine["instructions"])
    versions: dict[str, set[str]] = {}
    for measured in record["benchmarks"].values():
        for package, version in measured["versions"].items():
            versions.setdefault(package, set()).add(version)
    print(f"{machine['processor']} ({instructions}), {machine['cores']} cores{memory}, {machine['system']}.")
    print(", ".join(f"{package} {' and '.join(sorted(found))}" for package, found in sorted(versions.items())) + ".")
    print()


def print_table(record: Mapping[str, Any]) -> None:
    """Print the figures of all benchmarks."""
    print("| benchmark | measured | against | median | 95 % interval | wanted |\n|---|---|---|--:|--:|---|")
    for name, measured in sorted(record["benchmarks"].items()):
        for row in measured["rows"]:
            unit = row.get("unit", "")
            goal = row["wanted"].replace(">=", "≥").replace("<=", "≤")
            low, high = row["interval"]
            cells = [f"`{name}`", row["what"], row.get("against", ""), figure(row["median"], unit)]
            print("| " + " | ".join([*cells, interval(low, high, unit), goal]) + " |")


if __name__ == "__main__":
    content = json.loads((FOLDER / f"{sys.argv[1]}.json").read_text("utf-8"))
    print_machine(content)
    print_table(content)
