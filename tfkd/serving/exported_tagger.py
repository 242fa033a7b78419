"""Exported models as taggers of token sequences, to be scored like the models of runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from tfkd.serving.backends import find_saved_model, is_onnx, open_model
from tfkd.serving.client import ClientOptions
from tfkd_base.bundled_models import is_bundled_model
from tfkd_base.corpora import Sentence, tag_list
from tfkd_base.errors import TfkdError
from tfkd_runtime.annotator import tag_sentences
from tfkd_runtime.hub import is_hub_model


class ExportedTagger:
    """Tagger that runs a SavedModel or an ONNX file, for `tfkd.evaluation.evaluate`.

    Args:
        path: Folder of the SavedModel, or of its numbered versions; an ONNX file; or the name of a bundled model
            or of one on the Hugging Face Hub.
        task: The task of a model that has several.

    Attributes:
        scheme: The tag scheme.
        tags: The tags of the task.

    Raises:
        TfkdError: It is no model that `tfkd export` wrote; or it lacks the task; or it has several, and none is
            named.
    """

    def __init__(self, path: str | os.PathLike[str], task: str | None = None) -> None:
        self._model = open_model(os.fspath(path), () if task is None else (task,), ClientOptions())
        if len(self._model.suffixes) > 1:
            names = ", ".join(suffix.removeprefix("/") for suffix in self._model.suffixes)
            raise TfkdError(f"{path} is a model of several tasks: choose one with --task, one of {names}.")
        self.scheme = self._model.scheme
        self.tags = tag_list(self._model.types, self.scheme)

    def tag(self, sentences: Sequence[Sentence], progress: Callable[[int], object] | None = None) -> list[list[str]]:
        """Return a tag for each token of each sentence.

        Args:
            sentences: The sentences.
            progress: Called with the number of sentences that are tagged so far.
        """
        (suffix,) = self._model.suffixes
        tokens = [[token.encode("utf-8", "replace") for token in sentence.tokens] for sentence in sentences]
        tags = []
        for row in tag_sentences(self._model.backend, (suffix,), tokens):
            tags.append([tag.decode() for tag in row[suffix][0].tolist()])
            if progress is not None:
                progress(len(tags))
        return tags


def is_exported(path: str | os.PathLike[str]) -> bool:
    """Tell whether a path is that of an exported model.

    That is an ONNX file, a folder with a SavedModel or versions of one, or the name of a bundled model or of one on the
    Hugging Face Hub.

    Example:
        >>> is_exported("savedmodels/no-such-model")
        False
    """
    name = os.fspath(path)
    is_named = is_bundled_model(name) or is_hub_model(name)
    return is_named or is_onnx(Path(path)) or find_saved_model(Path(path)) is not None
