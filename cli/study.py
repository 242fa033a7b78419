"""`tfkd study`: a grid of runs in, their scores and a report out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .startup import choose_threads, import_tensorflow

if TYPE_CHECKING:
    from rich.console import Console


class _StudyGroup(click.Group):
    """A group whose first command needs no name: `tfkd study CONFIG` is `tfkd study run CONFIG`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the name in front where it is left out."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["run", *args]
        return super().parse_args(ctx, args)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show both forms."""
        formatter.write_usage("tfkd study", "CONFIG --out DIR [OPTIONS]")
        formatter.write_usage("tfkd study", "report DIR [OPTIONS]")


@click.group(
    cls=_StudyGroup,
    epilog="Examples: tfkd study demo-study --out studies/demo; tfkd study report studies/demo",
)
def study() -> None:
    """Make a study: a grid of teachers and students over many corpora, and its report.

    CONFIG is a YAML file or the name of a bundled one, demo-study or study; `tfkd study run --help` lists the options.
    """


@study.command(epilog="Example: tfkd study demo-study --out studies/demo --dry-run")
@click.argument("config")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the study, made here.")
@click.option("--work", type=click.Path(path_type=Path), help="Folder of models, caches and logs; by default OUT/work.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Override a key of the configuration.")
@click.option("--dry-run", is_flag=True, help="List what is to be done and how long it will take, and do nothing.")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Run the jobs as processes here, or on Ray.",
)
@click.option("--workers", type=click.IntRange(min=1), help="Jobs at a time; by default as many as fit.")
@click.option("--address", help="With --engine ray, the address of a cluster, or auto.")
@click.option("--lean", is_flag=True, help="Remove each model and cache as soon as no run needs it.")
@click.option("--quiet", is_flag=True, help="Show no progress.")
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
    """Make the runs of a study that are missing, and write the report.

    Finished runs are never made again, and runs that were begun go on. Exit status 3: it came to its end, and some
    runs failed.
    """
    from rich.console import Console

    import_tensorflow()
    choose_threads()
    from tfkd.studies import read_plan
    from tfkd.studies.statistics.optional_libraries import require_study_libraries

    from .study_progress import ShownStudy, print_plan, print_result

    if address is not None and engine != "ray":
        raise click.UsageError("--address is of --engine ray")
    if dry_run and address is not None and workers is None:
        raise click.UsageError("--dry-run asks no cluster: say with --workers how many jobs it takes at a time")
    if not dry_run:
        require_study_libraries()
    plan = read_plan(config, settings)
    console = Console(highlight=False)
    from tfkd.studies import StudyFolder, corpus_sizes, run_study

    folder = StudyFolder(out, work)
    folder.check(plan)
    sizes = corpus_sizes(plan)
    if dry_run:
        print_plan(console, plan, folder, sizes, workers)
        return 0
    shown = ShownStudy(Console(highlight=False, quiet=quiet), sizes)
    result = run_study(
        plan,
        out,
        work=work,
        engine=engine,
        workers=workers,
        address=address,
        keep=not lean,
        sizes=sizes,
        progress=shown,
    )
    print_result(console, result, out)
    if result.finished:
        _write_report(console, out, None)
    return 3 if result.failed else 0


@study.command(
    short_help="Write the report of a study from its finished runs.", epilog="Example: tfkd study report studies/demo"
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the report; by default that of the study.")
def report(folder: Path, out: Path | None) -> None:
    """Write the report of the study in FOLDER, from the runs that are finished.

    It is written as report.html, which needs no other file, report.md with pictures, and tables as CSV.
    """
    from rich.console import Console

    import_tensorflow()
    _write_report(Console(highlight=False), folder, out)


def _write_report(console: Console, folder: Path, out: Path | None) -> None:
    from tfkd.studies import report_study

    with console.status("writing the report ..."):
        files = report_study(folder, out)
    console.print(f"report: {files.html}, {files.markdown}, tables under {files.tables[0].parent}", soft_wrap=True)
