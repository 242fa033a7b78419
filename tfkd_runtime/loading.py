"""Opening ONNX files."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

from tfkd_base.bundled_models import DEFAULT_MODEL, ONNX_FILE, find_bundled_model, is_bundled_model, short_name
from tfkd_base.errors import TfkdError
from tfkd_runtime.annotator import TextAnnotator
from tfkd_runtime.backends import choose_tasks
from tfkd_runtime.document_sentences import cut_documents
from tfkd_runtime.hub import download_model, is_hub_model
from tfkd_runtime.onnx_model import OnnxModel


def load(
    model: str | Path | Sequence[str | Path] = DEFAULT_MODEL, *, tasks: Sequence[str] = (), threads: int | None = None
) -> TextAnnotator:
    """Open one or several ONNX files that `tfkd export RUN MODEL.onnx` wrote, or bundled models.

    Args:
        model: The file, the name of a bundled model or of a model on the Hub, `hf:user/name`; or several, whose
            entities are merged. Default: `biomedical`.
        tasks: Tasks of models that have several. Default: all.
        threads: Threads of ONNX Runtime. Default: one for each core.

    Returns:
        An annotator: `annotate` takes texts, `annotate_tokens` texts that are cut into tokens.

    Raises:
        TfkdError: There is no such file, `tfkd export` did not write it, a model lacks a task, or ONNX Runtime is not
            installed.

    Example:
        >>> load("no-such-model.onnx")
        Traceback (most recent call last):
        tfkd_base.errors.TfkdError: expected an ONNX file that `tfkd export RUN no-such-model.onnx` wrote, got ...
    """
    paths = [model] if isinstance(model, str | Path) else list(model)
    if not paths:
        raise TfkdError("expected a model or several, got an empty list")
    if isinstance(tasks, str):
        raise TfkdError(f"expected a list of tasks, got a single string; write [{tasks!r}]")
    models = [OnnxModel(locate_model(path), threads, name=short_name(path)) for path in paths]
    tokenize = functools.partial(cut_documents, segment=models[0].segment)
    return TextAnnotator([choose_tasks(one, tasks) for one in models], tokenize)


def locate_model(model: str | Path, part: str = ONNX_FILE) -> str | Path:
    """Return the path of a model that is given by name; any other value is returned as it is.

    Args:
        model: The name of a bundled model, or of a model on the Hub, `hf:user/name`, which is downloaded.
        part: Which part of a bundled model: `ONNX_FILE`, or `SAVED_MODEL` for its SavedModel.

    Raises:
        TfkdError: There is no such model, it is damaged, or it cannot be downloaded.

    Example:
        >>> locate_model("savedmodels/disease")
        'savedmodels/disease'
    """
    if is_hub_model(model):
        return download_model(str(model))
    return find_bundled_model(model, part) if isinstance(model, str) and is_bundled_model(model) else model
