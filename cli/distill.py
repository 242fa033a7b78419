"""`tfkd distill`: a student's configuration and a teacher's run in, a run out."""

from __future__ import annotations

from pathlib import Path

import click

from .result import print_result
from .startup import import_tensorflow


@click.command(
    epilog="Example: tfkd distill demo-student --teacher runs/teacher --out runs/student",
)
@click.argument("config")
@click.option(
    "--teacher",
    type=click.Path(path_type=Path),
    help="Folder of the teacher's run; by default the one that the configuration names.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the student's run, made here.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a key of the configuration.")
@click.option("--overwrite", is_flag=True, help="Replace the run that stands in the folder.")
def distill(config: str, teacher: Path | None, out: Path, settings: tuple[str, ...], overwrite: bool) -> None:
    """Train the student that CONFIG describes with a trained teacher.

    CONFIG is a YAML file or the name of a bundled one, of the kind `tagger`; its section `distillation` says what
    the student takes from the teacher.
    """
    from rich.console import Console

    from tfkd.experiments.config import load_config

    checked = load_config(config, settings)
    import_tensorflow()
    from tfkd.experiments import distill as run

    console = Console(highlight=False)
    result = run(checked, teacher, out, overwrite=overwrite, console=console)
    print_result(console, result)
