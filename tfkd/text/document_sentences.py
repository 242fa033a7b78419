"""Annotated documents as sentences to learn from: cut as the exported model cuts what it is sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfkd.text.segmentation import traced_segment
from tfkd_base.corpora import Corpus, ReadReport, Scheme, Sentence, SplitReport
from tfkd_base.corpora.corpus import count_split
from tfkd_base.corpora.schemes import check_scheme
from tfkd_base.documents import (
    BrokenDocument,
    Counts,
    Document,
    DocumentError,
    DocumentFile,
    TaggingReport,
    corpus_documents,
    open_documents,
    tagged,
)

_DOCUMENTS = 64
"""Documents that are cut at once."""

Tokens = tuple[tuple[int, int], ...]


def tokenized(documents: Iterable[Document]) -> Iterator[Document]:
    """Cut documents into sentences and tokens, passage by passage, as the exported model does.

    Args:
        documents: The documents; those that have tokens already, as column files give, are left as they are.

    Returns:
        The documents with their `sentences`.

    Example:
        >>> document = next(tokenized([Document("1", "TNF falls. It rises.")]))
        >>> [[document.text[start:end] for start, end in sentence] for sentence in document.sentences]
        [['TNF', 'falls', '.'], ['It', 'rises', '.']]
    """
    waiting = iter(documents)
    while batch := list(islice(waiting, _DOCUMENTS)):
        uncut = [document for document in batch if not document.sentences]
        cut = iter(_cut(uncut))
        for document in batch:
            yield document if document.sentences else replace(document, sentences=next(cut))


def _cut(documents: list[Document]) -> list[tuple[Tokens, ...]]:
    """The sentences of each document: start and end of each token."""
    passages = [(number, passage) for number, one in enumerate(documents) for passage in one.passages]
    # A half surrogate pair is no UTF-8; a question mark in its place is as long.
    texts = [documents[number].text[p.start : p.end].encode("utf-8", "replace") for number, p in passages]
    found = traced_segment()(tf.constant(texts, tf.string, shape=[len(texts)]))
    splits = found.passage_splits.numpy()
    shifts = np.repeat([passage.start for _, passage in passages], np.diff(splits)).astype(int)
    tokens = list(zip((found.starts.numpy() + shifts).tolist(), (found.ends.numpy() + shifts).tolist(), strict=True))
    owners = np.repeat([number for number, _ in passages], np.diff(splits)).astype(int)
    sentences: list[list[Tokens]] = [[] for _ in documents]
    borders = found.sentence_splits.numpy().tolist()
    for start, end in pairwise(borders):
        sentences[owners[start]].append(tuple(tokens[start:end]))
    return [tuple(one) for one in sentences]


def documents_to_sentences(
    documents: Iterable[Document], scheme: Scheme = "iob2", report: TaggingReport | None = None
) -> Iterator[Sentence]:
    """Make annotated documents into tagged sentences.

    What becomes of entities that do not fit tokens, overlap or are discontinuous is the rule of
    `tfkd_base.documents.tagged`.

    Args:
        documents: The documents; those without tokens are cut as the exported model cuts text.
        scheme: The tagging scheme.
        report: Counts what was changed and what left out.

    Example:
        >>> from tfkd_base.documents import Entity
        >>> document = Document("1", "Loss of BRCA1. It rises.", (Entity(8, 13, "Gene"),))
        >>> [sentence.tags for sentence in documents_to_sentences([document])]
        [('O', 'O', 'B-Gene', 'O'), ('O', 'O', 'O')]
    """
    for document in tokenized(documents):
        yield from tagged(document, scheme, report)


def read_document_corpus(
    path: str | Path, *, scheme: Scheme = "iob2", strict: bool = False, name: str | None = None
) -> Corpus:
    """Read a corpus from annotated documents: PubTator, BioC, BRAT or JSON lines.

    Args:
        path: A folder with a file or a folder of documents for each split, a folder of documents, or a file; see
            `tfkd_base.documents.corpus_documents`.
        scheme: The scheme to tag in.
        strict: Refuse documents of which an entity has to be changed or left out.
        name: What to call the corpus; by default the name of its folder, or of a file.

    Returns:
        The corpus; for each split `report.splits` holds the number of documents, and what was changed or left out.

    Raises:
        DocumentError: No documents are there, one of them is broken, or there is no token in a split.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> lines = "7|t|Cancer spreads." + chr(10) + chr(9).join(("7", "0", "6", "Cancer", "Disease"))
        >>> _ = (folder / "train.txt").write_text(lines)
        >>> read_document_corpus(folder, name="tiny")
        Corpus('tiny', iob2, train 1, types Disease)
    """
    path = Path(path)
    check_scheme(scheme)
    files = corpus_documents(path)
    splits: dict[str, tuple[Sentence, ...]] = {}
    counts: dict[str, SplitReport] = {}
    for split, of_split in files.splits.items():
        splits[split], counts[split] = _split(of_split, scheme, strict)
    warnings = [f"{file.name}: left alone, since it is no file of annotated documents" for file in files.skipped]
    warnings += [
        f"{split}: {what}: {number:,}" for split, one in counts.items() for what, number in one.changes.items()
    ]
    if not any(one.entities for one in counts.values()):
        warnings.append("there is no entity in any split")
    resolved = path.resolve()
    called = name or (resolved.name if path.is_dir() else resolved.name.removesuffix(".gz").rpartition(".")[0])
    return Corpus(called or resolved.name, scheme, splits, ReadReport(scheme, counts, warnings=tuple(warnings)))


def _split(files: list[DocumentFile], scheme: Scheme, strict: bool) -> tuple[tuple[Sentence, ...], SplitReport]:
    left_out = Counts()
    report = TaggingReport()
    sentences = tuple(documents_to_sentences(_whole(files, left_out), scheme, report))
    if not sentences:
        raise DocumentError(f"{files[0].path}: there is no token in these documents")
    changes = {**left_out, **report.changes()}
    if strict and changes:
        what, found = next(iter(changes.items()))
        raise DocumentError(f"{files[0].path}: {what}: {found:,}; read without --strict to have it so")
    counts = count_split(sentences, scheme)
    paths = str(files[0].path if len(files) == 1 else files[0].path.parent)
    # In the scheme IO, entities of one type that touch have become one.
    merged = report.kept - sum(counts.entities.values())
    return sentences, replace(counts, path=paths, documents=report.documents, changes=changes, merged=merged)


def _whole(files: list[DocumentFile], left_out: Counts) -> Iterator[Document]:
    """The documents of files, of which none may be broken."""
    for file in files:
        reader = open_documents(file.path, file.format)
        for document in reader:
            if isinstance(document, BrokenDocument):
                raise DocumentError(f"{document}; mend the document or take it out")
            yield document
        left_out.update(reader.counts)
