"""`tfkd annotate` from standard input, or to standard output: documents are written as they come."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from rich.console import Console

import tfkd.annotate
from tfkd.annotate import Output, Settings, error_lines
from tfkd_base.documents import (
    BrokenDocument,
    Counts,
    Document,
    DocumentWriter,
    FormatWriter,
    document_files,
    document_writer,
)
from tfkd_base.files import atomic_file

from .annotate_progress import ShownProgress, summary
from .highlight import highlight


def annotate_stream(settings: Settings, inputs: tuple[str, ...], options: dict[str, Any]) -> int:
    """Annotate documents in one go.

    Args:
        settings: With which models and how.
        inputs: Files, folders, and `-` for standard input.
        options: Those of the command.

    Returns:
        How many documents were set aside.
    """
    # Somebody who types wants each answer at once.
    is_typed = "-" in inputs and sys.stdin.isatty()
    if is_typed:
        settings = replace(settings, batch_size=1)
    console = Console(stderr=True, highlight=False, soft_wrap=True, quiet=options["quiet"])
    out = options["out"]
    errors = options["errors"] or (Output(out, settings.to).errors if out else None)
    broken: list[BrokenDocument] = []
    # A missing file is told of before models are loaded.
    for one in inputs:
        if one != "-":
            document_files(one, options["source_format"])
    annotator = settings.annotator()
    with ShownProgress(console) as shown, _writer(settings, options) as writer:

        def set_aside(one: BrokenDocument) -> None:
            shown.broken(one)
            if errors:
                broken.append(one)

        began = time.perf_counter()
        report = tfkd.annotate.annotate_stream(
            settings,
            annotator,
            inputs,
            writer,
            format=options["source_format"],
            on_broken=set_aside,
            tick=(lambda _: sys.stdout.buffer.flush()) if is_typed else None,
        )
        seconds = time.perf_counter() - began
    if errors and broken:
        with atomic_file(errors) as part:
            part.write_bytes(error_lines(broken))
    summary(console, report, report.words, seconds, errors)
    return report.broken


@contextlib.contextmanager
def _writer(settings: Settings, options: dict[str, Any]) -> Iterator[DocumentWriter]:
    """Give what takes the documents."""
    if options["highlight"]:
        yield DocumentWriter("highlight", _Highlighter(), Counts())
    else:
        with document_writer(options["out"] or "-", settings.to) as writer:
            yield writer


class _Highlighter(FormatWriter):
    """Shows documents in the terminal, their entities in colour."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)

    def write(self, document: Document) -> None:
        """Show one document."""
        self._console.print(highlight(document))
