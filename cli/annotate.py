"""`tfkd annotate`: documents in, the same documents with their entities out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tfkd_base.errors import TfkdError

from .startup import choose_threads, import_tensorflow

if TYPE_CHECKING:
    from tfkd.annotate import Settings

SET_ASIDE = 3
"""The exit status when all is done, but for documents that were set aside."""
STANDARD = "-"
_POSITIVE = click.FloatRange(min=0, min_open=True)
_COUNT = click.IntRange(min=1)


@click.command(
    epilog="Example: echo 'BRCA1 mutations cause breast cancer.' | tfkd annotate savedmodels/disease",
)
@click.argument("model", metavar="MODEL")
@click.argument("inputs", metavar="[INPUT]...", nargs=-1)
@click.option("--and", "others", metavar="MODEL", multiple=True, help="Another MODEL; may be given several times.")
@click.option("--task", "tasks", multiple=True, help="A task of a teacher; may be given several times. By default all.")
@click.option("--from", "source_format", metavar="FORMAT", help="Of the input. By default told by name and content.")
@click.option("--to", "target_format", metavar="FORMAT", help="Of the output. By default as PATH ends, else jsonl.")
@click.option("--out", metavar="PATH", type=click.Path(path_type=Path), help="Where to. By default standard output.")
@click.option("--parts", is_flag=True, help="Make PATH a folder of parts, one for each block of the input.")
@click.option("--gzip", is_flag=True, help="Pack the parts. A single file is packed if PATH ends in .gz.")
@click.option(
    "--errors",
    metavar="PATH",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where broken documents go. By default beside the output, in PATH.errors.jsonl.",
)
@click.option("--keep", is_flag=True, help="Keep the entities that the input has. By default they are replaced.")
@click.option("--highlight", is_flag=True, help="Show the texts with their entities in colour, on standard output.")
@click.option(
    "--batch-size", type=_COUNT, default=32, show_default=True, help="Passages that go through a model together."
)
@click.option("--timeout", type=_POSITIVE, default=60.0, show_default=True, help="Seconds a server may take to answer.")
@click.option("--attempts", type=_COUNT, default=6, show_default=True, help="How often a server is asked at most.")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="What does the work: this process, or Ray Data.",
)
@click.option("--workers", type=_COUNT, help="On Ray: workers, of one thread each. By default one a core.")
@click.option("--address", help="On Ray: of a cluster, or auto. By default Ray is started on this machine.")
@click.option(
    "--block-size",
    metavar="MB",
    type=_POSITIVE,
    default=4.0,
    show_default=True,
    help="Megabytes of input that make a block: what is worked on at once, and what a kill costs.",
)
@click.option("--quiet", is_flag=True, help="No progress, and no summary.")
def annotate(model: str, inputs: tuple[str, ...], others: tuple[str, ...], **options: Any) -> int:
    """Find the entities in the documents of INPUT, or of standard input.

    MODEL is a run, the folder of a SavedModel, or the address of a model on a TensorFlow Serving server, such as
    grpc://localhost:8500/disease or http://localhost:8501/disease. Each passage of a document goes through it: the
    title, the abstract.

    INPUT are files, plain or gzip, and folders. FORMAT is one of lines (text, a document a line), text (a document a
    file), jsonl, pubtator, bioc-xml, bioc-json, brat, columns and, for the output, html.

    Work on files with --out can be stopped: begun again with the same arguments, it goes on. A document that is broken
    is reported and set aside, the others go on, and the status is 3 in the end.
    """
    _check(inputs, options)
    import_tensorflow()
    choose_threads(runs=[model, *others])
    from tfkd.annotate import Settings
    from tfkd.serving import ClientOptions
    from tfkd_base.documents import detect_output_format

    out, to = options["out"], options["target_format"]
    settings = Settings(
        models=(model, *others),
        to=to or (detect_output_format(out) if out and not options["parts"] else "jsonl"),
        tasks=options["tasks"],
        keep=options["keep"],
        batch_size=options["batch_size"],
        client=ClientOptions(timeout=options["timeout"], attempts=options["attempts"]),
    )
    if out is None or not inputs or STANDARD in inputs:
        from .annotate_stream import annotate_stream

        broken = annotate_stream(settings, inputs or (STANDARD,), options)
    else:
        broken = _annotate_files(settings, inputs, options)
    return SET_ASIDE if broken else 0


def _check(inputs: tuple[str, ...], options: dict[str, Any]) -> None:
    """Refuse options that do not go together."""
    needs_files = [name for name in ("parts", "gzip") if options[name]]
    needs_files += ["engine ray"] if options["engine"] == "ray" else []
    if needs_files and options["out"] is None:
        raise TfkdError(f"--{needs_files[0]} needs --out PATH, where the output goes")
    if needs_files and (not inputs or STANDARD in inputs):
        raise TfkdError(f"--{needs_files[0]} needs files as input: standard input can be read only once")
    if options["highlight"] and (options["out"] or options["target_format"]):
        raise TfkdError(
            "--highlight shows the entities on standard output; leave out --out and --to, or take --to html"
        )


def _annotate_files(settings: Settings, inputs: tuple[str, ...], options: dict[str, Any]) -> int:
    """Do work that can be continued, and show how far it is."""
    from rich.console import Console

    from tfkd.annotate import Engine, Output, annotate_files

    from .annotate_progress import ShownProgress, summary

    out = Output(options["out"], settings.to, options["parts"], options["gzip"])
    block_bytes = max(1, round(options["block_size"] * 1e6))
    console = Console(stderr=True, highlight=False, soft_wrap=True, quiet=options["quiet"])
    with ShownProgress(console) as shown:
        try:
            done = annotate_files(
                settings,
                inputs,
                out,
                format=options["source_format"],
                errors=options["errors"],
                engine=Engine(options["engine"], options["workers"], options["address"], block_bytes),
                show=shown.show,
                on_broken=shown.broken,
            )
        except KeyboardInterrupt:
            raise KeyboardInterrupt("the same command goes on from here") from None
    summary(console, done.report, done.words, done.seconds, options["errors"] or out.errors, bool(done.gone_on))
    return done.report.broken
