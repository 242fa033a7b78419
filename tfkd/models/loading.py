"""Loading the trained model of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras

from tfkd.models.multitask_tagger import MultiTaskTagger
from tfkd.models.tagger import Tagger
from tfkd_base.errors import TfkdError
from tfkd_base.registry import loaded_code

MODEL_FILE = "model.keras"
"""Name of the model in the folder of a run."""


def load_model(path: str | Path, *, tasks: Sequence[str] = ()) -> Tagger | MultiTaskTagger:
    """Return the model of a run: a tagger, or a teacher with all its tasks or those that are named.

    Args:
        path: The folder of a run, or a `.keras` file.
        tasks: Tasks of a teacher. For one task, its `Tagger` is returned; for several, a teacher of these tasks.
            Default: the whole teacher.

    Returns:
        The model, not compiled.

    Raises:
        TfkdError: There is no such model, it is not one of this library, or it has no such task.

    Example:
        >>> load_model("runs/no-such-run")
        Traceback (most recent call last):
        tfkd_base.errors.TfkdError: runs/no-such-run: expected the folder of a run, with model.keras in it; ...
    """
    path = Path(path)
    file = path / MODEL_FILE if path.is_dir() else path
    if not file.is_file() or file.suffix != ".keras":
        missing = f"there is no {MODEL_FILE}" if path.is_dir() else "there is no such folder"
        if path.is_file():
            missing = f"this is a file. {_REMEDIES.get(_ending(path), 'Models are saved as .keras files')}"
        raise TfkdError(f"{path}: expected the folder of a run, with {MODEL_FILE} in it; {missing}")
    try:
        model = keras.models.load_model(file, compile=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        code = missing_code(file.parent)
        if code is not None:
            raise TfkdError(f"{file}: Keras cannot load it as a model. {code}") from error
        raise TfkdError(f"{file}: Keras cannot load it as a model: {error}") from error
    if not isinstance(model, Tagger | MultiTaskTagger):
        raise TfkdError(f"{file}: expected a tagger or a teacher of tfkd, got a {type(model).__name__}")
    if not tasks:
        return model
    if isinstance(model, Tagger):
        raise TfkdError(f"{path} holds a tagger of a single task, not a teacher; omit the task {tasks[0]!r}")
    return model.for_task(tasks[0]) if len(tasks) == 1 else model.with_tasks(tasks)


_WHOLE_HDF5 = (
    "Models of tfkd are no longer saved as HDF5; open an older one once with keras.models.load_model(path, "
    "custom_objects={'Tagger': tfkd.Tagger, 'MultiTaskTagger': tfkd.MultiTaskTagger}), and save it as .keras"
)
_REMEDIES = {
    ".weights.h5": "It holds weights alone: build the model and call its load_weights(path)",
    ".h5": _WHOLE_HDF5,
    ".hdf5": _WHOLE_HDF5,
}
"""What to do with files of Keras that are no whole models, by their ending."""


def _ending(path: Path) -> str:
    return ".weights.h5" if path.name.endswith(".weights.h5") else path.suffix.lower()


def missing_code(run: Path) -> str | None:
    """Return which of a user's files a run was made with that have not been given; `None` if none is missing.

    Args:
        run: Folder of the run.
    """
    given = {code.path.name for code in loaded_code()}
    files = [file for file in sorted((run / "code").glob("*.py")) if file.name not in given]
    if not files:
        return None
    options = " ".join(f"--code {file}" for file in files)
    return f"The run uses parts of the user's own. Read their files, and if you trust them, pass {options}"
