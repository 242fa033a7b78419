"""Corpora by one call: column files, annotated documents, or one of the bundled corpora."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tfkd.text.document_sentences import documents_to_sentences
from tfkd_base.corpora import (
    BUNDLED,
    Corpus,
    ReadReport,
    Scheme,
    Sentence,
    SplitReport,
    bundled_corpus,
    read_column_corpus,
)
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
    holds_documents,
    read_document_file,
)


def read_corpus(
    path: str | Path,
    *,
    scheme: Scheme | None = None,
    strict: bool = False,
    name: str | None = None,
    token_column: int | str = 0,
    tag_column: int | str = -1,
    offsets: str = "characters",
) -> Corpus:
    r"""Read a corpus of column files or annotated documents, or a bundled one.

    Column files are read by `tfkd_base.corpora.read_column_corpus`, which repairs invalid tag sequences and counts the
    repairs. Documents (PubTator, BioC, BRAT, JSON lines) are cut into sentences and tokens as the exported model cuts
    text; the report counts the entities that had to be changed or dropped.

    Args:
        path: A folder with a file, or a folder of documents, for each split; a folder of documents; one file, which is
            the split in its name, or else train; or `demo:disease`, `demo:chemical` or `demo:gene`.
        scheme: The tag scheme. Default: detected for column files, IOB2 for documents and bundled corpora.
        strict: Refuse invalid tag sequences, and documents with an entity that has to be changed or dropped.
        name: The name of the corpus. Default: the name of its folder, or of a file not named after its split.
        token_column: The column of the token in column files: a number from 0, negative from the last, or a name in
            the header line.
        tag_column: The column of the tag, likewise.
        offsets: What offsets of entities count in documents, one of `tfkd.documents.OFFSETS`: `characters`, or for
            files of other tools for example `bytes`; with `detect`, what fits the entities of each document.

    Returns:
        The corpus. Its `report` says what was repaired, changed or dropped in each split.

    Raises:
        CorpusError: The path holds no corpus, or a file is broken. The message names the file, the line and the remedy.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "train.txt").write_text("7|t|Cancer spreads.\n7\t0\t6\tCancer\tDisease\n")
        >>> read_corpus(folder, name="tiny")
        Corpus('tiny', iob2, train 1, types Disease)
        >>> read_corpus("demo:gene").types
        ('Gene',)
    """
    if isinstance(path, str) and path.startswith(BUNDLED):
        corpus = bundled_corpus(path)
        corpus = corpus.convert(scheme) if scheme else corpus
        return replace(corpus, name=name) if name else corpus
    if holds_documents(path):
        return _read_documents(Path(path), scheme or "iob2", strict, name, offsets)
    return read_column_corpus(
        path, scheme=scheme, strict=strict, name=name, token_column=token_column, tag_column=tag_column
    )


def _read_documents(path: Path, scheme: Scheme, strict: bool, name: str | None, offsets: str) -> Corpus:
    scheme = check_scheme(scheme)
    files = corpus_documents(path, offsets)
    splits: dict[str, tuple[Sentence, ...]] = {}
    counts: dict[str, SplitReport] = {}
    for split, of_split in files.splits.items():
        splits[split], counts[split] = _read_split(of_split, scheme, strict)
    warnings = [f"{file.name}: skipped, since it is not a file of annotated documents" for file in files.skipped]
    warnings += [
        f"{split}: {change}: {number:,}"
        for split, report in counts.items()
        for change, number in report.changes.items()
    ]
    if not any(report.entities for report in counts.values()):
        warnings.append("there is no entity in any split")
    resolved = path.resolve()
    stem = resolved.name if path.is_dir() else resolved.name.removesuffix(".gz").rpartition(".")[0]
    return Corpus(name or stem or resolved.name, scheme, splits, ReadReport(scheme, counts, warnings=tuple(warnings)))


def _read_split(files: list[DocumentFile], scheme: Scheme, strict: bool) -> tuple[tuple[Sentence, ...], SplitReport]:
    reading, tagging = Counts(), TaggingReport()
    sentences = tuple(documents_to_sentences(_read_files(files, reading), scheme, tagging))
    if not sentences:
        raise DocumentError(f"{files[0].path}: there is no token in these documents")
    changes = {**reading, **tagging.changes()}
    if strict and changes:
        change, number = next(iter(changes.items()))
        raise DocumentError(f"{files[0].path}: {change}: {number:,}; read without --strict to accept this")
    counts = count_split(sentences, scheme)
    source = str(files[0].path if len(files) == 1 else files[0].path.parent)
    # In the scheme IO, adjacent entities of one type have become one.
    merged = tagging.kept - sum(counts.entities.values())
    return sentences, replace(counts, path=source, documents=tagging.documents, changes=changes, merged=merged)


def _read_files(files: list[DocumentFile], counts: Counts) -> Iterator[Document]:
    """Yield the documents of files, none of which may be broken."""
    for file in files:
        reader = read_document_file(file)
        for document in reader:
            if isinstance(document, BrokenDocument):
                raise DocumentError(f"{document}; mend the document or take it out")
            yield document
        counts.update(reader.counts)
