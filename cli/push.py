"""`tfkd push`: write a trained model to the Hugging Face Hub."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import click

from tfkd_base.errors import TfkdError

from .configuration import code_option
from .console import make_console
from .progress import ConsoleProgress
from .startup import choose_threads, import_tensorflow


@click.command(epilog="Example: tfkd push runs/student me/disease --licence cc-by-4.0")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("name", metavar="USER/NAME")
@click.option("--task", "tasks", multiple=True, help="Task of a teacher. Can be repeated. Default: all tasks.")
@code_option
@click.option("--licence", help="Licence of the model, for its card, such as cc-by-4.0.")
@click.option("--private", is_flag=True, help="Create a model that others cannot see.")
def push(run: Path, name: str, tasks: tuple[str, ...], licence: str | None, private: bool) -> None:
    """Write the model of RUN to the Hugging Face Hub, with a model card and checksums.

    RUN is a run, whose encoder must be a BiLSTM, or an ONNX file that `tfkd export` wrote. Sign in before by
    `hf auth login`, or set HF_TOKEN. Then `tfkd annotate hf:USER/NAME` uses the model.
    """
    import_tensorflow()
    choose_threads()
    from tfkd.models import load_model
    from tfkd.runs.run_folder import run_card
    from tfkd.serving import export_onnx
    from tfkd.serving.backends import is_onnx
    from tfkd.serving.hub import push_model
    from tfkd_runtime.hub import HubModel, import_hub

    HubModel.parse(name)
    import_hub()
    if tasks and is_onnx(run):
        raise TfkdError(f"{run} is an ONNX file, which is written as it is: omit --task, or name its run")
    with tempfile.TemporaryDirectory() as folder, ConsoleProgress(make_console(stderr=True)) as progress:
        file = run
        if not is_onnx(run):
            with progress.counted("exporting the model"):
                model = load_model(run, tasks=tasks)
                file = export_onnx(model, Path(folder, "model.onnx"), about=run_card(run, tasks))
        with progress.counted("writing to the Hub"):
            written = push_model(file, name, licence=licence, private=private)
    click.echo(written, file=sys.stdout)
