"""Files and folders that appear whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Numbers of the errors of a disk, a quota or a file that is full."""


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a path to write to, which takes the place of `path` when the block ends without an error.

    What was written is on the disk before it takes the place, so that neither a kill nor a loss of power leaves half a
    file under the name; after an error nothing is left of it. The name keeps its ending, which writers go by.

    Args:
        path: The file to make or to replace, in a folder that exists.

    Raises:
        OSError: It cannot be written, for example because the disk is full; the old file is then as it was.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with atomic_file(Path(folder) / "a.txt") as part:
        ...         _ = part.write_text("whole")
        ...     [p.name for p in Path(folder).iterdir()]
        ['a.txt']
    """
    path = Path(path)
    part = path.with_name(f".part-{path.name}")
    try:
        yield part
        _to_disk(part)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    _to_disk(path.parent)


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give an empty folder to write files to, which becomes `path` when the block ends without an error.

    Args:
        path: The folder to make, in a folder that exists. It must not exist, unless it is empty.

    Raises:
        OSError: It exists with something in it, or cannot be written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with atomic_folder(Path(folder) / "texts") as part:
        ...         _ = (part / "a.txt").write_text("whole")
        ...     [str(p.relative_to(folder)) for p in Path(folder).rglob("*.txt")]
        ['texts/a.txt']
    """
    path = Path(path)
    part = path.with_name(f".part-{path.name}")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    try:
        yield part
        for file in part.iterdir():
            _to_disk(file)
        _to_disk(part)
        part.replace(path)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    _to_disk(path.parent)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
