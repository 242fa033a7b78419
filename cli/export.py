"""`tfkd export`: a trained model in, a SavedModel that takes raw text out."""

from __future__ import annotations

from pathlib import Path

import click

from .configuration import code_option
from .startup import choose_threads, import_tensorflow


@click.command(
    epilog="Example: tfkd export runs/student savedmodels/disease --licence 'CC BY 4.0'",
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("path", metavar="SAVEDMODEL", type=click.Path(path_type=Path))
@click.option("--task", "tasks", multiple=True, help="A task of a teacher; may be given several times. By default all.")
@code_option
@click.option("--licence", help="The licence of the data that the model was trained on, for the model card.")
def export(run: Path, path: Path, tasks: tuple[str, ...], licence: str | None) -> None:
    """Write the model of RUN as the next version in the folder SAVEDMODEL.

    The versions are SAVEDMODEL/1, SAVEDMODEL/2 and so on, as TensorFlow Serving expects them. A SAVEDMODEL that ends
    with a number, such as savedmodels/disease/3, asks for that version. No version is ever overwritten. A teacher is
    exported whole: one pass over the text gives the tags of all its tasks.
    """
    import_tensorflow()
    choose_threads()
    from tfkd.runs.run_folder import run_card
    from tfkd.serving import export as write
    from tfkd.serving import load_model

    about = {**run_card(run, tasks), "data_license": licence}
    click.echo(write(load_model(run, tasks=tasks), path, about=about))
