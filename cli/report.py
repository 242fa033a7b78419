"""`tfkd report`: finished runs in, one table and their training curves out."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from .configuration import code_option
from .startup import import_tensorflow


@click.command(epilog="Example: tfkd report runs/alone runs/student --out reports/disease")
@click.argument("runs", nargs=-1, required=True, metavar="RUN...", type=click.Path(path_type=Path))
@code_option
@click.option("--out", metavar="DIR", type=click.Path(path_type=Path), help="Write report.md and curves.svg to DIR.")
def report(runs: tuple[Path, ...], out: Path | None) -> None:
    """Print a table of finished runs, in Markdown.

    With --out, the table and the training curves are also written. Runs whose folder names differ only in a number at
    the end, such as alone-1 and alone-2, are the seeds of one row.
    """
    import_tensorflow()
    from tfkd.runs.report import results_table, write_run_report

    click.echo(results_table(runs), file=sys.stdout)
    if out is not None:
        table, curves = write_run_report(runs, out)
        click.echo(f"written to {table} and {curves}", file=sys.stderr)
