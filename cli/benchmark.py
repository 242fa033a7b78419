"""`tfkd benchmark`: runs the programs of the package `benchmarks`, and prints what they measure."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tfkd_base.errors import TfkdError, nearest

from .startup import choose_threads, import_tensorflow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from benchmarks import Quantity, Ratio


@click.command(epilog="Example: tfkd benchmark --list")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--list", "listing", is_flag=True, help="List the benchmarks and run none.")
@click.option("--quick", is_flag=True, help="Only see that they run; the figures are not worth reporting.")
def benchmark(names: tuple[str, ...], listing: bool, quick: bool) -> None:
    """Measure speed and memory, as ratios in one run where it can be; all benchmarks where no NAME is given."""
    from rich.console import Console

    console = Console(highlight=False)
    known = _descriptions()
    for name in names:
        if name not in known:
            raise TfkdError(f"there is no benchmark '{name}'; {nearest(name, known)}")
    if listing or not known:
        for name, description in known.items():
            console.print(f"{name:<20}  {description}", markup=False)
        if not known:
            console.print("There are no benchmarks yet.")
        return
    import_tensorflow()
    choose_threads()
    for name in names or known:
        console.print(f"{name}: {known[name]}", markup=False)
        _print_measured(console, importlib.import_module(f"benchmarks.{name}").run(quick=quick))


def _descriptions() -> dict[str, str]:
    """Find the benchmarks, with the first line of each one's docstring, and import none."""
    package = importlib.import_module("benchmarks")
    found = {}
    for file in sorted(file for folder in package.__path__ for file in Path(folder).glob("[!_]*.py")):
        docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
        found[file.stem] = docstring.partition("\n")[0]
    return found


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
        table.add_row(row.what, against, f"{row.median:.2f}{unit}", f"{low:.2f} to {high:.2f}{unit}", row.wanted)
    console.print(table)
    console.print()
