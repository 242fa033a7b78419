"""`tfkd annotate`: documents in, the same documents with their entities out."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from tfkd_base.bundled_models import DEFAULT_MODEL, short_name
from tfkd_base.documents.files import STANDARD
from tfkd_base.errors import TfkdError
from tfkd_runtime.model_argument import split_model

from .configuration import code_option, offsets_option
from .console import make_console
from .progress import ConsoleProgress
from .startup import choose_threads, import_tensorflow

if TYPE_CHECKING:
    from tfkd.annotate import AnnotationOptions, AnnotationOutput, AnnotationReport
    from tfkd_base.documents import BrokenDocument, DocumentWriter, OverlapRule

SET_ASIDE = 3
"""The exit status if all is done, but broken documents were set aside."""
_POSITIVE = click.FloatRange(min=0, min_open=True)
_COUNT = click.IntRange(min=1)


@dataclass(frozen=True)
class _Options:
    """The options of the command, as click gives them."""

    tasks: tuple[str, ...]
    source_format: str | None
    offsets: str
    target_format: str | None
    out: Path | None
    parts: bool
    gzip: bool
    errors: Path | None
    keep: bool
    min_score: float | None
    resolve: str | None
    abbreviations: bool
    highlight: bool
    batch_size: int
    timeout: float
    attempts: int
    engine: str
    workers: int | None
    address: str | None
    block_size: float
    quiet: bool


@click.command(
    epilog="Example: echo 'BRCA1 mutations cause breast cancer.' | tfkd annotate",
)
@click.argument("arguments", metavar="[MODEL] [INPUT]...", nargs=-1)
@click.option("--and", "others", metavar="MODEL", multiple=True, help="Use MODEL too. Can be repeated.")
@code_option
@click.option("--task", "tasks", multiple=True, help="Task of a teacher. Can be repeated. Default: all tasks.")
@click.option(
    "--from",
    "source_format",
    metavar="FORMAT",
    help="Input format. Default: detected from the file name and content.",
)
@offsets_option
@click.option(
    "--to", "target_format", metavar="FORMAT", help="Output format. Default: from the ending of PATH, or jsonl."
)
@click.option("--out", metavar="PATH", type=click.Path(path_type=Path), help="Output. Default: standard output.")
@click.option("--parts", is_flag=True, help="Make PATH a folder of parts, one for each block of the input.")
@click.option("--gzip", is_flag=True, help="Compress the parts. A single file is compressed if PATH ends in .gz.")
@click.option(
    "--errors",
    metavar="PATH",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File for broken documents. Default: PATH.errors.jsonl beside the output.",
)
@click.option("--keep", is_flag=True, help="Keep the entities of the input. Default: they are replaced.")
@click.option(
    "--min-score", metavar="S", type=click.FloatRange(0, 1), help="Drop entities with a score below S, 0 to 1."
)
@click.option(
    "--resolve",
    type=click.Choice(["longest", "score"]),
    help="Of entities that overlap, keep the longest, or the one with the highest score. Default: all are kept.",
)
@click.option(
    "--abbreviations/--no-abbreviations",
    default=True,
    show_default=True,
    help="Give short forms, such as DMD, the type of their long form in a document.",
)
@click.option("--highlight", is_flag=True, help="Print the texts with their entities in colour.")
@click.option(
    "--batch-size", type=_COUNT, default=32, show_default=True, help="Passages that go through a model together."
)
@click.option("--timeout", type=_POSITIVE, default=60.0, show_default=True, help="Seconds to wait for a server.")
@click.option(
    "--attempts", type=_COUNT, default=6, show_default=True, help="How often a request is sent to a server at most."
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Annotate in this process, or on Ray.",
)
@click.option("--workers", type=_COUNT, help="With Ray: number of workers. Default: one for each core.")
@click.option("--address", help="With Ray: address of a cluster, or auto. Default: Ray is started on this machine.")
@click.option(
    "--block-size",
    metavar="MB",
    type=_POSITIVE,
    default=4.0,
    show_default=True,
    help="Megabytes of input in a block, which becomes a part. After a kill, at most 20,000 words for each worker "
    "are annotated again.",
)
@click.option("--quiet", is_flag=True, help="Show no progress and no summary.")
def annotate(arguments: tuple[str, ...], others: tuple[str, ...], **options: Any) -> int:
    """Find the entities in the documents of INPUT, or of standard input.

    MODEL is the name of a model of `tfkd models`, a run, the folder of a SavedModel, an ONNX file, a model on the
    Hugging Face Hub, such as hf:user/name, or the address of a model on a TensorFlow Serving server, such as
    grpc://localhost:8500/disease or http://localhost:8501/disease. Default: biomedical. Each passage of a document is
    annotated by itself, such as the title and the abstract.

    INPUT is one or more files, plain or gzip, or folders. FORMAT is one of lines (each line of a text file is a
    document), text (each text file is a document), jsonl, pubtator, bioc-xml, bioc-json, brat and columns; for the
    input also pubmed, medline, jats, pubannotation and bern2, and for the output csv, tsv (an entity a row) and html.
    A text file is read as lines, and the text files of a folder as text, unless --from names the format.

    With --out and files as input, an interrupted run can be resumed: give the same command again. Broken documents are
    reported and set aside, the others are annotated, and the exit status is 3.
    """
    given = _Options(**options)
    model, inputs = split_model(arguments)
    _check(inputs, given)
    import_tensorflow()
    choose_threads(runs=[model, *others])
    from tfkd.annotate import AnnotationOptions, AnnotationOutput
    from tfkd.serving import ClientOptions
    from tfkd_base.documents import detect_output_format

    to = given.target_format or (detect_output_format(given.out) if given.out and not given.parts else "jsonl")
    annotation = AnnotationOptions(
        models=(model, *others),
        tasks=given.tasks,
        keep=given.keep,
        min_score=given.min_score,
        resolve=cast("OverlapRule | None", given.resolve),
        abbreviations=given.abbreviations,
        batch_size=given.batch_size,
        client=ClientOptions(timeout=given.timeout, attempts=given.attempts),
    )
    output = AnnotationOutput(given.out or Path(STANDARD), to, given.parts, given.gzip)
    # What the summary says of a model that the user did not name.
    default = short_name(model) if model == DEFAULT_MODEL else None
    if given.out is None or not inputs or STANDARD in inputs:
        broken = _annotate_stream(annotation, inputs or (STANDARD,), output, given, default)
    else:
        broken = _annotate_files(annotation, inputs, output, given, default)
    return SET_ASIDE if broken else 0


def _refuse_bundled(inputs: tuple[str, ...]) -> None:
    from tfkd_base.corpora import BUNDLED

    for path in inputs:
        if path.startswith(BUNDLED) and not Path(path).exists():
            name = path.removeprefix(BUNDLED)
            raise TfkdError(
                f"{path} is a bundled corpus, and INPUT is files; write its files with `tfkd corpus demo "
                f"corpora/demo`, then annotate corpora/demo/{name}/test.tsv"
            )


def _check(inputs: tuple[str, ...], options: _Options) -> None:
    """Refuse options that exclude each other, and bundled corpora."""
    _refuse_bundled(inputs)
    needs_files = [name for name, is_given in (("parts", options.parts), ("gzip", options.gzip)) if is_given]
    needs_files += ["engine ray"] if options.engine == "ray" else []
    if needs_files and options.out is None:
        raise TfkdError(f"--{needs_files[0]} needs --out PATH")
    if needs_files and (not inputs or STANDARD in inputs):
        raise TfkdError(f"--{needs_files[0]} needs files as input: standard input can be read only once")
    if options.highlight and (options.out or options.target_format):
        raise TfkdError("--highlight writes to standard output: omit --out and --to, or use --to html")


def _annotate_files(
    annotation: AnnotationOptions,
    inputs: tuple[str, ...],
    output: AnnotationOutput,
    options: _Options,
    default: str | None,
) -> int:
    """Annotate files in a run that can be resumed; return the number of broken documents."""
    from tfkd.annotate import EngineOptions, annotate_files

    from .annotate_progress import ProgressDisplay, print_summary

    block_bytes = max(1, round(options.block_size * 1e6))
    console = make_console(stderr=True, soft_wrap=True, quiet=options.quiet)
    with ProgressDisplay(console) as display:
        try:
            done = annotate_files(
                annotation,
                inputs,
                output,
                format=options.source_format,
                offsets=options.offsets,
                errors=options.errors,
                engine=EngineOptions(options.engine, options.workers, options.address, block_bytes),
                on_progress=display.show,
                on_broken=display.show_broken,
            )
        except KeyboardInterrupt:
            raise KeyboardInterrupt("what is annotated is kept: run the same command to resume") from None
    print_summary(
        console,
        done.report,
        words=done.words,
        seconds=done.seconds,
        errors=options.errors or output.errors,
        is_resumed=done.is_resumed,
        model=default,
    )
    return done.report.broken


def _annotate_stream(
    annotation: AnnotationOptions,
    inputs: tuple[str, ...],
    output: AnnotationOutput,
    options: _Options,
    default: str | None,
) -> int:
    """Annotate documents as they come; return the number of broken documents."""
    from tfkd.annotate import annotate_stream
    from tfkd_runtime.report import write_errors
    from tfkd_runtime.streams import check_inputs

    from .annotate_progress import ProgressDisplay, print_summary

    # A person who types wants each answer at once.
    is_typed = STANDARD in inputs and sys.stdin.isatty()
    if is_typed:
        annotation = replace(annotation, batch_size=1)
    console = make_console(stderr=True, soft_wrap=True, quiet=options.quiet)
    errors = options.errors or (output.errors if options.out else None)
    broken: list[BrokenDocument] = []
    check_inputs(inputs, options.source_format, options.offsets)
    with ConsoleProgress(console) as progress, progress.counted("loading the models"):
        annotator = annotation.open_models()
    # Where the documents are shown on the terminal, they are the progress.
    is_shown = options.out is None and sys.stdout.isatty()
    with ProgressDisplay(console, has_bar=not is_shown) as display, _open_writer(output, options) as writer:

        def on_document(report: AnnotationReport) -> None:
            if is_typed:
                sys.stdout.buffer.flush()
            display.show_documents(report)

        def set_aside(document: BrokenDocument) -> None:
            display.show_broken(document)
            if errors:
                broken.append(document)

        started = time.perf_counter()
        report = annotate_stream(
            annotation,
            annotator,
            inputs,
            writer,
            format=options.source_format,
            offsets=options.offsets,
            on_broken=set_aside,
            on_document=on_document,
        )
        seconds = time.perf_counter() - started
    write_errors(errors, broken)
    print_summary(console, report, words=report.words, seconds=seconds, errors=errors, model=default)
    return report.broken


@contextlib.contextmanager
def _open_writer(output: AnnotationOutput, options: _Options) -> Iterator[DocumentWriter]:
    from tfkd_base.documents import Counts, DocumentWriter, document_writer

    from .highlight import HighlightWriter

    if options.highlight:
        yield DocumentWriter("highlight", HighlightWriter(), Counts())
    else:
        with document_writer(output.path, output.format) as writer:
            yield writer
