"""`tfkd study`: runs a grid of runs and reports on it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .configuration import code_option
from .console import make_console
from .progress import ConsoleProgress
from .startup import choose_threads, import_tensorflow

if TYPE_CHECKING:
    from rich.console import Console


class _StudyGroup(click.Group):
    """Group with a default command: `tfkd study CONFIG` is `tfkd study run CONFIG`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Insert `run` if the first argument is no command."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["run", *args]
        return super().parse_args(ctx, args)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write both forms."""
        formatter.write_usage("tfkd study", "CONFIG --out DIR [OPTIONS]")
        formatter.write_usage("tfkd study", "report DIR [OPTIONS]")
        formatter.write_usage("tfkd study", "convert DIR")


@click.group(
    cls=_StudyGroup,
    epilog="Examples: tfkd study demo-study --out studies/demo; tfkd study report studies/demo",
)
def study() -> None:
    """Run a study: a grid of teachers and students over many corpora, and its report.

    CONFIG is a YAML file or the name of a bundled study, demo-study or study. See `tfkd study run --help` for the
    options.
    """


@study.command(epilog="Example: tfkd study demo-study --out studies/demo --dry-run")
@click.argument("config")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the study.")
@click.option("--work", type=click.Path(path_type=Path), help="Folder of models, caches and logs. Default: OUT/work.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a key of the configuration. Can be repeated.",
)
@code_option
@click.option("--dry-run", is_flag=True, help="Only list the jobs, with an estimate of their time.")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Run the jobs as processes on this machine, or on Ray.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Number of jobs at a time. Default: as many as cores and memory allow.",
)
@click.option("--address", help="With --engine ray: address of a cluster, or auto.")
@click.option("--lean", is_flag=True, help="Remove each model and cache as soon as no run needs it.")
@click.option("--quiet", is_flag=True, help="Do not show progress.")
def run(
    config: str,
    out: Path,
    work: Path | None,
    settings: tuple[str, ...],
    dry_run: bool,
    engine: str,
    workers: int | None,
    address: str | None,
    lean: bool,
    quiet: bool,
) -> int:
    """Run the missing runs of a study, and write the report.

    Finished runs are never repeated, and interrupted runs resume. Exit status 3: the study has ended, and some runs
    failed.
    """
    import_tensorflow()
    choose_threads()
    from tfkd.engines import check_engine
    from tfkd.studies import StudyFolder, read_corpus_sizes, read_plan, run_study
    from tfkd.studies.statistics.optional_libraries import require_study_libraries

    from .study_progress import StudyDisplay, print_plan, print_study_result

    check_engine(engine, workers=workers, address=address, default_workers=1)
    if dry_run and address is not None and workers is None:
        raise click.UsageError("--dry-run does not connect to a cluster: pass --workers, the number of jobs at a time")
    if not dry_run:
        require_study_libraries()
    plan = read_plan(config, settings)
    console = make_console()
    folder = StudyFolder(out, work)
    folder.check(plan)
    sizes = read_corpus_sizes(plan)
    if dry_run:
        print_plan(console, plan, folder, sizes, workers)
        return 0
    display = StudyDisplay(make_console(quiet=quiet), sizes)
    result = run_study(
        plan,
        out,
        work=work,
        engine=engine,
        workers=workers,
        address=address,
        keep=not lean,
        sizes=sizes,
        progress=display,
    )
    print_study_result(console, result, out)
    if result.finished:
        _write_report(console, out, None)
    return 3 if result.failed else 0


@study.command(
    short_help="Write the report of a study from its finished runs.", epilog="Example: tfkd study report studies/demo"
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the report. Default: FOLDER.")
@code_option
def report(folder: Path, out: Path | None) -> None:
    """Write the report of the study in FOLDER from its finished runs.

    Writes report.html, which needs no other file, report.md with pictures/, and tables/ as CSV.
    """
    import_tensorflow()
    _write_report(make_console(), folder, out)


@study.command(
    short_help="Convert the results of an earlier version.", epilog="Example: tfkd study convert studies/demo"
)
@click.argument("folder", type=click.Path(path_type=Path))
@code_option
def convert(folder: Path) -> None:
    """Convert the results of a study of an earlier version, a file for each run, into runs.csv and details.npz.

    `tfkd study run` converts them too when it resumes such a study.
    """
    import_tensorflow()
    from tfkd.studies import open_study

    count = open_study(folder)[0].convert()
    click.echo(
        f"{count:,} runs converted; the results are in {folder / 'runs.csv'} and {folder / 'details.npz'}",
        file=sys.stdout,
    )


def _write_report(console: Console, folder: Path, out: Path | None) -> None:
    from tfkd.studies import report_study

    with ConsoleProgress(console) as progress, progress.counted("writing the report"):
        files = report_study(folder, out)
    console.print(f"report: {files.html}, {files.markdown}, tables under {files.tables[0].parent}", soft_wrap=True)
