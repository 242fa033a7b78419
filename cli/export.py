"""`tfkd export`: a trained model in, a SavedModel that takes raw text out."""

from __future__ import annotations

from pathlib import Path

import click

from .startup import import_tensorflow


@click.command(
    epilog="Example: tfkd export runs/student savedmodels/disease",
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("path", metavar="SAVEDMODEL", type=click.Path(path_type=Path))
@click.option("--task", help="The task to export, where the run is that of a multi-task teacher.")
def export(run: Path, path: Path, task: str | None) -> None:
    """Write the model of RUN as the next version in the folder SAVEDMODEL.

    The versions are SAVEDMODEL/1, SAVEDMODEL/2 and so on, as TensorFlow Serving expects them. A SAVEDMODEL that ends
    with a number, such as savedmodels/disease/3, asks for that version. No version is ever overwritten.
    """
    import_tensorflow()
    from tfkd.serving import export as write
    from tfkd.serving import load_tagger

    click.echo(write(load_tagger(run, task=task), path))
