"""Annotating the documents of a block, and joining what the blocks gave."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tfkd.annotate.blocks import Block
from tfkd.annotate.folder import AnnotationFolder
from tfkd.annotate.options import AnnotationOptions, AnnotationOutput
from tfkd.annotate.partial import Chunk, PartialBlock, cut_chunks
from tfkd_base.documents import BrokenDocument, Counts, document_writer, get_format
from tfkd_base.files import atomic_file
from tfkd_base.registry import load_code
from tfkd_runtime.documents import annotate_placed, write_placed
from tfkd_runtime.placed import PlacedDocument, without_broken
from tfkd_runtime.report import AnnotationReport, error_lines


class BlockAnnotator:
    """The work of an engine: annotates blocks, and writes their parts.

    The documents of a block are annotated in chunks of some thousand words, each of which is kept. After a kill the
    block resumes behind its last chunk.

    Args:
        options: The models and how to use them.
        output: The output.
        threads: TensorFlow's threads, in a process of its own. Default: as TensorFlow is set up.
        code: Files of a user's parts, to be loaded in a process of its own.
        on_document: Called after each document with the block, the counts of its documents so far, and the number of
            words that an earlier process annotated.

    Raises:
        TfkdError: There is no such model, or it lacks a task.
        ServerError: A server cannot be reached.
    """

    def __init__(
        self,
        options: AnnotationOptions,
        output: AnnotationOutput,
        *,
        threads: int | None = None,
        code: Sequence[Path] = (),
        on_document: Callable[[Block, AnnotationReport, int], None] | None = None,
    ) -> None:
        if threads is not None:
            import tensorflow as tf

            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
        for file in code:
            load_code(file)
        self._options = options
        self._output = output
        self._folder = AnnotationFolder.of_output(output)
        self._annotator = options.open_models()
        self._on_document = on_document

    def __call__(self, block: Block) -> AnnotationReport:
        """Annotate a block and write its part, unless another worker has done so.

        Returns:
            The counts of its documents.

        Raises:
            ServerError: A server did not answer.
            OSError: The part cannot be written.
        """
        folder, format = self._folder, self._output.format
        if folder.is_done(block.name):
            return folder.report(block.name)
        report, counts = AnnotationReport(notes=list(self._annotator.notes)), Counts()
        broken: list[BrokenDocument] = []
        with PartialBlock(folder.path, block.name) as partial, folder.attempt() as attempt:
            self._annotate(block, partial, counts)
            part, errors = attempt / folder.part(block.name).name, attempt / "errors.jsonl"
            placed = without_broken(partial.documents(), broken.append)
            if self._output.in_parts:
                with document_writer(part, format) as writer:
                    writer.add_notes(report.notes)
                    write_placed(placed, lambda one: writer.write(one.whole), broken.append, report)
                report.changes.update(writer.counts)
            else:
                with atomic_file(part) as file, file.open("wb") as stream:
                    write_placed(placed, lambda one: stream.write(one.to_line()), broken.append, report)
            report.broken = len(broken)
            report.changes.update(+counts)
            report.changes.update(partial.changes)
            if broken:
                with atomic_file(errors) as file:
                    file.write_bytes(error_lines(broken))
            folder.publish(block.name, part, errors, report)
            partial.remove()
        return report

    def _annotate(self, block: Block, partial: PartialBlock, counts: Counts) -> None:
        """Annotate the chunks of a block that are not in its file yet."""
        as_tokens = get_format(self._output.format).has_tokens
        report = AnnotationReport()
        for one in without_broken(partial.documents()):
            report.count(one.whole)
        done, resumed_words = partial.read, report.words
        if done and self._on_document is not None:
            self._on_document(block, report, resumed_words)
        # All documents are read again, to count what is changed in reading.
        for chunk in cut_chunks(itertools.islice(block.read(counts), done, None)):
            changes = Counts()
            annotated = annotate_placed(
                without_broken(chunk), self._annotator, self._options, as_tokens=as_tokens, counts=changes
            )
            lines = []
            for one in chunk:
                if isinstance(one.document, BrokenDocument):
                    lines.append(one.to_line())
                    continue
                result = next(annotated)
                lines.append(result.to_line())
                report.count(result.whole)
                if self._on_document is not None:
                    self._on_document(block, report, resumed_words)
            partial.append(Chunk(len(chunk), tuple(lines), dict(+changes)))


def join_parts(
    folder: AnnotationFolder,
    output: AnnotationOutput,
    errors: Path,
    on_document: Callable[[int, int], None] = lambda written, documents: None,
) -> AnnotationReport:
    """Write the documents of all parts to one output, and the broken ones to the file of errors.

    Both appear complete or not at all, the output last.

    Args:
        folder: The folder of the parts.
        output: The output.
        errors: The file of broken documents.
        on_document: Called after each document with the number of those that are written, and that of all.

    Returns:
        The counts of all documents.

    Raises:
        DocumentError: The output is a folder that is not empty.
        OSError: It cannot be written.
    """
    parts = folder.total()
    report = AnnotationReport(broken=parts.broken, changes=parts.changes, notes=parts.notes)
    broken: list[BrokenDocument] = []

    def documents() -> Iterator[PlacedDocument]:
        for name in folder.list_done():
            with folder.part(name).open("rb") as lines:
                yield from map(PlacedDocument.from_line, lines)

    with document_writer(output.path, output.format) as writer:
        writer.add_notes(report.notes)
        write_placed(
            documents(),
            lambda one: writer.write(one.whole),
            broken.append,
            report,
            lambda report: on_document(report.documents, parts.documents),
        )
        report.broken += len(broken)
        folder.write_errors(errors, broken)
    report.changes.update(writer.counts)
    return report
