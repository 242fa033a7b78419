"""Annotating what comes, be it from standard input, and writing it as it comes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tfkd.annotate.block_reading import file_items
from tfkd.annotate.items import Item
from tfkd.annotate.report import Report
from tfkd.annotate.settings import Settings
from tfkd.annotate.work import Tick, annotated_items, write_items
from tfkd.serving import Annotator
from tfkd_base.documents import STANDARD, BrokenDocument, Counts, DocumentWriter, document_files, open_documents


def annotate_stream(
    settings: Settings,
    annotator: Annotator,
    inputs: Iterable[str | os.PathLike[str]],
    writer: DocumentWriter,
    *,
    format: str | None = None,
    on_broken: Callable[[BrokenDocument], None],
    tick: Tick | None = None,
) -> Report:
    r"""Annotate the documents of files and of standard input, one after the other, in one go.

    Args:
        settings: How to annotate.
        annotator: Its models, opened.
        inputs: Files, folders, and `-` for standard input.
        writer: Takes the documents.
        format: The name of the input's format; told by name and content if not given.
        on_broken: Takes each broken document; the others go on.
        tick: Is called after each document.

    Returns:
        What was done.

    Raises:
        DocumentError: There is no such input, or its format cannot be told.
        ServerError: A server has not answered.

    Example:
        >>> import io, tempfile
        >>> from tfkd_base.documents import document_writer
        >>> from tfkd.models import BiLSTM, Tagger
        >>> from tfkd.text import WordFeatures
        >>> model = Tagger(WordFeatures(["x"], ["c"]), ["O", "B-X", "I-X"], encoder=BiLSTM(2))
        >>> file = Path(tempfile.mkdtemp()) / "in.txt"
        >>> _ = file.write_text("One.\nTwo.\n")
        >>> with document_writer(out := io.BytesIO(), "jsonl") as writer:
        ...     report = annotate_stream(Settings(("x",)), Annotator(model), [file], writer, on_broken=print)
        >>> report.documents, len(out.getvalue().splitlines())
        (2, 2)
    """
    report, read = Report(), Counts()

    def set_aside(one: BrokenDocument) -> None:
        report.broken += 1
        on_broken(one)

    items = annotated_items(_items(inputs, format, read), annotator, settings, set_aside)
    write_items(items, lambda item: writer.write(item.whole), set_aside, report, tick)
    report.changes.update(+read)
    report.changes.update(writer.counts)
    return report


def _items(inputs: Iterable[str | os.PathLike[str]], format: str | None, counts: Counts) -> Iterator[Item]:
    for one in inputs:
        if os.fspath(one) == STANDARD:
            reader = open_documents(STANDARD, format)
            for number, document in enumerate(reader, 1):
                yield Item("standard input", number, document)
            counts.update(reader.counts)
        else:
            for file in document_files(Path(one), format, counts):
                yield from file_items(file, counts)
