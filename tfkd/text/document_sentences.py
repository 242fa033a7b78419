"""Documents cut into sentences and tokens, as the exported model cuts its input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice, pairwise

import numpy as np
import tensorflow as tf

from tfkd.text.segmentation import traced_segment
from tfkd_base.corpora import Scheme, Sentence
from tfkd_base.documents import Document, TaggingReport, tagged

_BATCH = 64
"""Number of documents that are cut together"""

Tokens = tuple[tuple[int, int], ...]


def tokenized(documents: Iterable[Document]) -> Iterator[Document]:
    """Cut documents into sentences and tokens, passage by passage, as the exported model does.

    Args:
        documents: The documents. Those that have tokens already, such as the ones of column files, stay unchanged.

    Returns:
        The documents with their `sentences`.

    Example:
        >>> document = next(tokenized([Document("1", "TNF falls. It rises.")]))
        >>> [[document.text[start:end] for start, end in sentence] for sentence in document.sentences]
        [['TNF', 'falls', '.'], ['It', 'rises', '.']]
    """
    waiting = iter(documents)
    while batch := list(islice(waiting, _BATCH)):
        uncut = [document for document in batch if not document.sentences]
        cut = iter(_cut(uncut))
        for document in batch:
            yield document if document.sentences else replace(document, sentences=next(cut))


def _cut(documents: list[Document]) -> list[tuple[Tokens, ...]]:
    """Return the sentences of each document: start and end of each token."""
    passages = [(number, passage) for number, document in enumerate(documents) for passage in document.passages]
    # UTF-8 cannot express half a surrogate pair; a question mark has the same length.
    texts = [documents[number].text[p.start : p.end].encode("utf-8", "replace") for number, p in passages]
    segments = traced_segment()(tf.constant(texts, tf.string, shape=[len(texts)]))
    splits = segments.passage_splits.numpy()
    shifts = np.repeat([passage.start for _, passage in passages], np.diff(splits)).astype(int)
    tokens = list(
        zip((segments.starts.numpy() + shifts).tolist(), (segments.ends.numpy() + shifts).tolist(), strict=True)
    )
    owners = np.repeat([number for number, _ in passages], np.diff(splits)).astype(int)
    sentences: list[list[Tokens]] = [[] for _ in documents]
    borders = segments.sentence_splits.numpy().tolist()
    for start, end in pairwise(borders):
        sentences[owners[start]].append(tuple(tokens[start:end]))
    return [tuple(of_document) for of_document in sentences]


def documents_to_sentences(
    documents: Iterable[Document], scheme: Scheme = "iob2", report: TaggingReport | None = None
) -> Iterator[Sentence]:
    """Convert annotated documents to tagged sentences.

    `tfkd_base.documents.tagged` documents the rule for entities that do not fit tokens, overlap or are discontinuous.

    Args:
        documents: The documents; those without tokens are cut as the exported model cuts text.
        scheme: The tag scheme.
        report: Receives the numbers of entities that were changed or dropped.

    Example:
        >>> from tfkd_base.documents import Entity
        >>> document = Document("1", "Loss of BRCA1. It rises.", (Entity(8, 13, "Gene"),))
        >>> [sentence.tags for sentence in documents_to_sentences([document])]
        [('O', 'O', 'B-Gene', 'O'), ('O', 'O', 'O')]
    """
    for document in tokenized(documents):
        yield from tagged(document, scheme, report)
