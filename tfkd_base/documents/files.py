"""Which files hold documents, and in which format each is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tfkd_base.documents.document import Counts
from tfkd_base.documents.errors import DocumentError
from tfkd_base.documents.formats import FORMATS, detect_format, format_named
from tfkd_base.documents.sources import HEAD, READ_ERRORS, opened, plain_name

LEFT_ALONE = "files left alone, whose endings are none of the format"
_KNOWN_ENDINGS = {ending for one in FORMATS.values() if one.read for ending in one.endings}


@dataclass(frozen=True, slots=True)
class DocumentFile:
    """A file of documents: for BRAT, the file of the text.

    Attributes:
        path: Where it is.
        format: The name of its format.
    """

    path: Path
    format: str


def document_files(path: str | Path, format: str | None = None, counts: Counts | None = None) -> list[DocumentFile]:
    """Find the files of documents at a path, without reading more than their beginnings.

    Of a folder, and the folders in it, these are all files with the endings of the format, or of any format where none
    is given, in the order of their names. Names that begin with a dot and links to folders
    are passed over. In a folder with files `.ann`
    every `.txt` is taken for BRAT.

    Args:
        path: A file or a folder.
        format: The name of the format; told for each file by its name and content if not given.
        counts: Takes down how many files were left alone.

    Raises:
        DocumentError: There is nothing at the path, no file of documents in the folder, or the format cannot be told.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "a.txt").write_text("Some text."), (folder / "a.ann").write_text("")
        >>> [(file.path.name, file.format) for file in document_files(folder)]
        [('a.txt', 'brat')]
    """
    path = Path(path)
    counts = Counts() if counts is None else counts
    if format is not None and format_named(format).read is None:
        raise DocumentError(f"the format {format} is only written, and cannot be read")
    if not path.exists():
        raise DocumentError(f"{path}: cannot be read: No such file or directory")
    if not path.is_dir():
        return [_single(path, format)]
    found = [file for folder in _folders(path) for file in _in_folder(folder, format, counts)]
    if not found:
        endings = FORMATS[format].endings if format else sorted(_KNOWN_ENDINGS)
        raise DocumentError(f"{path}: no documents are in this folder; expected files ending in {', '.join(endings)}")
    return found


def _folders(path: Path) -> Iterator[Path]:
    for folder, inside, _ in os.walk(path):
        inside[:] = sorted(name for name in inside if not name.startswith("."))
        yield Path(folder)


def _single(path: Path, format: str | None) -> DocumentFile:
    if plain_name(path).endswith(".ann") and format in (None, "brat"):
        raise DocumentError(f"{path}: holds the entities of a BRAT document; name its .txt file, or the folder")
    if format is None and _has_annotations(path):
        return DocumentFile(path, "brat")
    return DocumentFile(path, format or detect_format(str(path), _head(path)))


def _in_folder(folder: Path, format: str | None, counts: Counts) -> list[DocumentFile]:
    names = sorted(entry.name for entry in os.scandir(folder) if entry.is_file() and not entry.name.startswith("."))
    files = [folder / name for name in names]
    is_brat = any(plain_name(file).endswith(".ann") for file in files)
    found: list[DocumentFile] = []
    for file in files:
        name = plain_name(file)
        ending = Path(name).suffix
        if name.endswith(".ann"):
            if format not in (None, "brat"):
                counts[LEFT_ALONE] += 1
        elif ending not in (FORMATS[format].endings if format else _KNOWN_ENDINGS):
            counts[LEFT_ALONE] += 1
        elif format is None and is_brat and ending == ".txt":
            found.append(DocumentFile(file, "brat"))
        else:
            found.append(DocumentFile(file, format or _likely_format(file)))
    return found


def _likely_format(file: Path) -> str:
    """The format of a file among others; one that cannot be read shows it when its turn comes."""
    try:
        return detect_format(str(file), _head(file))
    except DocumentError:
        return "lines"


def _has_annotations(path: Path) -> bool:
    name = path.name.removesuffix(".gz")
    return name.endswith(".txt") and any(
        path.with_name(name.removesuffix(".txt") + ending).is_file() for ending in (".ann", ".ann.gz")
    )


def _head(path: Path) -> bytes:
    try:
        with opened(path) as stream:
            return stream.read(HEAD)
    except READ_ERRORS:
        return b""
