"""Errors and warnings that a user can cause and can mend."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable


class TfkdError(ValueError):
    """A mistake in the input of a user: a file, a name, a value.

    The message says what was expected, what was received, and the remedy. The command line prints it without a
    traceback and exits with status 2.
    """


class CorpusError(TfkdError):
    """A file, or a set of sentences, that cannot be used as a corpus; the message names the place and the remedy."""


class TfkdWarning(UserWarning):
    """Something that a user should know and that does not stop the work; runs record it in `run.json`."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return the valid name that is nearest to a wrong one, as the end of an error message.

    Args:
        name: What the user wrote.
        valid: The valid names.

    Returns:
        `"did you mean 'X'?"` where another name is near, else the list of all valid names. A suggestion that differs in
        characters that look alike is followed by its characters.

    Example:
        >>> nearest("encodr", ["encoder", "head"])
        "did you mean 'encoder'?"
        >>> nearest("x", ["encoder", "head"])
        "expected one of 'encoder', 'head'"
    """
    names = [str(text) for text in valid]
    near = difflib.get_close_matches(name, [text for text in names if text != name], n=1, cutoff=0.6)
    if near:
        looks_alike = _appearance(near[0]) == _appearance(name)
        return f"did you mean {near[0]!r}?" + (f" It is {near[0]!a}, not {name!a}." if looks_alike else "")
    return "expected one of " + ", ".join(repr(text) for text in names) if names else "there are none"


def _appearance(name: str) -> str:
    """Return a name without the differences that a reader does not see."""
    plain = unicodedata.normalize("NFKC", name)
    return "".join(c for c in plain if not c.isspace() and unicodedata.category(c)[0] != "C")


def describe_os_error(error: OSError) -> str:
    """Return the files that the system could not serve, and the reason.

    Example:
        >>> describe_os_error(FileNotFoundError(2, "No such file or directory", "a.txt"))
        "'a.txt': No such file or directory"
    """
    files = " and ".join(f"'{name}'" for name in (error.filename, error.filename2) if name is not None)
    reason = error.strerror or str(error) or type(error).__name__
    return f"{files}: {reason}" if files else reason


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error is Python's or TensorFlow's for a lack of memory; TensorFlow is not imported.

    Example:
        >>> is_out_of_memory(MemoryError()), is_out_of_memory(ValueError())
        (True, False)
    """
    kinds = {f"{kind.__module__}.{kind.__name__}" for kind in type(error).__mro__}
    return isinstance(error, MemoryError) or "tensorflow.python.framework.errors_impl.ResourceExhaustedError" in kinds
