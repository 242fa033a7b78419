"""Writing a tagger as a SavedModel that takes raw text."""

from __future__ import annotations

import json
import shutil
import unicodedata
import uuid
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfkd.errors import TfkdError
from tfkd.models import MultiTaskTagger, Tagger
from tfkd.serving.signatures import Signatures

CARD = Path("assets.extra", "tfkd.json")
"""Where a SavedModel of this library says what it is; `assets.extra` is the folder that its format leaves to others."""


def export(tagger: Tagger, path: str | Path, *, version: int | None = None) -> Path:
    """Write a tagger as the next version of a SavedModel: `PATH/1`, `PATH/2`, and so on.

    The folder appears whole or not at all. It holds the vocabulary and only core TensorFlow operations, and answers to
    the signatures `serving_default` (raw text) and `tag_tokens` (padded tokens), which `docs/serving.md` describes.

    Args:
        tagger: A trained tagger; for a teacher, the view of one task, `teacher.for_task(...)`.
        path: The folder of the model's versions, such as `savedmodels/disease`. Where its last part is a number and no
            `version` is given, that is the version: `savedmodels/disease/1`.
        version: The version, 1 or above; by default the number after the highest that exists.

    Returns:
        The folder of the new version.

    Raises:
        TfkdError: The tagger is a teacher or no tagger at all, the version that was asked for exists, or the folder
            cannot be written.

    Example:
        >>> import tempfile
        >>> from tfkd.corpora import demo_corpora
        >>> from tfkd.models import BiLSTM
        >>> from tfkd.preprocessing import WordFeatures
        >>> corpus = demo_corpora(seed=1)["gene"]
        >>> tagger = Tagger(WordFeatures.adapt(corpus), corpus, encoder=BiLSTM(8))
        >>> folder = export(tagger, Path(tempfile.mkdtemp(), "gene"))
        >>> folder.name, sorted(tf.saved_model.load(folder).signatures)
        ('1', ['serving_default', 'tag_tokens'])
    """
    check_tagger(tagger)
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
        module = Signatures(tagger)
        tf.saved_model.save(
            module, hidden, signatures={"serving_default": module.serving_default, "tag_tokens": module.tag_tokens}
        )
        (hidden / CARD).parent.mkdir(exist_ok=True)
        (hidden / CARD).write_text(json.dumps(_card(tagger), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
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


def check_tagger(tagger: object) -> None:
    """Refuse what cannot be exported.

    Args:
        tagger: Anything.

    Raises:
        TfkdError: It is a teacher, or no tagger.

    Example:
        >>> check_tagger("disease.keras")
        Traceback (most recent call last):
        tfkd.errors.TfkdError: expected a tfkd.models.Tagger, got a str
    """
    if isinstance(tagger, MultiTaskTagger):
        tasks = ", ".join(repr(task) for task in tagger.tasks)
        raise TfkdError(
            f"a multi-task teacher has several tasks ({tasks}); choose one with teacher.for_task({tagger.tasks[0]!r}), "
            f"or --task {tagger.tasks[0]} on the command line"
        )
    if not isinstance(tagger, Tagger):
        raise TfkdError(f"expected a tfkd.models.Tagger, got a {type(tagger).__name__}")


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


def _card(tagger: Tagger) -> dict[str, Any]:
    return {
        "scheme": tagger.scheme,
        "tags": list(tagger.tags),
        "types": sorted({tag.partition("-")[2] for tag in tagger.tags if tag != "O"}),
        "versions": {
            "tfkd": installed_version("tfkd"),
            "tensorflow": tf.__version__,
            "unicode": unicodedata.unidata_version,
        },
    }
