"""Folders that one process at a time writes, that know what they were started with, and that continue after a kill.

Runs, studies, annotation work and caches of teacher outputs are such folders.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock

from tfkd_base.errors import TfkdError
from tfkd_base.files import atomic_file

LOCK = ".lock"
OWNER = ".lock-owner"


@contextlib.contextmanager
def hold(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Hold a folder for this process.

    The operating system releases the lock when the process ends, however it ends.

    Args:
        folder: A folder that exists.

    Raises:
        TfkdError: Another process holds it, or this process does already.
        OSError: The folder cannot be written to.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, hold(folder):
        ...     (Path(folder) / OWNER).read_text() == str(os.getpid())
        True
    """
    folder = Path(folder)
    lock = filelock.FileLock(folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        owner = folder / OWNER
        process = owner.read_text(encoding="utf-8").strip() if owner.is_file() else "?"
        raise TfkdError(f"{folder} is in use by process {process}: wait for it, or use another folder.") from None
    try:
        (folder / OWNER).write_text(str(os.getpid()), encoding="utf-8")
        yield
    finally:
        (folder / OWNER).unlink(missing_ok=True)
        lock.release()


def is_held(folder: str | os.PathLike[str]) -> bool:
    """Tell whether a process holds a folder."""
    try:
        with hold(folder):
            return False
    except TfkdError:
        return True


@dataclass(frozen=True)
class Difference:
    """The first key in which two descriptions differ.

    Attributes:
        key: The key, with dots between the levels.
        before: Its value in the first description, as `repr`; `"not set"` if it lacks the key.
        now: Its value in the second.
        others: How many more keys differ.
    """

    key: str
    before: str
    now: str
    others: int

    def __str__(self) -> str:
        more = f", and {self.others} more keys differ" if self.others else ""
        return f"{self.key} was {self.before} and is now {self.now}{more}"


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Bring nested mappings to one level, with dots between the keys.

    Example:
        >>> flatten({"training": {"epochs": 3, "extra": {}}, "seed": 1})
        {'training.epochs': 3, 'training.extra': {}, 'seed': 1}
    """
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def find_difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> Difference | None:
    """Find the first key in which two nested descriptions differ.

    Example:
        >>> print(find_difference({"training": {"epochs": 3}}, {"training": {"epochs": 5}, "seed": 1}))
        training.epochs was 3 and is now 5, and 1 more keys differ
        >>> find_difference({"seed": 1}, {"seed": 1}) is None
        True
    """
    old, new = flatten(before), flatten(now)
    unset = object()
    keys = [key for key in {**old, **new} if old.get(key, unset) != new.get(key, unset)]
    if not keys:
        return None
    values = [repr(side[keys[0]]) if keys[0] in side else "not set" for side in (old, new)]
    return Difference(keys[0], values[0], values[1], len(keys) - 1)


def _read_json(data: bytes) -> Mapping[str, Any]:
    return json.loads(data)


def _write_json(description: Mapping[str, Any]) -> str:
    return json.dumps(description, indent=1) + "\n"


class ResumableFolder:
    """A folder with a description of the work in it, which continues where it was stopped.

    Args:
        path: The folder.
        file: Name of the file that holds the description.
        work: What is done in the folder, for messages: `"a run"`.
        read: Reads a description from the file's bytes. It may fill in defaults of keys that came later. Raises
            `ValueError` if the file is damaged.
        write: Writes a description as text.
        is_ours: Tells by its name whether a file belongs to the work; others are refused in a folder without a
            description. Names that begin with a dot always do.
        restart: What a user does to start again, for messages: `"pass --overwrite"`.

    Example:
        >>> import tempfile
        >>> folder = ResumableFolder(Path(tempfile.mkdtemp()) / "work", "work.json", work="a demonstration")
        >>> with folder.hold({"seed": 1}) as continues:
        ...     continues
        False
        >>> with folder.hold({"seed": 2}):
        ...     pass
        Traceback (most recent call last):
        tfkd_base.errors.TfkdError: ... holds a demonstration with other settings: seed was 1 and is now 2. ...
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        file: str,
        *,
        work: str,
        read: Callable[[bytes], Mapping[str, Any]] = _read_json,
        write: Callable[[Mapping[str, Any]], str] = _write_json,
        is_ours: Callable[[str], bool] = lambda name: False,
        restart: str = "remove the folder to start again",
    ) -> None:
        self.path = Path(path)
        self.file = self.path / file
        self.work = work
        self._read, self._write, self._is_ours, self._restart = read, write, is_ours, restart

    def description(self) -> Mapping[str, Any] | None:
        """Read what the work was started with; `None` if none was started.

        Raises:
            TfkdError: The file is damaged.
        """
        if not self.file.is_file():
            return None
        try:
            return self._read(self.file.read_bytes())
        except (ValueError, OSError) as error:
            raise TfkdError(f"{self.file} is damaged ({error}): {self._restart}.") from None

    def check(self, description: Mapping[str, Any], *, overwrite: bool = False) -> bool:
        """Check that this work may be done in the folder; nothing is written.

        Args:
            description: What the work is started with.
            overwrite: Whether work in the folder is replaced, whatever its description.

        Returns:
            Whether work that was started is continued.

        Raises:
            TfkdError: The path is a file, the folder holds other things, or work with another description.
        """
        if self.path.exists() and not self.path.is_dir():
            raise TfkdError(f"{self.path} is a file: expected a folder for {self.work}.")
        if overwrite:
            self._refuse_other_content()
            return False
        before = self.description()
        if before is None:
            self._refuse_other_content()
            return False
        difference = find_difference(before, description)
        if difference is not None:
            raise TfkdError(
                f"{self.path} holds {self.work} with other settings: {difference}. Use the same settings to resume, "
                f"use another folder, or {self._restart}."
            )
        return True

    @contextlib.contextmanager
    def hold(self, description: Mapping[str, Any], *, remove: Sequence[str] = ()) -> Iterator[bool]:
        """Hold the folder for this process, and write the description unless it is there.

        Args:
            description: What the work is started with.
            remove: Names of the files to remove first, in this order, to start again with any description.

        Returns:
            A context manager that gives whether work that was started is continued.

        Raises:
            TfkdError: As `check`, or another process holds the folder.
            OSError: The folder cannot be written to.
        """
        overwrite = bool(remove)
        self.check(description, overwrite=overwrite)
        self.path.mkdir(parents=True, exist_ok=True)
        with hold(self.path):
            continues = self.check(description, overwrite=overwrite)
            for name in remove:
                (self.path / name).unlink(missing_ok=True)
            if not continues:
                with atomic_file(self.file) as part:
                    part.write_text(self._write(description), encoding="utf-8")
            yield continues

    def _refuse_other_content(self) -> None:
        names = sorted(path.name for path in self.path.iterdir()) if self.path.is_dir() else []
        others = [name for name in names if not name.startswith(".") and not self._is_ours(name)]
        if others:
            raise TfkdError(f"{self.path} holds other files than {self.work}, such as {others[0]!r}: use a new folder.")
