"""Names of the layers of a task: Keras and TensorFlow allow fewer characters in them than users write in names."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping

from tfkd_base.errors import TfkdError

_ALLOWED = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
"""Names of models and of layers that TensorFlow takes as the beginning of the names of operations."""

_ENDINGS = ("encoder", "encoder_dropout", "states", "head", "head_dropout")
"""What follows the prefix in the names of a task's layers."""


def task_prefix(task: str, taken: Collection[str]) -> str:
    """Return the beginning of the names of a task's layers.

    It is the task's name, or, where Keras does not allow this or the encoder has layers of such names, a readable form
    of it with a hash. It depends on the task and on the encoder alone, not on other tasks.

    Args:
        task: Name of the task.
        taken: Names of the encoder's layers.

    Example:
        >>> task_prefix("gene", ["shared_encoder"]), task_prefix("shared", ["shared_encoder"])
        ('gene', 'task_shared_a4d26868')
    """
    if _ALLOWED.fullmatch(task) and not any(f"{task}_{ending}" in taken for ending in _ENDINGS):
        return task
    digest = hashlib.sha256(task.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"task_{re.sub(r'[^A-Za-z0-9_.-]', '_', task)}_{digest}"


def check_task_names(tasks: object) -> None:
    """Check that tasks are a mapping from names.

    Raises:
        TfkdError: They are none, there is no task, or a name is no text or is empty.

    Example:
        >>> check_task_names({"": ["O"]})
        Traceback (most recent call last):
        tfkd_base.errors.TfkdError: expected the name of each task as a text that is not empty, got '': ...
    """
    if not isinstance(tasks, Mapping):
        raise TfkdError(
            f"expected the corpus or the tags of each task, {{'gene': corpus}}, got a {type(tasks).__name__}."
        )
    if not tasks:
        raise TfkdError("a multi-task tagger needs at least one task.")
    for task in tasks:
        if not isinstance(task, str) or not task.strip():
            raise TfkdError(f"expected the name of each task as a text that is not empty, got {task!r}: name the task.")


def check_model_name(name: str) -> None:
    """Check the name of a model, which TensorFlow gives to its operations.

    Raises:
        TfkdError: It has other characters.

    Example:
        >>> check_model_name("my tagger")
        Traceback (most recent call last):
        tfkd_base.errors.TfkdError: expected a model's name of ASCII letters, digits, _ . and -, got 'my tagger': ...
    """
    if not isinstance(name, str) or not _ALLOWED.fullmatch(name):
        readable = re.sub(r"[^A-Za-z0-9_.-]+", "_", str(name)).strip("_.-") or "tagger"
        raise TfkdError(
            f"expected a model's name of ASCII letters, digits, _ . and -, got {name!r}: "
            f"write for example {readable!r}."
        )
