"""`tfkd export`: write a trained model as a SavedModel or an ONNX file that takes raw text."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import click

from .configuration import code_option
from .console import make_console
from .progress import ConsoleProgress
from .startup import choose_threads, import_tensorflow


@click.command(
    epilog="Example: tfkd export runs/student savedmodels/disease --licence 'CC BY 4.0', or tfkd export runs/student "
    "disease.onnx",
)
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("path", metavar="PATH", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_",
    type=click.Choice(["savedmodel", "onnx"]),
    help="What to write. Default: onnx if PATH ends in .onnx, otherwise savedmodel.",
)
@click.option(
    "--weights",
    type=click.Choice(["int8", "float32"]),
    help="How the weights are stored. Default: int8 in an ONNX file, which is smaller and faster; float32 in a "
    "SavedModel, where int8 stores the word vectors in a quarter of the bytes.",
)
@click.option("--task", "tasks", multiple=True, help="Task of a teacher. Can be repeated. Default: all tasks.")
@code_option
@click.option("--licence", help="Licence of the training data, for the model card.")
def export(
    run: Path,
    path: Path,
    format_: str | None,
    weights: Literal["int8", "float32"] | None,
    tasks: tuple[str, ...],
    licence: str | None,
) -> None:
    """Write the model of RUN as a SavedModel or as an ONNX file.

    A SavedModel is for TensorFlow Serving and for Python. It is the next version in the folder PATH: PATH/1, PATH/2 and
    so on, as TensorFlow Serving expects them. If PATH ends with a number, such as savedmodels/disease/3, that version
    is written. Versions are never overwritten.

    An ONNX file, PATH ending in .onnx, is for programs without TensorFlow: it holds all that the package tfkd_runtime
    needs. The encoder must be a BiLSTM.

    A teacher is exported with all its tasks: one pass over the text gives the tags of all of them.
    """
    is_onnx = (format_ or ("onnx" if path.suffix == ".onnx" else "savedmodel")) == "onnx"
    import_tensorflow()
    choose_threads()
    from tfkd.models import load_model
    from tfkd.runs.run_folder import run_card
    from tfkd.serving import export as write
    from tfkd.serving import export_onnx

    about = {**run_card(run, tasks), "data_license": licence}
    with ConsoleProgress(make_console(stderr=True)) as progress:
        with progress.counted("loading the model"):
            model = load_model(run, tasks=tasks)
        with progress.counted("exporting the model"):
            if is_onnx:
                written = export_onnx(model, path, weights=weights or "int8", about=about)
            else:
                written = write(model, path, about=about, weights=weights or "float32")
    click.echo(written, file=sys.stdout)
