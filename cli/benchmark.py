"""`tfkd benchmark`: runs the programs of the checkout's folder `benchmarks` and prints what they measure."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfkd_base.errors import TfkdError, nearest

from .console import make_console
from .startup import choose_threads, import_tensorflow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from benchmarks import Quantity, Ratio

CHECKOUT = Path(__file__).resolve().parents[1]
"""The checkout, if this file is in one and not in an installed package."""


@click.command(epilog="Example: tfkd benchmark --list")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--list", "listing", is_flag=True, help="List the benchmarks and run none.")
@click.option("--quick", is_flag=True, help="Run them on little data, as a test. Do not report these figures.")
@click.option(
    "--json",
    "record",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the figures to this file too, with the machine and the versions. Figures of other benchmarks in the "
    "file are kept.",
)
@click.option(
    "--compare",
    nargs=2,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="BEFORE AFTER",
    help="Run none; compare two files of --json from the same machine. The exit status is 1 if a figure is worse.",
)
def benchmark(
    names: tuple[str, ...], listing: bool, quick: bool, record: Path | None, compare: tuple[Path, Path] | None
) -> int:
    """Measure speed and memory with the benchmarks NAME, or with all of them.

    Most figures are ratios of two programs that take turns in one run. The benchmarks are in a checkout of the source,
    not in the installed package. Some install other tools, each in an environment of its own.
    """
    console = make_console()
    descriptions = _descriptions()
    for name in names:
        if name not in descriptions:
            raise TfkdError(f"there is no benchmark '{name}'; {nearest(name, descriptions)}")
    if listing:
        for name, description in descriptions.items():
            console.print(f"{name:<12}  {description}", markup=False, soft_wrap=True)
        return 0
    if compare is not None:
        return _print_changes(console, *compare)
    import_tensorflow()
    choose_threads()
    from benchmarks._record import Record

    file = None if record is None else Record(record)
    for name in names or descriptions:
        console.print(f"{name}: {descriptions[name]}", markup=False, soft_wrap=True)
        module = importlib.import_module(f"benchmarks.{name}")
        measured = module.run(quick=quick)
        _print_measured(console, measured)
        if file is not None:
            peers = [package for environment in getattr(module, "PEERS", ()) for package in environment.requirements]
            file.add(name, measured, peers, quick=quick)
    return 0


def _descriptions() -> dict[str, str]:
    """Return the benchmarks with the first line of each docstring, without importing them.

    Raises:
        TfkdError: This is not a checkout.
    """
    if not (CHECKOUT / "benchmarks" / "__init__.py").is_file():
        raise TfkdError(
            "the benchmarks are not in the installed package: run `make install` in a checkout of the source, and then "
            "its .venv/bin/tfkd benchmark."
        )
    if str(CHECKOUT) not in sys.path:
        sys.path.append(str(CHECKOUT))
    package = importlib.import_module("benchmarks")
    descriptions = {}
    for file in sorted(file for folder in package.__path__ for file in Path(folder).glob("[!_]*.py")):
        docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
        descriptions[file.stem] = docstring.partition("\n")[0]
    return descriptions


def _print_changes(console: Console, before: Path, after: Path) -> int:
    """Print the figures of two files beside each other; return 1 if one is worse."""
    from rich import box
    from rich.table import Table

    from benchmarks._record import compare_records

    changes, notes = compare_records(before, after)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for heading in ("benchmark", "measured"):
        table.add_column(heading)
    for heading in ("before", "after"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for change in changes:
        both = [[_figure(value) for value in values] for values in (change.before, change.after)]
        figures = [f"{median} ({low} to {high})" for median, low, high in both]
        table.add_row(change.benchmark, change.what, *figures, change.verdict)
    console.print(table)
    for note in notes:
        console.print(note, markup=False, soft_wrap=True)
    worse = sum(change.verdict == "worse" for change in changes)
    console.print(f"{worse} of {len(changes)} figures are worse: their intervals do not overlap.", markup=False)
    return int(worse > 0)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.2f}"


def _print_measured(console: Console, measured: Sequence[Ratio | Quantity]) -> None:
    from rich import box
    from rich.table import Table

    from benchmarks import Ratio

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for heading in ("measured", "against"):
        table.add_column(heading)
    for heading in ("median", "95 % interval", "wanted"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in measured:
        low, high = row.interval
        against, unit = (row.against, "") if isinstance(row, Ratio) else ("", f" {row.unit}")
        interval = f"{_figure(low)} to {_figure(high)}"
        table.add_row(row.what, against, f"{_figure(row.median)}{unit}", interval, row.wanted)
    console.print(table)
    console.print()
