"""`tfkd models`: the models that come with tfkd."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from tfkd_base.bundled_models import DEFAULT_MODEL, list_bundled_models, short_name
from tfkd_base.wording import format_bytes

from .console import make_console

if TYPE_CHECKING:
    from rich.table import Table

    from tfkd_base.bundled_models import BundledModel


@click.command(epilog="Example: tfkd models --json")
@click.option("--json", "as_json", is_flag=True, help="Print all facts as JSON.")
def models(as_json: bool) -> None:
    """List the models that come with tfkd: entity types, F1 on test sets, speed, size and licence.

    `tfkd annotate` and `tfkd evaluate` take their names.
    """
    found = list_bundled_models()
    if as_json:
        import json

        click.echo(json.dumps([asdict(model) for model in found], indent=2))
        return
    console = make_console()
    for model in found:
        default = ", the default" if model.name == short_name(DEFAULT_MODEL) else ""
        console.print(f"{model.name}{default}: {', '.join(model.types)}", style="bold")
        console.print(_scores_table(model))
        console.print(
            f"{format_bytes(model.size)}; {model.words_per_second:,} words in a second of CPU time where it was made\n"
            f"licence: {model.licence}"
        )


def _scores_table(model: BundledModel) -> Table:
    """Return a table with a row for each test set."""
    from rich.table import Table

    table = Table()
    table.add_column("task")
    table.add_column("test set")
    table.add_column("F1", justify="right")
    for score in model.scores:
        table.add_row(score.task, score.corpus, f"{score.f1:.1f}")
    return table
