"""Finding a trained tagger on disk."""

from __future__ import annotations

from pathlib import Path

import keras

from tfkd.errors import TfkdError
from tfkd.models import MultiTaskTagger, Tagger

MODEL_FILE = "model.keras"
"""What the model is called in the folder of a run."""


def load_tagger(path: str | Path, *, task: str | None = None) -> Tagger:
    """Load the tagger of a run, or the view of one task of a teacher's run.

    Args:
        path: A run's folder, or a `.keras` file.
        task: The task, where the run is that of a multi-task teacher.

    Returns:
        The tagger, not compiled.

    Raises:
        TfkdError: There is no such model, it is not one of this library, or a teacher's task is not named.

    Example:
        >>> load_tagger("runs/no-such-run")
        Traceback (most recent call last):
        tfkd.errors.TfkdError: runs/no-such-run: expected the folder of a run, with model.keras in it; ...
    """
    path = Path(path)
    file = path / MODEL_FILE if path.is_dir() else path
    if not file.is_file() or file.suffix != ".keras":
        missing = f"there is no {MODEL_FILE}" if path.is_dir() else "there is no such folder"
        raise TfkdError(f"{path}: expected the folder of a run, with {MODEL_FILE} in it; {missing}")
    try:
        model = keras.models.load_model(file, compile=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise TfkdError(f"{file}: Keras cannot load it as a model: {error}") from error
    if isinstance(model, MultiTaskTagger):
        if task is None:
            tasks = ", ".join(repr(name) for name in model.tasks)
            raise TfkdError(f"{path} holds a multi-task teacher; choose one of its tasks with --task: {tasks}")
        return model.for_task(task)
    if not isinstance(model, Tagger):
        raise TfkdError(f"{file}: expected a tagger or a teacher of tfkd, got a {type(model).__name__}")
    if task is not None:
        raise TfkdError(f"{path} holds a tagger of a single task, not a teacher; leave out the task {task!r}")
    return model
