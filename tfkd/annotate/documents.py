"""Documents in, the same documents with the entities that models find in them out."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator

from tfkd.serving import Annotation, Annotator
from tfkd_base.documents import Document, Entity


def annotated(
    annotator: Annotator, documents: Iterable[Document], *, batch_size: int = 32, keep: bool = False
) -> Iterator[Document]:
    """Annotate documents passage by passage, such as title and abstract; entities lie at offsets of the document.

    A document that has been cut into tokens, as column files are, keeps them: its sentences are tagged as they are.

    Args:
        annotator: The models.
        documents: The documents, read no further ahead than a batch.
        batch_size: Passages, or documents of tokens, that go through a model, or to a server, together.
        keep: Keep the entities that the documents have, before those that are found; by default these take their place.
            One that is found again as it stands there, with the same type, stands once.

    Returns:
        An iterator over the documents, in their order.

    Raises:
        TfkdError: The batch size is below 1, or, when its turn comes, a document holds half a surrogate pair.
        ServerError: A server has not answered, however often it was asked.

    Example:
        >>> from tfkd.models import BiLSTM, Tagger
        >>> from tfkd.text import WordFeatures
        >>> model = Tagger(WordFeatures(["cancer"], ["c"]), ["O", "B-X", "I-X"], encoder=BiLSTM(2))
        >>> _ = model.head.bias.assign([-9, 9, 0])
        >>> document = next(annotated(Annotator(model), [Document("7", "No cancer")]))
        >>> [(entity.start, entity.end, entity.type) for entity in document.entities]
        [(0, 2, 'X'), (3, 9, 'X')]
    """
    for has_tokens, group in itertools.groupby(documents, lambda document: bool(document.sentences)):
        find = _by_tokens if has_tokens else _by_passage
        for document, entities in find(annotator, group, batch_size):
            yield document.with_entities(_with_kept(document.entities, entities) if keep else entities)


def _by_passage(
    annotator: Annotator, documents: Iterable[Document], batch_size: int
) -> Iterator[tuple[Document, list[Entity]]]:
    waiting: deque[Document] = deque()

    def passages() -> Iterator[str]:
        for document in documents:
            waiting.append(document)
            yield from (document.text[passage.start : passage.end] for passage in document.passages)

    annotations = annotator.annotate(passages(), batch_size)
    for first in annotations:
        # The first passage of a document is read after the document has been put to those that wait.
        document = waiting.popleft()
        of_document = [first, *itertools.islice(annotations, len(document.passages) - 1)]
        pairs = zip(document.passages, of_document, strict=True)
        yield document, [_entity(entity, passage.start) for passage, one in pairs for entity in one.entities]


def _by_tokens(
    annotator: Annotator, documents: Iterable[Document], batch_size: int
) -> Iterator[tuple[Document, list[Entity]]]:
    waiting: deque[Document] = deque()

    def texts() -> Iterator[tuple[str, tuple[tuple[tuple[int, int], ...], ...]]]:
        for document in documents:
            waiting.append(document)
            yield document.text, document.sentences

    annotation: Annotation
    for annotation in annotator.annotate_tokens(texts(), batch_size):
        yield waiting.popleft(), [_entity(entity, 0) for entity in annotation.entities]


def _entity(entity: Entity, shift: int) -> Entity:
    return Entity(entity.start + shift, entity.end + shift, entity.type, score=entity.score)


def _with_kept(kept: Iterable[Entity], found: Iterable[Entity]) -> list[Entity]:
    listed = list(kept)
    there = {(entity.parts, entity.type) for entity in listed}
    return listed + [entity for entity in found if (entity.parts, entity.type) not in there]
