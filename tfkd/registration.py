"""Makes `keras.models.load_model` know this library's layers after `import tfkd` and nothing more.

Keras rebuilds a saved object only if its class has been registered, which happens when the module that
defines it is imported. To import those modules with `tfkd` would import TensorFlow, and `tfkd.corpora` and
`tfkd --help` are to do without. So they are imported together with Keras: at once where Keras is there already,
else by a finder on `sys.meta_path` that notices when Keras has come.
"""

from __future__ import annotations

import importlib
import importlib.abc
import sys
import threading
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

REGISTERING = ("tfkd.layers", "tfkd.optimizers", "tfkd.preprocessing", "tfkd.models", "tfkd.distillation")
"""The packages that define registered Keras classes."""

_AWAITED = ("tensorflow", "keras")


def install() -> None:
    """Register this library's Keras classes now, or as soon as Keras has been imported.

    Example:
        >>> import keras, tfkd
        >>> keras.saving.get_registered_object("tfkd>NoSuchClass") is None
        True
    """
    if all(_is_imported(name) for name in _AWAITED):
        register()
    elif not any(isinstance(finder, _Watch) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Watch())


def register() -> None:
    """Import every module that registers Keras classes, and with them Keras and TensorFlow."""
    for name in REGISTERING:
        importlib.import_module(name)


def _is_imported(name: str, but_for: str = "") -> bool:
    """Tell whether a module has been imported to its end.

    `but_for` names the module whose code has just ended, though the import system still has it under way.
    """
    module = sys.modules.get(name)
    return module is not None and (name == but_for or not getattr(module.__spec__, "_initializing", False))


class _Watch(importlib.abc.MetaPathFinder):
    """Waits until TensorFlow and Keras have been imported whole, then registers and retires.

    `import tensorflow` imports Keras near its end and `import keras` imports TensorFlow near its beginning, so
    either can be there while the other is half done; and both may be imported by one of our own modules, which
    is then half done itself. Hence the rule: register when none of all these is being imported any more.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way = 0

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in _AWAITED and not fullname.startswith("tfkd."):
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None and hasattr(spec.loader, "exec_module"):
                    spec.loader = _WatchedLoader(spec.loader, self)
                return spec
        return None

    def begin(self) -> None:
        with self._lock:
            self._under_way += 1

    def end(self, name: str, failed: bool) -> None:
        with self._lock:
            self._under_way -= 1
            due = not failed and self._under_way == 0 and all(_is_imported(awaited, name) for awaited in _AWAITED)
            if due and self in sys.meta_path:
                sys.meta_path.remove(self)
        if due:
            try:
                register()
            except BaseException:
                # The import of Keras fails with this error; the next one is to fail with it again.
                sys.meta_path.insert(0, self)
                raise


class _WatchedLoader(importlib.abc.Loader):
    """Runs a module as its own loader does, and tells the watch when that begins and ends."""

    def __init__(self, loader: Any, watch: _Watch) -> None:
        self._loader = loader
        self._watch = watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # From here on nothing but the module's own loader is to be seen on it.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._watch.begin()
        failed = True
        try:
            self._loader.exec_module(module)
            failed = False
        finally:
            self._watch.end(module.__name__, failed)
