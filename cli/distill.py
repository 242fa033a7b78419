"""`tfkd distill`: a student's configuration and a teacher's run in, a run out."""

from __future__ import annotations

from pathlib import Path

import click

from .configuration import read_configuration, training_options
from .console import make_console
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
    help="Run of the teacher. Can be repeated: several teachers are averaged. Default: those that CONFIG names.",
)
@click.option(
    "--cache",
    "caches",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Output cache of `tfkd cache-teacher` that replaces the teacher. Can be repeated, once for each teacher.",
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

    CONFIG is a YAML file or the name of a bundled configuration, of the kind `student` or `tagger`. Its section
    `distillation` names the losses. A student of several tasks learns each from the teachers that know it. Word vectors
    and unlabelled text that CONFIG does not set come from the teacher, see `text.vectors` and `transfer`. `tfkd train
    OUT/config.yaml` then trains the baseline: the same student without a teacher.

    After Ctrl-C, SIGTERM or a kill, run the same command again to resume.
    """
    import_tensorflow()
    checked = read_configuration(config, settings, devices)
    choose_threads([checked], teachers)
    from tfkd.runs import distill as run

    console = make_console()
    with ConsoleProgress(console) as progress:
        result = run(checked, teachers, out, cache=caches, overwrite=overwrite, progress=progress)
    print_result(console, result)
