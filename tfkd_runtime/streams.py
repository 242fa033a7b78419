"""Annotating streams of documents."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tfkd_base.documents import STANDARD, BrokenDocument, Counts, DocumentWriter, document_files, open_documents
from tfkd_base.documents.offsets import CHARACTERS
from tfkd_runtime.annotator import TextAnnotator
from tfkd_runtime.documents import DocumentOptions, annotate_placed, write_placed
from tfkd_runtime.placed import PlacedDocument, read_file, without_broken
from tfkd_runtime.report import AnnotationReport


def check_inputs(inputs: Iterable[str], format: str | None, offsets: str) -> None:
    """Check that the files and folders are there, before models are loaded.

    Raises:
        DocumentError: There is no such input, or its format cannot be detected.
    """
    for source in inputs:
        if source != STANDARD:
            document_files(source, format, offsets=offsets)


def annotate_stream(
    options: DocumentOptions,
    annotator: TextAnnotator,
    inputs: Iterable[str | os.PathLike[str]],
    writer: DocumentWriter,
    *,
    format: str | None = None,
    offsets: str = CHARACTERS,
    on_broken: Callable[[BrokenDocument], None],
    on_document: Callable[[AnnotationReport], None] | None = None,
) -> AnnotationReport:
    r"""Annotate the documents of files and of standard input one after the other. The run cannot be resumed.

    Args:
        options: How to annotate.
        annotator: The models of the options, opened.
        inputs: Files, folders, and `-` for standard input.
        writer: Receives the documents.
        format: The name of the input's format. Default: detected from name and content.
        offsets: What offsets of entities count in the input, one of `OFFSETS`.
        on_broken: Called with each broken document.
        on_document: Called with the report after each document.

    Returns:
        The counts of all documents.

    Raises:
        DocumentError: There is no such input, or its format cannot be detected.
        ServerError: A server did not answer.

    Example:
        >>> import io, tempfile
        >>> from tfkd_base.documents import document_writer
        >>> from tfkd.models import BiLSTM, Tagger
        >>> from tfkd.serving import Annotator
        >>> from tfkd.text import WordFeatures
        >>> model = Tagger(WordFeatures(["x"], ["c"]), ["O", "B-X", "I-X"], encoder=BiLSTM(units=2))
        >>> file = Path(tempfile.mkdtemp()) / "in.txt"
        >>> _ = file.write_text("One.\nTwo.\n")
        >>> options = DocumentOptions()
        >>> with document_writer(out := io.BytesIO(), "jsonl") as writer:
        ...     report = annotate_stream(options, Annotator(model), [file], writer, on_broken=print)
        >>> report.documents, len(out.getvalue().splitlines())
        (2, 2)
    """
    report, counts = AnnotationReport(notes=list(annotator.notes)), Counts()
    writer.add_notes(report.notes)

    def set_aside(broken: BrokenDocument) -> None:
        report.broken += 1
        on_broken(broken)

    read = without_broken(_read_inputs(inputs, format, offsets, counts), set_aside)
    placed = annotate_placed(read, annotator, options, as_tokens=writer.needs_tokens, counts=counts)
    write_placed(placed, lambda one: writer.write(one.whole), set_aside, report, on_document)
    report.changes.update(+counts)
    report.changes.update(writer.counts)
    return report


def _read_inputs(
    inputs: Iterable[str | os.PathLike[str]], format: str | None, offsets: str, counts: Counts
) -> Iterator[PlacedDocument]:
    for source in inputs:
        if os.fspath(source) == STANDARD:
            reader = open_documents(STANDARD, format, offsets)
            for number, document in enumerate(reader, 1):
                yield PlacedDocument("standard input", number, document)
            counts.update(reader.counts)
        else:
            for file in document_files(Path(source), format, counts, offsets):
                yield from read_file(file, counts)
