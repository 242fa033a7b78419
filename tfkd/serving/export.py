"""Writing a tagger as a SavedModel that takes raw text."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfkd.models import MultiTaskTagger, Tagger
from tfkd.serving.card import write_card
from tfkd.serving.signatures import Signatures
from tfkd.serving.warm_up import write_warm_up
from tfkd_base.errors import TfkdError


def export(
    model: Tagger | MultiTaskTagger,
    path: str | Path,
    *,
    version: int | None = None,
    about: Mapping[str, Any] | None = None,
) -> Path:
    """Write a tagger or a teacher as the next version of a SavedModel: `PATH/1`, `PATH/2`, and so on.

    The folder appears whole or not at all. It holds the vocabulary and only core TensorFlow operations, and answers to
    the signatures `serving_default` (raw text), `tag_tokens` (padded tokens) and `describe` (what the model is), which
    `docs/serving.md` describes. Beside them lie a model card and the requests by which a server warms up.

    Args:
        model: A trained tagger or teacher; for some of a teacher's tasks `teacher.with_tasks(...)`, for the view of one
            `teacher.for_task(...)`.
        path: The folder of the model's versions, such as `savedmodels/disease`. Where its last part is a number and no
            `version` is given, that is the version: `savedmodels/disease/1`.
        version: The version, 1 or above; by default the number after the highest that exists.
        about: What the model card says beside what the model itself tells, as plain values for JSON: `corpora` (name
            or path for each task), `data_license`, `scores` (for each task and split, as `Scores.to_dict` gives them),
            `sizes`, `teachers`, `configuration`, `training_versions`.

    Returns:
        The folder of the new version.

    Raises:
        TfkdError: It is neither tagger nor teacher, the version that was asked for exists, or the folder cannot be
            written.

    Example:
        >>> import tempfile
        >>> from tfkd_base.corpora import demo_corpora
        >>> from tfkd.models import BiLSTM
        >>> from tfkd.text import WordFeatures
        >>> corpus = demo_corpora(seed=1)["gene"]
        >>> tagger = Tagger(WordFeatures.adapt(corpus), corpus, encoder=BiLSTM(units=8))
        >>> folder = export(tagger, Path(tempfile.mkdtemp(), "gene"))
        >>> folder.name, sorted(tf.saved_model.load(folder).signatures)
        ('1', ['describe', 'serving_default', 'tag_tokens'])
    """
    module = Signatures(model)
    path = Path(path)
    if version is None and _is_version(path.name):
        path, version = path.parent, int(path.name)
    if version is not None:
        _check_version(path, version)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TfkdError(f"{path}: no folder can be made there: {error.strerror}") from None

    hidden = path / f".being-written-{uuid.uuid4().hex}"
    try:
        functions = ("serving_default", "tag_tokens", "describe")
        tf.saved_model.save(module, hidden, signatures={name: getattr(module, name) for name in functions})
        write_card(hidden, model, about or {}, path.name)
        write_warm_up(hidden, path.name)
        return _publish(hidden, path, version)
    except OSError as error:
        raise TfkdError(f"{path}: the model cannot be written there: {error.strerror or error}") from None
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def versions(path: Path) -> list[int]:
    """List the versions of a model that stand in its folder, ascending.

    Args:
        path: A folder as `export` takes it; it need not exist.

    Example:
        >>> versions(Path("savedmodels/no-such-model"))
        []
    """
    if not path.is_dir():
        return []
    return sorted(int(folder.name) for folder in path.iterdir() if _is_version(folder.name) and folder.is_dir())


def _is_version(name: str) -> bool:
    return name.isascii() and name.isdecimal() and not name.startswith("0")


def _check_version(path: Path, version: int) -> None:
    if version < 1:
        raise TfkdError(f"expected a version of 1 or above, got {version}")
    if (path / str(version)).exists():
        raise TfkdError(
            f"{path / str(version)} exists, and a version is never overwritten; give {path} for the next free number"
        )


def _publish(hidden: Path, path: Path, version: int | None) -> Path:
    """Give the finished folder its number; another process may take the same one in this moment."""
    while True:
        number = version or max(versions(path), default=0) + 1
        try:
            return hidden.rename(path / str(number))
        except OSError:
            if not (path / str(number)).exists():
                raise
            if version is not None:
                _check_version(path, version)
