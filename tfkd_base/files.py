"""Files and folders that appear complete or not at all, even if the process is killed while it writes them."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Error numbers of a full disk, an exhausted quota and a file that is too large"""


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a path to write to, which replaces `path` when the block ends without an error.

    The content is on the disk before it replaces the file, so that neither a kill nor a loss of power leaves half a
    file under the name. After an error nothing remains of it. The temporary name has the same ending.

    Args:
        path: The file to create or replace, in an existing folder.

    Raises:
        OSError: It cannot be written, for example because the disk is full. The old file is then unchanged.

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
    """Yield an empty folder to write files to, which becomes `path` when the block ends without an error.

    Args:
        path: The folder to create, in an existing folder. It must not exist, unless it is empty.

    Raises:
        OSError: It exists and is not empty, or it cannot be written.

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
    """Wait until a file, or the list of the files of a folder, is on the disk."""
    is_windows = os.name == "nt"
    if is_windows and path.is_dir():
        return  # Windows cannot open folders
    # Windows writes out only files that are open for writing.
    descriptor = os.open(path, os.O_RDWR if is_windows else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
