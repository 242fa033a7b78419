"""Word vectors from a pre-trained transformer, or from a model that has one as its encoder."""

from __future__ import annotations

import os
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from tfkd.models.multitask_tagger import MultiTaskTagger
from tfkd.models.tagger import Tagger
from tfkd.models.transformer import Transformer
from tfkd.pretrained import open_pretrained
from tfkd.tensors import Tensor
from tfkd.text import PieceFeatures, WordVectors
from tfkd.training import groups_by_size
from tfkd_base.errors import TfkdError
from tfkd_base.progress import Progress

ROOT_MEAN_SQUARE = 0.3
"""Root mean square of the numbers in the vectors."""

_LEAST_SPREAD = 1e-5
"""Share of the states' size below which their differences are rounding errors."""

_LAYER = "encoder"
"""Layer with the states of words."""

_PIECES = 4096
"""Number of subwords that are encoded at once, to bound the memory."""


def make_encoder_vectors(
    encoder: str | os.PathLike[str] | Tagger | MultiTaskTagger,
    words: Sequence[str],
    *,
    units: int = 100,
    progress: Progress | None = None,
) -> WordVectors:
    """Make word vectors for a small model from a transformer.

    Each word runs through the encoder alone. Its vector is the state of its subwords in the last layer: of a
    pre-trained encoder their mean, of a trained model what its encoder pools. The vectors of all words are reduced to
    their first principal components, and scaled to a root mean square of 0.3. No label is needed.

    Args:
        encoder: A folder or a preset, as `tfkd.pretrained.open_pretrained` takes it; or a tagger or a teacher whose
            encoder is a transformer.
        words: The words, most frequent first. Each becomes one vector; a word that occurs again is skipped.
        units: The width of the vectors, at most that of the encoder.
        progress: Receives the progress. Default: it is not reported.

    Returns:
        The words with their vectors. The same words and encoder give the same vectors.

    Raises:
        TfkdError: The encoder cannot be read or is not a transformer, there are not more words than units, or the
            encoder is narrower than `units`.

    Example:
        >>> make_encoder_vectors("no/such/folder", ["gene"])
        Traceback (most recent call last):
        tfkd_base.errors.TfkdError: the folder no/such/folder does not exist
    """
    distinct = [word for word in dict.fromkeys(words) if word]
    source = "the encoder" if isinstance(encoder, Tagger | MultiTaskTagger) else os.fspath(encoder)
    model = _open(encoder)
    width = model.layer_width(_LAYER)
    if not 1 <= units <= width:
        raise TfkdError(f"{source}: its states have {width} numbers: expected 1 to {width} units, got {units}.")
    if len(distinct) <= units:
        raise TfkdError(
            f"{len(distinct)} different words are too few for vectors of {units} numbers: expected more words than "
            "units. Add text, or take fewer units."
        )
    states = _encode(model, distinct, progress or Progress())
    return WordVectors(tuple(distinct), _reduce(states, units), source=source)


def _open(encoder: str | os.PathLike[str] | Tagger | MultiTaskTagger) -> Tagger:
    """Return a tagger with the encoder."""
    if isinstance(encoder, MultiTaskTagger):
        encoder = encoder.for_task(encoder.tasks[0])
    if isinstance(encoder, Tagger):
        if not isinstance(encoder.text, PieceFeatures):
            raise TfkdError(
                f"word vectors are made from a transformer, but the encoder of {encoder.name} reads words. "
                "Name a pre-trained transformer, or a model that has one."
            )
        return encoder
    text = open_pretrained(encoder).text()
    transformer = Transformer(transformer=os.fspath(encoder), pooling="mean", dropout=0.0)
    return Tagger(text, ["O"], encoder=transformer, head="softmax", dtype="float32")


def _encode(model: Tagger, words: Sequence[str], progress: Progress) -> np.ndarray:
    """Return the state of each word by itself, float32 `[words, width]`."""
    text = model.text
    table = text.make_large_table(["", *words])
    sizes = text.sizes(table)
    assert sizes is not None
    lengths = sizes.numpy()[1:]
    states = keras.Model(model.inputs, model.layer_output(_LAYER))
    specs = {name: tf.TensorSpec([None, None], tensor.dtype) for name, tensor in text.inputs().items()}

    @tf.function(input_signature=[specs], autograph=False)
    def encode(features: dict[str, Tensor]) -> Tensor:
        return states(features, training=False)[:, 0]

    result = np.empty((len(words), model.layer_width(_LAYER)), np.float32)
    with progress.counted("word vectors", len(words), "words") as advance:
        done = 0
        # The encoder adds two special tokens to each word.
        for group in groups_by_size(lengths + 2, most=_PIECES, padded_size=_PIECES):
            result[group] = encode(text.gather(table, tf.constant(group[:, None] + 1)))
            done += len(group)
            advance(done)
    return result


def _reduce(states: np.ndarray, units: int) -> np.ndarray:
    """Return the first principal components of vectors, scaled, float32 `[words, units]`.

    The sign of each component is set so that its largest weight is positive: the result does not depend on the linear
    algebra library's choice.
    """
    centred = states.astype(np.float64) - states.mean(axis=0, dtype=np.float64)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    components = vectors[:, ::-1][:, :units]
    largest = components[np.abs(components).argmax(axis=0), np.arange(units)]
    reduced = centred @ (components * np.sign(largest))
    scale = np.sqrt(np.mean(reduced**2))
    # Smaller differences are rounding errors of the encoder.
    if scale <= _LEAST_SPREAD * np.sqrt(np.mean(states**2, dtype=np.float64)):
        raise TfkdError("all words have the same state in the encoder: its vectors cannot tell words apart.")
    return (reduced * (ROOT_MEAN_SQUARE / scale)).astype(np.float32)
