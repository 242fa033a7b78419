"""`tfkd train`: a configuration in, a run out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .configuration import read_configuration, training_options
from .console import make_console
from .progress import ConsoleProgress
from .result import print_result
from .startup import choose_threads, import_tensorflow

if TYPE_CHECKING:
    from pathlib import Path


@click.command(
    epilog="Example: tfkd train demo-teacher --out runs/teacher --set training.epochs=5",
)
@training_options
def train(config: str, out: Path, settings: tuple[str, ...], devices: str | None, overwrite: bool) -> None:
    """Train the teacher or the tagger that CONFIG describes.

    CONFIG is a YAML file or the name of a bundled configuration. The epoch with the best F1 on the development sets is
    kept. The run folder then holds the resolved configuration, the model, the history and the scores.

    After Ctrl-C, SIGTERM or a kill, run the same command again to resume.
    """
    import_tensorflow()
    checked = read_configuration(config, settings, devices)
    choose_threads([checked])
    from tfkd.runs import train as run

    console = make_console()
    with ConsoleProgress(console) as progress:
        result = run(checked, out, overwrite=overwrite, progress=progress)
    print_result(console, result)
