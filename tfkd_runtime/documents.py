"""Annotating documents one after the other."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tfkd_base.documents import (
    BrokenDocument,
    Counts,
    Document,
    DocumentError,
    Entity,
    EntitySelection,
    OverlapRule,
)
from tfkd_base.errors import TfkdError
from tfkd_runtime.annotator import TextAnnotator
from tfkd_runtime.placed import PlacedDocument
from tfkd_runtime.report import AnnotationReport


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentOptions:
    """How documents are annotated.

    Attributes:
        keep: Keep the entities that the documents have, beside those that are found.
        min_score: Drop entities with a score below this, 0 to 1. Default: none is dropped.
        abbreviations: Give a short form, such as DMD, the type of its long form within a document.
        resolve: Which of the entities that overlap is kept: `longest`, or the one with the highest `score`. Default:
            all are kept.
        batch_size: Passages that go through a model, or to a server, together.

    Raises:
        TfkdError: A value is out of range.
    """

    keep: bool = False
    min_score: float | None = None
    abbreviations: bool = True
    resolve: OverlapRule | None = None
    batch_size: int = 32

    def __post_init__(self) -> None:
        """Check the values before any work."""
        if self.batch_size < 1:
            raise TfkdError(f"expected a batch size of at least 1, got {self.batch_size}")
        _ = self.selection

    @property
    def selection(self) -> EntitySelection:
        """Which entities are kept.

        Raises:
            TfkdError: A value is out of range.
        """
        return EntitySelection(
            keep=self.keep, min_score=self.min_score, abbreviations=self.abbreviations, resolve=self.resolve
        )


def annotate_documents(
    annotator: TextAnnotator,
    documents: Iterable[Document],
    *,
    batch_size: int = 32,
    keep: bool = False,
    selection: EntitySelection | None = None,
    counts: Counts | None = None,
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
        selection: Which entities are kept, instead of `keep`, such as `DocumentOptions().selection`. Default: those
            that are found, without the steps of `EntitySelection`.
        counts: Receives what the selection drops, adds and changes.

    Returns:
        An iterator over the documents, in their order.

    Raises:
        TfkdError: The batch size is below 1, both `keep` and `selection` are given, or, while iterating, a document
            holds half a surrogate pair, or a score is needed that the model does not give.
        ServerError: A server did not answer.

    Example:
        >>> from tfkd.models import BiLSTM, Tagger
        >>> from tfkd.serving import Annotator
        >>> from tfkd.text import WordFeatures
        >>> model = Tagger(WordFeatures(["cancer"], ["c"]), ["O", "B-X", "I-X"], encoder=BiLSTM(units=2))
        >>> _ = model.head.bias.assign([-9, 9, 0])
        >>> document = next(annotate_documents(Annotator(model), [Document("7", "No cancer")]))
        >>> [(entity.start, entity.end, entity.type) for entity in document.entities]
        [(0, 2, 'X'), (3, 9, 'X')]
    """
    if keep and selection is not None:
        raise TfkdError("expected keep or selection, got both; write selection=EntitySelection(keep=True, ...)")
    return _annotate_documents(
        annotator,
        documents,
        batch_size,
        selection or EntitySelection(keep=keep),
        Counts() if counts is None else counts,
    )


def _annotate_documents(
    annotator: TextAnnotator,
    documents: Iterable[Document],
    batch_size: int,
    selection: EntitySelection,
    counts: Counts,
) -> Iterator[Document]:
    for has_tokens, group in itertools.groupby(documents, lambda document: bool(document.sentences)):
        find = _find_in_tokens if has_tokens else _find_in_passages
        for document, entities in find(annotator, group, batch_size):
            yield selection.apply(document, entities, counts)


def _find_in_passages(
    annotator: TextAnnotator, documents: Iterable[Document], batch_size: int
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
    annotator: TextAnnotator, documents: Iterable[Document], batch_size: int
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


def annotate_placed(
    placed: Iterable[PlacedDocument],
    annotator: TextAnnotator,
    options: DocumentOptions,
    *,
    as_tokens: bool,
    counts: Counts,
) -> Iterator[PlacedDocument]:
    """Annotate documents with their places.

    Args:
        placed: The documents, none of them broken.
        annotator: The models.
        options: How to annotate.
        as_tokens: Whether to cut the documents into the tokens that the models see, which column files need.
        counts: Receives what the options drop, add and change.

    Returns:
        An iterator over the documents, in their order.
    """
    places: deque[PlacedDocument] = deque()

    def documents() -> Iterator[Document]:
        for one in placed:
            places.append(one)
            yield one.whole

    annotated = annotate_documents(
        annotator, documents(), batch_size=options.batch_size, selection=options.selection, counts=counts
    )
    if as_tokens:
        annotated = annotator.tokenize(annotated)
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
