"""`tfkd-runtime annotate`: documents in, the same documents with their entities out, without TensorFlow."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, get_args

from tfkd_base.bundled_models import DEFAULT_MODEL, short_name
from tfkd_base.documents import BrokenDocument, OverlapRule, detect_output_format, document_writer
from tfkd_base.documents.files import STANDARD
from tfkd_base.documents.offsets import CHARACTERS, OFFSETS
from tfkd_base.errors import TfkdError, describe_os_error
from tfkd_base.signals import Interrupts
from tfkd_runtime.documents import DocumentOptions
from tfkd_runtime.loading import load
from tfkd_runtime.model_argument import split_model
from tfkd_runtime.report import AnnotationReport, summary_lines, write_errors
from tfkd_runtime.streams import annotate_stream, check_inputs

USER_MISTAKE = 2
SET_ASIDE = 3
"""The exit status if all is done, but broken documents were set aside."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command and exit: 0 finished, 2 a user's mistake, 3 finished with broken documents set aside.

    Args:
        arguments: The arguments of the command. Default: those of the process.
    """
    interrupts = Interrupts()
    interrupts.install()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    warnings.showwarning = lambda message, *_: print(f"tfkd-runtime: {message}", file=sys.stderr)
    given = _parser().parse_args(arguments)
    try:
        sys.exit(_annotate(given))
    except (TfkdError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            with contextlib.suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        print(f"tfkd-runtime: {describe_os_error(error) if isinstance(error, OSError) else error}", file=sys.stderr)
        sys.exit(USER_MISTAKE)
    except KeyboardInterrupt:
        print("tfkd-runtime: interrupted", file=sys.stderr)
        sys.exit(interrupts.status)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tfkd-runtime", description="Biomedical named-entity recognition with exported models."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    annotate = commands.add_parser(
        "annotate",
        help="Find the entities in documents.",
        description="Find the entities in the documents of INPUT, or of standard input. MODEL is `biomedical`, "
        "an ONNX file that `tfkd export RUN MODEL.onnx` wrote, or a model on the Hugging Face Hub, such as "
        "hf:user/name. Default: biomedical. INPUT is one or more files, plain or gzip, or folders.",
        epilog="Example: echo 'BRCA1 mutations cause breast cancer.' | tfkd-runtime annotate",
        usage="tfkd-runtime annotate [OPTIONS] [MODEL] [INPUT]...",
    )
    annotate.add_argument("arguments", metavar="[MODEL] [INPUT]...", nargs="*", help="Default: standard input.")
    annotate.add_argument("--and", dest="others", metavar="MODEL", action="append", default=[], help="Use MODEL too.")
    annotate.add_argument("--task", dest="tasks", action="append", default=[], help="Task of a model. Default: all.")
    annotate.add_argument("--from", dest="source", metavar="FORMAT", help="Input format. Default: detected.")
    annotate.add_argument(
        "--offsets",
        choices=OFFSETS,
        default=CHARACTERS,
        help=f"What offsets of the input count. Default: {CHARACTERS}.",
    )
    annotate.add_argument("--to", metavar="FORMAT", help="Output format. Default: from the ending of PATH, or jsonl.")
    annotate.add_argument("--out", metavar="PATH", type=Path, help="Output. Default: standard output.")
    annotate.add_argument(
        "--errors",
        metavar="PATH",
        type=Path,
        help="File for broken documents. Default: PATH.errors.jsonl of the output.",
    )
    annotate.add_argument("--keep", action="store_true", help="Keep the entities of the input.")
    annotate.add_argument("--min-score", metavar="S", type=float, help="Drop entities with a score below S, 0 to 1.")
    annotate.add_argument(
        "--resolve",
        choices=get_args(OverlapRule),
        help="Of entities that overlap, keep the longest, or the one with the highest score. Default: all are kept.",
    )
    annotate.add_argument(
        "--abbreviations",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="Give short forms, such as DMD, the type of their long form in a document.",
    )
    annotate.add_argument("--batch-size", type=int, default=32, help="Passages that go through a model together.")
    annotate.add_argument("--threads", type=int, help="Threads. Default: one for each core.")
    annotate.add_argument("--quiet", action="store_true", help="Show no summary.")
    return parser


def _annotate(given: argparse.Namespace) -> int:
    """Annotate the input as it comes; return the exit status."""
    model, named = split_model(given.arguments)
    inputs = list(named) or [STANDARD]
    check_inputs(inputs, given.source, given.offsets)
    format = given.to or (detect_output_format(given.out) if given.out else "jsonl")
    is_typed = STANDARD in inputs and sys.stdin.isatty()
    options = DocumentOptions(
        keep=given.keep,
        min_score=given.min_score,
        resolve=given.resolve,
        abbreviations=given.abbreviations,
        batch_size=1 if is_typed else given.batch_size,  # a person who types wants each answer at once
    )
    annotator = load([model, *given.others], tasks=given.tasks, threads=given.threads)
    errors = given.errors or (given.out and given.out.with_name(f"{given.out.name}.errors.jsonl"))
    broken: list[BrokenDocument] = []

    def set_aside(document: BrokenDocument) -> None:
        print(f"tfkd-runtime: {document}", file=sys.stderr)
        broken.append(document)

    def on_document(_: AnnotationReport) -> None:
        if is_typed:
            sys.stdout.buffer.flush()

    started = time.perf_counter()
    with document_writer(given.out or STANDARD, format) as writer:
        report = annotate_stream(
            options,
            annotator,
            inputs,
            writer,
            format=given.source,
            offsets=given.offsets,
            on_broken=set_aside,
            on_document=on_document,
        )
    seconds = time.perf_counter() - started
    write_errors(errors, broken)
    if not given.quiet:
        for line in summary_lines(report, words=report.words, seconds=seconds, errors=errors):
            print(line, file=sys.stderr)
        if model == DEFAULT_MODEL:
            print(f"  model: {short_name(model)}, the default", file=sys.stderr)
    return SET_ASIDE if report.broken else 0
