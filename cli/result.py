"""The result of a run, as a table in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from tfkd.runs.runs import RunResult


def print_result(console: Console, result: RunResult) -> None:
    """Print the scores, the size and the speed of a run, and its folder.

    Args:
        console: Where to print.
        result: Returned by `train` or `distill`.
    """
    from rich.table import Table

    scheme = next(iter(result.scores.values()))["test"].scheme
    table = Table(caption=f"strict, scheme {scheme}")
    table.add_column("task")
    for heading in ("devel F1", "test F1", "precision", "recall", "entities"):
        table.add_column(heading, justify="right")
    for task, splits in result.scores.items():
        test = splits["test"].micro
        figures = (splits["devel"].micro.f1, test.f1, test.precision, test.recall)
        table.add_row(task, *(f"{100 * value:.2f}" for value in figures), str(test.entities))
    console.print(table)
    console.print(
        f"{result.parameters:,} parameters, {result.model_bytes / 1e6:.2f} MB, trained in {result.seconds:.0f} s, tags "
        f"{result.words_per_second:,.0f} words/s; written to {result.path}",
        soft_wrap=True,
    )
