"""Documents cut into sentences and tokens, as the exported model cuts its input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import tensorflow as tf

from tfkd.text.segmentation import traced_segment
from tfkd_base.corpora import Scheme, Sentence
from tfkd_base.documents import Document, TaggingReport, tagged
from tfkd_runtime.document_sentences import PassageTokens, cut_documents


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
    return cut_documents(documents, _segment)


def _segment(texts: Sequence[bytes]) -> PassageTokens:
    segments = traced_segment()(tf.constant(texts, tf.string, shape=[len(texts)]))
    return PassageTokens(
        segments.starts.numpy(),
        segments.ends.numpy(),
        segments.sentence_splits.numpy(),
        segments.passage_splits.numpy(),
    )


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
