"""Libraries of the extra `study`, imported when a test or a figure first needs them."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from tfkd_base.errors import TfkdError

LIBRARIES = ("scipy", "scikit_posthocs", "matplotlib")


def study_library(name: str) -> ModuleType:
    """Import a module of the extra `study`.

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
        raise _missing(name.partition(".")[0]) from None


def require_study_libraries() -> None:
    """Check that the libraries of a report are installed, before a study runs.

    Raises:
        TfkdError: A library is not installed, with the line that installs it.
    """
    for name in LIBRARIES:
        if importlib.util.find_spec(name) is None:
            raise _missing(name)


def _missing(name: str) -> TfkdError:
    return TfkdError(f"comparing methods needs {name}, which is not installed: pip install 'tfkd[study]'")
