"""Annotating documents: those of a script, those of a block, and joining what the blocks gave."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from tfkd.annotate.blocks import Block, PlacedDocument
from tfkd.annotate.folder import AnnotationFolder, error_lines
from tfkd.annotate.options import AnnotationOptions, AnnotationOutput
from tfkd.annotate.partial import Chunk, PartialBlock, cut_chunks
from tfkd.annotate.report import AnnotationReport
from tfkd.serving import Annotator
from tfkd.text import tokenized
from tfkd_base.documents import BrokenDocument, Counts, Document, DocumentError, Entity, document_writer, get_format
from tfkd_base.files import atomic_file
from tfkd_base.registry import load_code


def annotate_documents(
    annotator: Annotator, documents: Iterable[Document], *, batch_size: int = 32, keep: bool = False
) -> Iterator[Document]:
    """Return documents with the entities that models find in them.

    Each passage, such as the title, is annotated by itself. Entities lie at offsets of the document. A document that
    is cut into tokens, such as one of a column file, keeps its tokens: they are tagged as they are.

    Args:
        annotator: The models.
        documents: The documents, read at most one batch ahead.
        batch_size: Passages, or documents of tokens, that go through a model, or to a server, together.
        keep: Keep the entities that the documents have, before those that are found. Duplicates, with the same place
            and type, are dropped. Default: the entities are replaced.

    Returns:
        An iterator over the documents, in their order.

    Raises:
        TfkdError: The batch size is below 1, or, while iterating, a document holds half a surrogate pair.
        ServerError: A server did not answer.

    Example:
        >>> from tfkd.models import BiLSTM, Tagger
        >>> from tfkd.text import WordFeatures
        >>> model = Tagger(WordFeatures(["cancer"], ["c"]), ["O", "B-X", "I-X"], encoder=BiLSTM(units=2))
        >>> _ = model.head.bias.assign([-9, 9, 0])
        >>> document = next(annotate_documents(Annotator(model), [Document("7", "No cancer")]))
        >>> [(entity.start, entity.end, entity.type) for entity in document.entities]
        [(0, 2, 'X'), (3, 9, 'X')]
    """
    for has_tokens, group in itertools.groupby(documents, lambda document: bool(document.sentences)):
        find = _find_in_tokens if has_tokens else _find_in_passages
        for document, entities in find(annotator, group, batch_size):
            yield document.with_entities(_add_new(document.entities, entities) if keep else entities)


def _find_in_passages(
    annotator: Annotator, documents: Iterable[Document], batch_size: int
) -> Iterator[tuple[Document, list[Entity]]]:
    waiting: deque[Document] = deque()

    def passages() -> Iterator[str]:
        for document in documents:
            waiting.append(document)
            yield from (document.text[passage.start : passage.end] for passage in document.passages)

    annotations = annotator.annotate(passages(), batch_size)
    for first in annotations:
        # A document is appended to `waiting` before its first passage is read.
        document = waiting.popleft()
        of_document = [first, *itertools.islice(annotations, len(document.passages) - 1)]
        pairs = zip(document.passages, of_document, strict=True)
        yield document, [_shift(entity, passage.start) for passage, one in pairs for entity in one.entities]


def _find_in_tokens(
    annotator: Annotator, documents: Iterable[Document], batch_size: int
) -> Iterator[tuple[Document, list[Entity]]]:
    waiting: deque[Document] = deque()

    def texts() -> Iterator[tuple[str, tuple[tuple[tuple[int, int], ...], ...]]]:
        for document in documents:
            waiting.append(document)
            yield document.text, document.sentences

    for annotation in annotator.annotate_tokens(texts(), batch_size):
        yield waiting.popleft(), list(annotation.entities)


def _shift(entity: Entity, by: int) -> Entity:
    return Entity(entity.start + by, entity.end + by, entity.type, score=entity.score)


def _add_new(kept: Iterable[Entity], new: Iterable[Entity]) -> list[Entity]:
    entities = list(kept)
    existing = {(entity.parts, entity.type) for entity in entities}
    return entities + [entity for entity in new if (entity.parts, entity.type) not in existing]


def without_broken(
    placed: Iterable[PlacedDocument], set_aside: Callable[[BrokenDocument], None] = lambda broken: None
) -> Iterator[PlacedDocument]:
    """Return the documents that are not broken, in their order.

    Args:
        placed: The documents.
        set_aside: Called with each broken document.
    """
    for one in placed:
        if isinstance(one.document, BrokenDocument):
            set_aside(one.document)
        else:
            yield one


def annotate_placed(
    placed: Iterable[PlacedDocument], annotator: Annotator, options: AnnotationOptions, as_tokens: bool
) -> Iterator[PlacedDocument]:
    """Annotate documents with their places.

    Args:
        placed: The documents, none of them broken.
        annotator: The models.
        options: How to annotate.
        as_tokens: Whether to cut the documents into the tokens that the models see, which column files need.

    Returns:
        An iterator over the documents, in their order.
    """
    places: deque[PlacedDocument] = deque()

    def documents() -> Iterator[Document]:
        for one in placed:
            places.append(one)
            yield one.whole

    annotated = annotate_documents(annotator, documents(), batch_size=options.batch_size, keep=options.keep)
    if as_tokens:
        annotated = tokenized(annotated)
    for document in annotated:
        place = places.popleft()
        yield PlacedDocument(place.source, place.number, document)


def write_placed(
    placed: Iterable[PlacedDocument],
    write: Callable[[PlacedDocument], object],
    set_aside: Callable[[BrokenDocument], None],
    report: AnnotationReport,
    on_document: Callable[[AnnotationReport], None] | None = None,
) -> None:
    """Write documents; set aside those that the format cannot hold.

    Args:
        placed: The documents, none of them broken.
        write: Writes a document.
        set_aside: Called with each document that cannot be written.
        report: Receives the counts of the documents.
        on_document: Called with the report after each document.
    """
    for one in placed:
        try:
            write(one)
        except DocumentError as error:
            raw = one.whole.text.encode("utf-8", "backslashreplace")
            set_aside(BrokenDocument(one.source, f"it cannot be written: {error}", raw, number=one.number))
        else:
            report.count(one.whole)
        if on_document is not None:
            on_document(report)


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
                    for note in report.notes:
                        writer.add_note(note)
                    write_placed(placed, lambda one: writer.write(one.whole), broken.append, report)
                report.changes.update(writer.counts)
            else:
                with atomic_file(part) as file, file.open("wb") as stream:
                    write_placed(placed, lambda one: stream.write(one.to_line()), broken.append, report)
            report.broken = len(broken)
            report.changes.update(+counts)
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
            annotated = annotate_placed(without_broken(chunk), self._annotator, self._options, as_tokens)
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
            partial.append(Chunk(len(chunk), tuple(lines)))


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
        for note in report.notes:
            writer.add_note(note)
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
