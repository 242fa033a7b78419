"""`tfkd distill`: a student's configuration and a teacher's run in, a run out."""

from __future__ import annotations

from pathlib import Path

import click

from .configuration import read_configuration, training_options
from .progress import ConsoleProgress
from .result import print_result
from .startup import choose_threads, import_tensorflow


@click.command(
    epilog="Example: tfkd distill demo-student --teacher runs/teacher --out runs/student",
)
@click.option(
    "--teacher",
    "teachers",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Folder of the teacher's run; by default the one that the configuration names. Several are averaged.",
)
@click.option(
    "--cache",
    "caches",
    multiple=True,
    type=click.Path(path_type=Path),
    help="What `tfkd cache-teacher` kept of the teacher, which then need not run. Several are averaged.",
)
@training_options
def distill(
    config: str,
    teachers: tuple[Path, ...],
    caches: tuple[Path, ...],
    out: Path,
    settings: tuple[str, ...],
    devices: str | None,
    overwrite: bool,
) -> None:
    """Train the student that CONFIG describes with a trained teacher.

    CONFIG is a YAML file or the name of a bundled one, of the kind `tagger`; its section `distillation` says what
    the student takes from the teacher.
    """
    from rich.console import Console

    import_tensorflow()
    checked = read_configuration(config, settings, devices)
    choose_threads([checked], teachers)
    from tfkd.runs import distill as run

    console = Console(highlight=False)
    result = run(checked, teachers, out, cache=caches, overwrite=overwrite, progress=ConsoleProgress(console))
    print_result(console, result)
