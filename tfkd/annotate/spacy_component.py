"""A component of a spaCy pipeline that finds entities with trained models."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import cast

import numpy as np
from spacy.tokens import Doc, Span, SpanGroup

from tfkd.annotate.options import AnnotationOptions
from tfkd_base.documents import Document, Entity, OverlapRule, resolve_overlaps
from tfkd_base.documents.overlaps import check_rule
from tfkd_base.errors import TfkdError
from tfkd_runtime.documents import annotate_documents


class EntityComponent:
    """Component of a spaCy pipeline that finds entities: `nlp.add_pipe("tfkd", config={"model": ...})`.

    All entities are in `doc.spans["tfkd"]`, also those that overlap. Their scores are in `attrs["scores"]` of that
    group, float32 in the same order, as spaCy's span categorizer has them. `doc.ents`, which cannot overlap, has the
    longest of those that do.

    The model reads the text with tokens of its own. An entity that starts or ends within a token of spaCy is expanded
    to the whole token; `attrs["expanded"]` is the number of these entities.

    Args:
        options: The models, and which entities are kept.
        resolve: Which of the entities that overlap is in `doc.ents`: `longest`, or the one with the highest `score`.
        spans_key: The key of `doc.spans`.
        overwrite_ents: Replace the entities that an earlier component put in `doc.ents`. Otherwise these stay, and the
            entities that overlap them are in `doc.spans` only.

    Raises:
        TfkdError: There is no such model or rule, the model lacks a task, or a value is out of range.
        ServerError: A server cannot be reached.
    """

    def __init__(
        self,
        options: AnnotationOptions,
        *,
        resolve: str = "longest",
        spans_key: str = "tfkd",
        overwrite_ents: bool = True,
    ) -> None:
        check_rule(resolve)
        self._options = options
        self._rule = cast(OverlapRule, resolve)
        self._key = spans_key
        self._overwrites = overwrite_ents
        self._annotator = options.open_models()
        self._process = os.getpid()

    def __reduce__(self) -> tuple[object, ...]:
        """Describe the component for a process that spaCy starts, which opens the models itself."""
        return _open, (self._options, self._rule, self._key, self._overwrites)

    @property
    def labels(self) -> tuple[str, ...]:
        """The entity types that can be found, sorted."""
        return self._annotator.types

    def __call__(self, doc: Doc) -> Doc:
        """Find the entities of one document.

        Raises:
            ServerError: A server did not answer.
        """
        return next(self.pipe([doc]))

    def pipe(self, docs: Iterable[Doc], *, batch_size: int | None = None) -> Iterator[Doc]:
        """Find the entities of documents, which go through a model in batches.

        Args:
            docs: The documents, read at most one batch ahead.
            batch_size: Documents that go through a model together. Default: that of the options.

        Raises:
            TfkdError: spaCy has forked this process, in which TensorFlow then does not work.
            ServerError: A server did not answer.
        """
        if os.getpid() != self._process:
            raise TfkdError(
                "TensorFlow does not work in a forked process: call nlp.pipe with n_process=1, or before it "
                'multiprocessing.set_start_method("spawn")'
            )
        waiting: deque[Doc] = deque()

        def documents() -> Iterator[Document]:
            for doc in docs:
                waiting.append(doc)
                yield Document("", doc.text)

        # spaCy's default of 1,000 documents would need much memory.
        size = min(batch_size or self._options.batch_size, self._options.batch_size)
        selection = replace(self._options.selection, keep=False, resolve=None)
        for document in annotate_documents(self._annotator, documents(), batch_size=size, selection=selection):
            doc = waiting.popleft()
            self._assign(doc, document.entities)
            yield doc

    def _assign(self, doc: Doc, entities: Iterable[Entity]) -> None:
        found = list(entities)
        spans = [doc.char_span(e.start, e.end, label=e.type, alignment_mode="expand") for e in found]
        aligned = [
            Entity(span.start_char, span.end_char, entity.type, score=entity.score)
            for span, entity in zip(spans, found, strict=True)
        ]
        moved = sum((e.start, e.end) != (a.start, a.end) for e, a in zip(found, aligned, strict=True))
        scores = np.array([entity.score for entity in found], np.float32)
        doc.spans[self._key] = SpanGroup(doc, name=self._key, spans=spans, attrs={"scores": scores, "expanded": moved})
        kept: list[Span] = [] if self._overwrites else list(doc.ents)
        taken = {token for span in kept for token in range(span.start, span.end)}
        own = {
            id(entity): span
            for entity, span in zip(aligned, spans, strict=True)
            if taken.isdisjoint(range(span.start, span.end))
        }
        resolved = resolve_overlaps([entity for entity in aligned if id(entity) in own], self._rule)
        doc.ents = [*kept, *(own[id(entity)] for entity in resolved)]


def _open(options: AnnotationOptions, resolve: str, spans_key: str, overwrite_ents: bool) -> EntityComponent:
    return EntityComponent(options, resolve=resolve, spans_key=spans_key, overwrite_ents=overwrite_ents)
