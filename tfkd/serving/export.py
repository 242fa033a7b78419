"""Writing a trained model as a SavedModel that takes raw text."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import tensorflow as tf

from tfkd.models import MultiTaskTagger, Tagger
from tfkd.serving.card import write_card
from tfkd.serving.signatures import Signatures
from tfkd_base.errors import TfkdError

if TYPE_CHECKING:
    from tensorflow_serving.apis.predict_pb2 import PredictRequest

WARM_UP = Path("assets.extra", "tf_serving_warmup_requests")
"""Where TensorFlow Serving expects requests that it answers before the first one from outside, in a SavedModel."""

SENTENCE = "Mutations of BRCA1 and TNF-α (25 µg/ml) cause hereditary breast cancer in E. coli, e.g. after aspirin. "
SENTENCES = (1, 0, 2, 12, 1, 5, 3, 40)
"""Sentences in the texts of these requests: titles, abstracts, pages, and an empty text."""
BATCH_SIZES = (1, 2, 8, 32)


def export(
    model: Tagger | MultiTaskTagger,
    path: str | Path,
    *,
    version: int | None = None,
    about: Mapping[str, object] | None = None,
) -> Path:
    """Write a tagger or a teacher as the next version of a SavedModel: `PATH/1`, `PATH/2` and so on.

    The folder appears complete or not at all. It holds the vocabulary and only core TensorFlow operations, and answers
    to the signatures `serving_default` (raw text), `tag_tokens` (padded tokens) and `describe` (the model's
    description), see `docs/serving.md`. A model card and the requests by which a server warms up are written beside
    them.

    Args:
        model: A trained tagger or teacher. To export some tasks of a teacher, use `teacher.with_tasks(...)`; for one
            task, `teacher.for_task(...)`.
        path: The folder of the model's versions, such as `savedmodels/disease`. If its last part is a number and no
            `version` is given, that is the version: `savedmodels/disease/1`.
        version: The version, at least 1. Default: the number after the highest that exists.
        about: More content for the model card, as plain values for JSON: `corpora` (name or path for each task),
            `data_license`, `scores` (for each task and split, as `Scores.to_dict` gives them), `sizes`, `teachers`,
            `configuration`, `training_versions`.

    Returns:
        The folder of the new version.

    Raises:
        TfkdError: The model is neither a tagger nor a teacher, the version exists, or the folder cannot be written.

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
        raise TfkdError(f"{path}: the folder cannot be created: {error.strerror}") from None

    hidden = path / f".being-written-{uuid.uuid4().hex}"
    try:
        functions = ("serving_default", "tag_tokens", "describe")
        tf.saved_model.save(module, hidden, signatures={name: getattr(module, name) for name in functions})
        write_card(hidden, model, about or {}, path.name)
        _write_warm_up(hidden, path.name)
        return _publish(hidden, path, version)
    except OSError as error:
        raise TfkdError(f"{path}: the model cannot be written there: {error.strerror or error}") from None
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def list_versions(path: Path) -> list[int]:
    """List the versions in the folder of a model, ascending.

    Args:
        path: A folder as `tfkd.serving.export` takes it. It need not exist.

    Example:
        >>> list_versions(Path("savedmodels/no-such-model"))
        []
    """
    if not path.is_dir():
        return []
    return sorted(int(folder.name) for folder in path.iterdir() if _is_version(folder.name) and folder.is_dir())


def _is_version(name: str) -> bool:
    """Tell whether a name is the number of a version.

    Example:
        >>> _is_version("12"), _is_version("012")
        (True, False)
    """
    return name.isascii() and name.isdecimal() and not name.startswith("0")


def _check_version(path: Path, version: int) -> None:
    if version < 1:
        raise TfkdError(f"expected a version of at least 1, got {version}")
    if (path / str(version)).exists():
        raise TfkdError(
            f"{path / str(version)} exists, and a version is never overwritten; give {path} for the next free number"
        )


def _publish(hidden: Path, path: Path, version: int | None) -> Path:
    """Rename the finished folder to its number; another process may take the same number at the same time."""
    while True:
        number = version or max(list_versions(path), default=0) + 1
        try:
            return hidden.rename(path / str(number))
        except OSError:
            if not (path / str(number)).exists():
                raise
            if version is not None:
                _check_version(path, version)


def warm_up_requests(name: str) -> Iterator[PredictRequest]:
    """Yield requests of various lengths and batch sizes to every signature.

    Args:
        name: The model's name on the server.

    Example:
        >>> [request.model_spec.signature_name for request in warm_up_requests("disease")][-2:]
        ['tag_tokens', 'describe']
    """
    for size in BATCH_SIZES:
        texts = [SENTENCE * SENTENCES[number % len(SENTENCES)] for number in range(size)]
        yield _request(name, "serving_default", "text", texts)
    for size in BATCH_SIZES:
        tokens = [SENTENCE.split()[: 1 + number] for number in range(size)]
        longest = max(map(len, tokens))
        yield _request(name, "tag_tokens", "tokens", [["", *row] + [""] * (longest - len(row)) for row in tokens])
    yield _request(name, "describe", "text", [""])


def _request(
    name: str, signature: str, argument: str, value: Sequence[str] | Sequence[Sequence[str]]
) -> PredictRequest:
    from tensorflow_serving.apis.predict_pb2 import PredictRequest

    request = PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = name, signature
    request.inputs[argument].CopyFrom(tf.make_tensor_proto(value, tf.string))
    return request


def _write_warm_up(folder: Path, name: str) -> None:
    from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog, PredictLog

    with tf.io.TFRecordWriter(str(folder / WARM_UP)) as file:
        for request in warm_up_requests(name):
            file.write(PredictionLog(predict_log=PredictLog(request=request)).SerializeToString())
