"""Folders that one process at a time writes to, and that only what began them goes on with."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from tfkd_base.errors import TfkdError

LOCK = ".lock"


def locked(folder: str | os.PathLike[str]) -> TextIO:
    """Hold a folder for this process until the returned file is closed.

    The system frees the lock when its process ends, however that ends.

    Args:
        folder: A folder that exists.

    Raises:
        TfkdError: Another process holds it, or this one does already.
        OSError: The folder cannot be written to.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with locked(folder):
        ...         (Path(folder) / LOCK).read_text() == str(os.getpid())
        True
    """
    file = (Path(folder) / LOCK).open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with file:
            file.seek(0)
            holder = file.read().strip() or "?"
        raise TfkdError(
            f"{folder} is being written by process {holder}: wait for it, or name another folder."
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Bring nested sections to one level, so that what differs between two can be named.

    Example:
        >>> flat({"training": {"epochs": 3, "extra": {}}, "seed": 1})
        {'training.epochs': 3, 'training.extra': {}, 'seed': 1}
    """
    found: dict[str, Any] = {}
    for key, value in values.items():
        nested = isinstance(value, Mapping) and value
        found.update(flat(value, f"{prefix}{key}.") if nested else {f"{prefix}{key}": value})
    return found
