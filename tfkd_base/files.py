"""Files: what a line is, and files and folders that appear complete or not at all.

A line ends with a line feed, a carriage return before it or not, or with a carriage return alone. Two carriage returns
before a line feed, which a line break written twice leaves behind, are part of the one line end. No other character
ends a line: not U+0085, U+2028, U+2029, a vertical tab or a form feed. Every reader of the project cuts lines with
`read_lines` or `split_lines`.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Error numbers of a full disk, an exhausted quota and a file that is too large"""

LINE_BREAKS = re.compile(r"\r{0,2}\n|\r")
"""What ends a line, in text"""
_LINE = re.compile(rb"[^\r\n]*(?:\r{0,2}\n|\r)|[^\r\n]+")
_PART = 1 << 20


def read_lines(stream: IO[bytes]) -> Iterator[bytes]:
    r"""Read the lines of a stream one by one, each with its line end.

    Args:
        stream: The content, unpacked.

    Example:
        >>> import io
        >>> list(read_lines(io.BytesIO(b"a\r\nb\rc\n\nd")))
        [b'a\r\n', b'b\r', b'c\n', b'\n', b'd']
    """
    parts: list[bytes] = []  # the beginning of a line whose end was not read yet
    while part := stream.readline(_PART):
        if not parts and part.endswith(b"\n") and part.find(b"\r", 0, -2) < 0:
            yield part
            continue
        parts.append(part)
        if part.endswith(b"\n"):
            yield from _LINE.findall(b"".join(parts))
            parts = []
        elif b"\r" in part:
            *lines, last = _LINE.findall(b"".join(parts))
            # A line feed may follow the carriage returns at the end of this part.
            while lines and last == b"\r":
                last = lines.pop() + last
            yield from lines
            parts = [last]
    if parts:
        yield from _LINE.findall(b"".join(parts))


def split_lines(text: str) -> list[str]:
    r"""Return the lines of a text, without their line ends.

    Args:
        text: The text, with unchanged line ends.

    Example:
        >>> split_lines("a\r\nb\rc\u2028d\n\ne\n")
        ['a', 'b', 'c\u2028d', '', 'e']
    """
    lines = LINE_BREAKS.split(text)
    return lines if lines[-1] else lines[:-1]


def hash_file(file: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def user_cache() -> Path:
    """Return the folder for files that this user can lose at any time.

    It is `tfkd` in the folder `XDG_CACHE_HOME`, or in `.cache` of the home folder. It need not exist.

    Raises:
        OSError: The home folder is unknown.
    """
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tfkd"
    except RuntimeError as error:
        raise OSError(str(error)) from error


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
    except BaseException as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        _name_file(error, path)
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
    except BaseException as error:
        shutil.rmtree(part, ignore_errors=True)
        _name_file(error, path)
        raise
    _to_disk(path.parent)


def _name_file(error: BaseException, path: Path) -> None:
    """Name the file in an error that names none, as that of a write to a full disk."""
    if isinstance(error, OSError) and error.errno in NO_ROOM and error.filename is None:
        error.filename = os.fspath(path)


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
