"""Registries: the parts of a configuration by name, from this library, from installed packages, from a user's file."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Generic, TypeVar

from tfkd_base.errors import TfkdError, nearest

Part = TypeVar("Part")


class Registry(Generic[Part]):
    """Parts of one kind by name, such as distillation losses.

    Names come from three places: `register` as a decorator, entry points of installed packages, and a user's file that
    `load_code` runs (`--code` on the command line), which uses the decorator too.

    Args:
        kind: What the parts are, for messages: `"distillation loss"`.
        group: The group of entry points that is read when a name is looked up for the first time.

    Example:
        >>> colors = Registry[type]("color", "tfkd.example")
        >>> @colors.register("red")
        ... class Red: ...
        >>> colors.get("red") is Red, colors.names()
        (True, ['red'])
        >>> colors.get("rad")
        Traceback (most recent call last):
        tfkd_base.errors.TfkdError: there is no color 'rad': did you mean 'red'?
    """

    def __init__(self, kind: str, group: str) -> None:
        self.kind = kind
        self.group = group
        self._parts: dict[str, Part] = {}
        self._has_entry_points = False

    def register(self, name: str) -> Callable[[Part], Part]:
        """Return a decorator that adds a part under a name.

        Args:
            name: The name in configurations: lower-case letters, digits and `_`.

        Raises:
            TfkdError: Another part has the name. The same class defined again replaces the first.
        """

        def add(part: Part) -> Part:
            known = self._parts.get(name)
            if known is not None and _origin(known) != _origin(part):
                raise TfkdError(
                    f"there are two {self.kind}s {name!r}, {_origin(known)} and {_origin(part)}: rename one"
                )
            self._parts[name] = part
            return part

        return add

    def get(self, name: str) -> Part:
        """Return the part of a name.

        Raises:
            TfkdError: No part has the name; the message gives the nearest one. Or an entry point cannot be imported.
        """
        self._load_entry_points()
        if name not in self._parts:
            raise TfkdError(f"there is no {self.kind} {name!r}: {nearest(name, self._parts)}")
        return self._parts[name]

    def names(self) -> list[str]:
        """List the names, ours first."""
        self._load_entry_points()
        return list(self._parts)

    def name_of(self, part: object) -> str:
        """Return the name that a part is registered under.

        Raises:
            TfkdError: It is not registered.
        """
        for name in self.names():
            if self._parts[name] is part:
                return name
        raise TfkdError(f"{_origin(part)} is not registered: write a decorator with its name above the class")

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def _load_entry_points(self) -> None:
        if self._has_entry_points:
            return
        self._has_entry_points = True
        for point in entry_points(group=self.group):
            try:
                part = point.load()
            except Exception as error:
                self._has_entry_points = False
                origin = point.dist.name if point.dist is not None else "an installed package"
                raise TfkdError(
                    f"the {self.kind} {point.name!r} of {origin} cannot be imported: {error}. Update or uninstall it."
                ) from error
            self.register(point.name)(part)


def _origin(part: object) -> str:
    return f"{getattr(part, '__module__', '?')}.{getattr(part, '__qualname__', repr(part))}"


@dataclass(frozen=True)
class Code:
    """A user's file of parts that has been run.

    Attributes:
        path: The file, absolute.
        sha256: Hash of its content.
        text: Its content.
    """

    path: Path
    sha256: str
    text: str

    @property
    def module(self) -> str:
        """Name of the module; an edited file of the same name replaces it."""
        return f"tfkd_code_{self.path.stem}"


_loaded: dict[str, Code] = {}


def load_code(path: str | os.PathLike[str]) -> Code:
    """Run a Python file that registers parts, once for each content.

    Args:
        path: The file. Only run files whose author you trust.

    Raises:
        TfkdError: There is no such file, or it raises an error when it runs.
    """
    file = Path(path).expanduser().absolute()
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TfkdError(f"--code {path}: the file cannot be read: {error}") from None
    digest = hashlib.sha256(text.encode()).hexdigest()
    if digest in _loaded:
        return _loaded[digest]
    code = Code(file, digest, text)
    name = code.module
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise TfkdError(f"--code {path}: running the file failed: {type(error).__name__}: {error}") from error
    _loaded[digest] = code
    return code


def loaded_code() -> tuple[Code, ...]:
    """Return the user's files that have been run in this process, in order."""
    return tuple(_loaded.values())
