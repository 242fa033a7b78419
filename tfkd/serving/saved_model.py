"""A SavedModel in a folder, run in this process."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfkd.serving.card import CARD
from tfkd.serving.export import versions
from tfkd_base.errors import TfkdError


def find_saved_model(path: Path) -> Path | None:
    """Find the folder of a SavedModel: this one, or that of the newest version in it.

    Example:
        >>> find_saved_model(Path("savedmodels/no-such-model"))
    """
    newest = [path / str(number) for number in reversed(versions(path))]
    return next((folder for folder in [path, *newest] if (folder / "saved_model.pb").is_file()), None)


class SavedModel:
    """Tag texts with a SavedModel, see `Backend`.

    Args:
        folder: The folder of one version.

    Raises:
        TfkdError: It is not one that `tfkd export` wrote, or is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.name = str(folder)
        try:
            self.description = json.loads((folder / CARD).read_text(encoding="utf-8"))
            self.description["scheme"]
        except (OSError, ValueError, KeyError, TypeError):
            raise TfkdError(
                f"{folder}: a SavedModel, but not one that `tfkd export` wrote: expected its tag scheme in {CARD}"
            ) from None
        try:
            self._loaded = tf.saved_model.load(folder)
            self._signature = self._loaded.signatures["serving_default"]
            self._tag_tokens = self._loaded.signatures["tag_tokens"]
        except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
            raise TfkdError(
                f"{folder}: TensorFlow cannot load this SavedModel, which may be damaged: export it again ({error})"
            ) from None

    def answer(self, texts: Sequence[bytes]) -> dict[str, np.ndarray]:
        """Tag texts, see `Backend`."""
        return {name: value.numpy() for name, value in self._signature(text=tf.constant(texts, tf.string)).items()}

    def answer_tokens(self, sentences: Sequence[Sequence[bytes]]) -> dict[str, np.ndarray]:
        """Tag sentences of tokens, see `Backend`."""
        answer = self._tag_tokens(tokens=tf.constant(sentences, tf.string))
        return {name: value.numpy() for name, value in answer.items()}
