"""Documents cut into sentences and tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice, pairwise
from typing import NamedTuple

import numpy as np

from tfkd_base.documents import Document

_BATCH = 64
"""Number of documents that are cut together"""

Tokens = tuple[tuple[int, int], ...]


class PassageTokens(NamedTuple):
    """The tokens of a batch of passages, with the limits of sentences and passages.

    Attributes:
        starts: Start of each token in its passage, in code points, int `[tokens]`.
        ends: End of each token, exclusive, int `[tokens]`.
        sentence_splits: Sentence `s` of the batch has the tokens `splits[s]` to `splits[s + 1]`, int `[sentences + 1]`.
        passage_splits: The same for passages, int `[passages + 1]`. A passage without tokens has no sentence.
    """

    starts: np.ndarray
    ends: np.ndarray
    sentence_splits: np.ndarray
    passage_splits: np.ndarray


Segment = Callable[[Sequence[bytes]], PassageTokens]
"""Splits passages, UTF-8, into sentences and tokens."""


def cut_documents(documents: Iterable[Document], segment: Segment) -> Iterator[Document]:
    """Cut documents into sentences and tokens, passage by passage.

    Args:
        documents: The documents. Those that have tokens already stay unchanged.
        segment: Splits passages.

    Returns:
        The documents with their `sentences`.

    Example:
        >>> from tfkd_base.documents import Passage
        >>> one_token = PassageTokens(np.array([0]), np.array([3]), np.array([0, 1]), np.array([0, 1]))
        >>> next(cut_documents([Document("1", "TNF", (), (Passage(0, 3),))], lambda texts: one_token)).sentences
        (((0, 3),),)
    """
    waiting = iter(documents)
    while batch := list(islice(waiting, _BATCH)):
        uncut = [document for document in batch if not document.sentences]
        cut = iter(_cut(uncut, segment))
        for document in batch:
            yield document if document.sentences else replace(document, sentences=next(cut))


def _cut(documents: list[Document], segment: Segment) -> list[tuple[Tokens, ...]]:
    """Return the sentences of each document: start and end of each token."""
    passages = [(number, passage) for number, document in enumerate(documents) for passage in document.passages]
    # UTF-8 cannot express half a surrogate pair; a question mark has the same length.
    texts = [documents[number].text[p.start : p.end].encode("utf-8", "replace") for number, p in passages]
    segments = segment(texts)
    splits = segments.passage_splits
    shifts = np.repeat([passage.start for _, passage in passages], np.diff(splits)).astype(int)
    tokens = list(zip((segments.starts + shifts).tolist(), (segments.ends + shifts).tolist(), strict=True))
    owners = np.repeat([number for number, _ in passages], np.diff(splits)).astype(int)
    sentences: list[list[Tokens]] = [[] for _ in documents]
    borders = segments.sentence_splits.tolist()
    for start, end in pairwise(borders):
        sentences[owners[start]].append(tuple(tokens[start:end]))
    return [tuple(of_document) for of_document in sentences]
