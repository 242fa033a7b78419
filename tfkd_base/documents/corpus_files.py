"""Annotated documents as a corpus: which files make up which split."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from tfkd_base.corpora.corpus import SPLITS
from tfkd_base.corpora.folders import split_of
from tfkd_base.documents.document import DocumentError
from tfkd_base.documents.formats import DocumentFormat, all_formats, get_format
from tfkd_base.documents.offsets import CHARACTERS, get_units
from tfkd_base.documents.reading import DocumentFile, describe_file, document_files


@dataclass(frozen=True, slots=True)
class CorpusFiles:
    """The files of a corpus of documents.

    Attributes:
        splits: The files of each split that exists, in the order train, devel, test.
        skipped: Text files beside them without entities, such as `README.txt`.
    """

    splits: dict[str, list[DocumentFile]]
    skipped: tuple[Path, ...]


def holds_documents(path: str | Path) -> bool:
    """Tell whether a path leads to annotated documents, and not to column files or nothing.

    Args:
        path: A file, or a folder with a file or a folder for each split, or of documents.

    Raises:
        DocumentError: The file is neither, such as a PDF file. The message says what to do.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "train.tsv").write_text("BRCA1 B-Gene"), (folder / "a.txt").write_text("7|t|Title")
        >>> holds_documents(folder), holds_documents(folder / "a.txt")
        (False, True)
    """
    path = Path(path)
    return path.exists() and bool(_find(path).splits)


def corpus_documents(path: str | Path, offsets: str = CHARACTERS) -> CorpusFiles:
    """Find the files of each split of a corpus of documents.

    The files and folders of a folder whose names contain a split's name are the splits: one file, or all documents of
    one folder, for each. If no name contains one, all documents directly in the folder are one split: the one in the
    folder's name, or else train. A single file is the split in its name, or else train.

    Args:
        path: A file of documents, or a folder.
        offsets: What offsets of entities count in these files, one of `OFFSETS`.

    Raises:
        DocumentError: There are no annotated documents, or several files or folders could be one split.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "NCBItestset_corpus.txt").write_text("7|t|Title")
        >>> corpus_documents(folder).splits["test"][0].format
        'pubtator'
    """
    path = Path(path)
    get_units(offsets)
    if not path.exists():
        raise DocumentError(f"{path}: there is no such file or folder")
    files = _find(path)
    if not files.splits:
        formats = ", ".join(format.description for format in all_formats() if _is_annotated(format))
        raise DocumentError(f"{path}: no annotated documents are here; expected {formats}")
    splits = {split: [replace(file, offsets=offsets) for file in of_split] for split, of_split in files.splits.items()}
    return replace(files, splits=splits)


def _is_annotated(format: DocumentFormat) -> bool:
    """Whether files of a format are raw text with entities."""
    return format.is_readable and format.has_entities and not format.has_tokens


def _find(path: Path) -> CorpusFiles:
    if path.is_file():
        if other := describe_file(path):
            raise DocumentError(f"{path}: {other}")
        annotated, _ = _select(_list_files(path))
        return CorpusFiles({split_of(path) or "train": annotated} if annotated else {}, ())
    if any(_is_column_file(file) for file in path.iterdir()):
        return CorpusFiles({}, ())
    candidates: dict[str, list[tuple[Path, list[DocumentFile]]]] = {}
    skipped: list[Path] = []
    for entry in sorted(path.iterdir()):
        split = None if entry.name.startswith(".") else split_of(entry)
        annotated, others = _select(_list_files(entry)) if split else ([], [])
        skipped += others
        if split and annotated:
            candidates.setdefault(split, []).append((entry, annotated))
    if candidates:
        splits = {split: _single(candidates[split], split, path) for split in SPLITS if split in candidates}
        return CorpusFiles(splits, tuple(skipped))
    # Folders within it are corpora of their own, one of which the user should name.
    annotated, others = _select([file for file in _list_files(path) if file.path.parent == path])
    return CorpusFiles({split_of(path.resolve()) or "train": annotated} if annotated else {}, tuple(others))


def _single(candidates: list[tuple[Path, list[DocumentFile]]], split: str, folder: Path) -> list[DocumentFile]:
    if len(candidates) > 1:
        names = ", ".join(entry.name for entry, _ in candidates)
        raise DocumentError(f"{folder}: several could be the {split} split: {names}; keep one of them")
    return candidates[0][1]


def _list_files(path: Path) -> list[DocumentFile]:
    try:
        return document_files(path)
    except DocumentError:
        return []


def _select(files: Iterable[DocumentFile]) -> tuple[list[DocumentFile], list[Path]]:
    """Return the annotated files, and the paths of the others."""
    annotated: list[DocumentFile] = []
    others: list[Path] = []
    for file in files:
        if _is_annotated(get_format(file.format)):
            annotated.append(file)
        else:
            others.append(file.path)
    return annotated, others


def _is_column_file(file: Path) -> bool:
    """Whether it is a column file of a split."""
    if split_of(file) is None or not file.is_file():
        return False
    return [get_format(one.format).has_tokens for one in _list_files(file)] == [True]
