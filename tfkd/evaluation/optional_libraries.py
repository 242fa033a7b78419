"""The libraries of the extra `study`, imported when a test or a figure first needs them."""

from __future__ import annotations

import importlib
from types import ModuleType

from tfkd.errors import TfkdError


def study_library(name: str) -> ModuleType:
    """Import a module that the extra `study` brings.

    Args:
        name: The module, such as `"scipy.stats"`.

    Raises:
        TfkdError: It is not installed, with the line that installs it.

    Example:
        >>> study_library("scipy.stats").__name__
        'scipy.stats'
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != name.partition(".")[0]:
            raise
        raise TfkdError(
            f"comparing methods needs {name.partition('.')[0]}, which is not installed: pip install 'tfkd[study]'"
        ) from None
