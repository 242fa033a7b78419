"""Requests that a server answers to itself before it takes the first one from outside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import tensorflow as tf
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog, PredictLog

WARM_UP = Path("assets.extra", "tf_serving_warmup_requests")
"""Where TensorFlow Serving looks for them, in a SavedModel's folder."""

SENTENCE = "Mutations of BRCA1 and TNF-α (25 µg/ml) cause hereditary breast cancer in E. coli, e.g. after aspirin. "
SENTENCES = (1, 0, 2, 12, 1, 5, 3, 40)
"""How many sentences each text has: titles, abstracts, pages, and nothing at all."""
BATCH_SIZES = (1, 2, 8, 32)


def warm_up_requests(name: str) -> Iterator[PredictRequest]:
    """Make requests of varied lengths and batch sizes to every signature.

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
        yield _request(name, "tag_tokens", "tokens", [row + [""] * (longest - len(row)) for row in tokens])
    yield _request(name, "describe", "text", [""])


def _request(
    name: str, signature: str, argument: str, value: Sequence[str] | Sequence[Sequence[str]]
) -> PredictRequest:
    request = PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = name, signature
    request.inputs[argument].CopyFrom(tf.make_tensor_proto(value, tf.string))
    return request


def write_warm_up(folder: Path, name: str) -> None:
    """Write the requests into the folder of a SavedModel, as TensorFlow Serving reads them.

    Args:
        folder: The folder, with `assets.extra` in it.
        name: The model's name on the server.

    Raises:
        OSError: They cannot be written.
    """
    with tf.io.TFRecordWriter(str(folder / WARM_UP)) as file:
        for request in warm_up_requests(name):
            file.write(PredictionLog(predict_log=PredictLog(request=request)).SerializeToString())
