"""`tfkd export`: write a trained model as a SavedModel that takes raw text."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from .configuration import code_option
from .console import make_console
from .progress import ConsoleProgress
from .startup import choose_threads, import_tensorflow


@click.command(
    epilog="Example: tfkd export runs/student savedmodels/disease --licence 'CC BY 4.0'",
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("path", metavar="SAVEDMODEL", type=click.Path(path_type=Path))
@click.option("--task", "tasks", multiple=True, help="Task of a teacher. Can be repeated. Default: all tasks.")
@code_option
@click.option("--licence", help="Licence of the training data, for the model card.")
def export(run: Path, path: Path, tasks: tuple[str, ...], licence: str | None) -> None:
    """Write the model of RUN as the next version in the folder SAVEDMODEL.

    The versions are SAVEDMODEL/1, SAVEDMODEL/2 and so on, as TensorFlow Serving expects them. If SAVEDMODEL ends with a
    number, such as savedmodels/disease/3, that version is written. Versions are never overwritten. A teacher is
    exported with all its tasks: one pass over the text gives the tags of all of them.
    """
    import_tensorflow()
    choose_threads()
    from tfkd.models import load_model
    from tfkd.runs.run_folder import run_card
    from tfkd.serving import export as write

    about = {**run_card(run, tasks), "data_license": licence}
    with ConsoleProgress(make_console(stderr=True)) as progress:
        with progress.counted("loading the model"):
            model = load_model(run, tasks=tasks)
        with progress.counted("exporting the model"):
            version = write(model, path, about=about)
    click.echo(version, file=sys.stdout)
