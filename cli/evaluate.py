"""`tfkd evaluate`: a run in, its entity scores on a corpus out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .configuration import code_option, map_option, offsets_option
from .console import make_console
from .progress import ConsoleProgress
from .startup import choose_threads, import_tensorflow

if TYPE_CHECKING:
    from rich.table import Table

    from tfkd.evaluation import Scores


@click.command(
    epilog="Example: tfkd evaluate runs/student --corpus corpora/NCBI-disease-IOB --split test",
)
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--corpus",
    metavar="PATH",
    help="Folder or file of another corpus, or a bundled one such as demo:gene. Default: that of the run.",
)
@offsets_option
@map_option
@code_option
@click.option("--split", default="test", show_default=True, help="Split of the corpus: train, devel or test.")
@click.option("--task", help="Task of a teacher. Required if it has several.")
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Also write the scores to this file."
)
def evaluate(
    run: Path,
    corpus: str | None,
    offsets: str,
    types: dict[str, str],
    split: str,
    task: str | None,
    json_file: Path | None,
) -> None:
    """Score the model of RUN on a corpus.

    Prints entity precision, recall and F1, by type and overall. An entity is correct if its first token, its last token
    and its type are. RUN is a folder that `tfkd train` or `tfkd distill` wrote, or a SavedModel that `tfkd export`
    wrote, which needs --corpus.
    """
    import_tensorflow()
    choose_threads(runs=[run])
    from tfkd.runs import evaluate_run

    with ConsoleProgress(make_console(stderr=True)) as progress:
        scores = evaluate_run(
            run, corpus=corpus, split=split, task=task, types=types, offsets=offsets, progress=progress
        )
    if json_file is not None:
        json_file.write_text(json.dumps(scores.to_dict(), indent=2) + "\n", encoding="utf-8")
    make_console().print(scores_table(scores, title=f"{run} on {corpus or 'its corpus'}, {split}"))


def scores_table(scores: Scores, title: str) -> Table:
    """Return scores as a table with a row for each entity type and one for all."""
    from rich.table import Table

    table = Table(title=title, caption=f"strict, scheme {scores.scheme}")
    table.add_column("type")
    for heading in ("precision", "recall", "F1", "gold entities"):
        table.add_column(heading, justify="right")
    rows = [*scores.types.items(), ("all (micro)", scores.micro)]
    for name, score in rows:
        figures = (f"{100 * value:.2f}" for value in (score.precision, score.recall, score.f1))
        table.add_row(name, *figures, str(score.entities), end_section=name == (list(scores.types) or [""])[-1])
    return table
