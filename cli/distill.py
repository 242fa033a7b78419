"""`tfkd distill`: a student's configuration and a teacher's run in, a run out."""

from __future__ import annotations

from pathlib import Path

import click

from .configuration import read_configuration, training_options
from .result import print_result
from .startup import import_tensorflow


@click.command(
    epilog="Example: tfkd distill demo-student --teacher runs/teacher --out runs/student",
)
@click.option(
    "--teacher",
    type=click.Path(path_type=Path),
    help="Folder of the teacher's run; by default the one that the configuration names.",
)
@training_options
def distill(
    config: str, teacher: Path | None, out: Path, settings: tuple[str, ...], devices: str | None, overwrite: bool
) -> None:
    """Train the student that CONFIG describes with a trained teacher.

    CONFIG is a YAML file or the name of a bundled one, of the kind `tagger`; its section `distillation` says what
    the student takes from the teacher.
    """
    from rich.console import Console

    checked = read_configuration(config, settings, devices)
    import_tensorflow()
    from tfkd.experiments import distill as run

    console = Console(highlight=False)
    result = run(checked, teacher, out, overwrite=overwrite, console=console)
    print_result(console, result)
