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
def benchmark(names: tuple[str, ...], listing: bool, quick: bool) -> None:
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
        return
    import_tensorflow()
    choose_threads()
    for name in names or descriptions:
        console.print(f"{name}: {descriptions[name]}", markup=False, soft_wrap=True)
        _print_measured(console, importlib.import_module(f"benchmarks.{name}").run(quick=quick))


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
