"""Annotated documents as a corpus: which files make up which split."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tfkd_base.corpora.corpus import SPLITS
from tfkd_base.corpora.folders import split_of
from tfkd_base.documents.errors import DocumentError
from tfkd_base.documents.files import DocumentFile, document_files
from tfkd_base.documents.formats import FORMATS

_ANNOTATED = frozenset(one.name for one in FORMATS.values() if one.read and one.entities) - {"columns"}


@dataclass(frozen=True, slots=True)
class CorpusFiles:
    """The files of a corpus of documents.

    Attributes:
        splits: Those of each split there is, in the order train, devel, test.
        left_alone: Files of text that are among them and hold no entities, such as `README.txt`.
    """

    splits: dict[str, list[DocumentFile]]
    left_alone: tuple[Path, ...]


def holds_documents(path: str | Path) -> bool:
    """Tell whether a path leads to annotated documents, and not to column files or nothing.

    Args:
        path: A file, or a folder with a file or a folder for each split, or of documents.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "train.tsv").write_text("BRCA1 B-Gene"), (folder / "a.txt").write_text("7|t|Title")
        >>> holds_documents(folder), holds_documents(folder / "a.txt")
        (False, True)
    """
    path = Path(path)
    return path.exists() and bool(_found(path).splits)


def corpus_documents(path: str | Path) -> CorpusFiles:
    """Find the files of each split of a corpus of documents.

    In a folder, the files and folders whose names say a split are the splits: one file, or all the documents of one
    folder, for each. If no name says one, all documents that lie in the folder itself are one split: that which the
    folder's name says, or else train. A file is the split that its name says, or else train.

    Args:
        path: A file of documents, or a folder.

    Raises:
        DocumentError: No annotated documents are there, or several files or folders could be one split.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "NCBItestset_corpus.txt").write_text("7|t|Title")
        >>> corpus_documents(folder).splits["test"][0].format
        'pubtator'
    """
    path = Path(path)
    if not path.exists():
        raise DocumentError(f"{path}: there is no such file or folder")
    found = _found(path)
    if not found.splits:
        formats = ", ".join(FORMATS[name].says for name in sorted(_ANNOTATED))
        raise DocumentError(f"{path}: no annotated documents are here; expected {formats}")
    return found


def _found(path: Path) -> CorpusFiles:
    if path.is_file():
        annotated, _ = _annotated(_files(path))
        return CorpusFiles({split_of(path) or "train": annotated} if annotated else {}, ())
    if any(_is_columns(file) for file in path.iterdir()):
        return CorpusFiles({}, ())
    named: dict[str, list[tuple[Path, list[DocumentFile]]]] = {}
    left: list[Path] = []
    for entry in sorted(path.iterdir()):
        split = None if entry.name.startswith(".") else split_of(entry)
        annotated, others = _annotated(_files(entry)) if split else ([], [])
        left += others
        if split and annotated:
            named.setdefault(split, []).append((entry, annotated))
    if named:
        return CorpusFiles({split: _only(named[split], split, path) for split in SPLITS if split in named}, tuple(left))
    # Folders in it are corpora of their own, of which one is to be named.
    here, others = _annotated([file for file in _files(path) if file.path.parent == path])
    return CorpusFiles({split_of(path.resolve()) or "train": here} if here else {}, tuple(others))


def _only(found: list[tuple[Path, list[DocumentFile]]], split: str, folder: Path) -> list[DocumentFile]:
    if len(found) > 1:
        names = ", ".join(entry.name for entry, _ in found)
        raise DocumentError(f"{folder}: several could be the {split} split: {names}; keep one of them there")
    return found[0][1]


def _files(path: Path) -> list[DocumentFile]:
    try:
        return document_files(path)
    except DocumentError:
        return []


def _annotated(files: Iterable[DocumentFile]) -> tuple[list[DocumentFile], list[Path]]:
    listed = list(files)
    annotated = [file for file in listed if file.format in _ANNOTATED]
    return annotated, [file.path for file in listed if file.format not in _ANNOTATED]


def _is_columns(file: Path) -> bool:
    """Whether it is a column file of a split."""
    return split_of(file) is not None and file.is_file() and [one.format for one in _files(file)] == ["columns"]
