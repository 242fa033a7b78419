"""Arrays of an output cache: which arrays hold each output, computing them, and reading outputs from them."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from typing_extensions import override

from tfkd.distillation.output_store import OutputStore
from tfkd.distillation.outputs import Need, Outputs, SequenceStatistics, TeacherOutputs
from tfkd.distillation.store_files import CHUNK, ArraySpec, content_key
from tfkd.tensors import Tensor
from tfkd_base.errors import TfkdError


@dataclass(frozen=True)
class CachedOutputs(TeacherOutputs):
    """Cached outputs for one batch.

    Attributes:
        arrays: The cached arrays, padded.
        is_chain: Whether the teacher's tags depend on each other, as with a CRF.
    """

    arrays: dict[str, Tensor]
    is_chain: bool

    def _get(self, name: str) -> Tensor:
        if name not in self.arrays:
            raise TfkdError(
                f"the batch has no {name!r} of the teacher's cache, only {sorted(self.arrays)}: make batches with "
                "`distiller.batches(sentences)`."
            )
        return tf.cast(self.arrays[name], tf.float32)

    @property
    def _plain(self) -> Outputs:
        logits = self._get("logits")
        return Outputs.of(logits, self.arrays["mask"])

    @property
    def emissions(self) -> Tensor:
        """Emission scores (logits), float32 `[batch, time, tags]`."""
        return self._get("logits")

    def tag_probabilities(self, temperature: float | Tensor) -> Tensor:
        """Compute the softmax of the emission scores over a temperature."""
        return self._plain.tag_probabilities(temperature)

    @override
    def tag_scores(self, temperature: float | Tensor) -> Tensor:
        return self._plain.tag_scores(temperature)

    def posteriors(self, temperature: float | Tensor) -> Tensor:
        """Return the posteriors; those of a CRF are cached."""
        if self.is_chain:
            return self._get(str(Need("posteriors", temperature)))
        return self._plain.posteriors(temperature)

    @override
    def log_posteriors(self, temperature: float | Tensor) -> Tensor:
        return super().log_posteriors(temperature) if self.is_chain else self._plain.log_posteriors(temperature)

    def sequences(self, temperature: float | Tensor) -> SequenceStatistics:
        """Return the statistics of the distribution over sequences; those of a CRF are cached."""
        if self.is_chain:
            names = sequence_arrays(temperature)
            return SequenceStatistics(*(self._get(name) for name in names))
        return self._plain.sequences(temperature)

    def paths(self, number: int) -> tuple[Tensor, Tensor]:
        """Return the first of the cached paths."""
        sizes = [int(name.partition("@")[2]) for name in self.arrays if name.startswith("paths@")]
        cached = min((size for size in sizes if size >= number), default=number)
        paths, scores = (self._get(name) for name in path_arrays(cached))
        return tf.cast(tf.transpose(paths, [0, 2, 1])[:, :number], tf.int32), scores[:, :number]

    def features(self, layer: str) -> Tensor:
        """Return a layer's output."""
        return self._get(str(Need("features", layer)))


class CachedSentences:
    """Rows of a cache for the sentences of a training set, as stored arrays of its batches.

    Args:
        store: The store of the cache.
        names: Names of the arrays to read.
    """

    def __init__(self, store: OutputStore, names: Sequence[str]) -> None:
        self._store = store
        self._names = list(names)
        self._rows: np.ndarray | None = None
        self._empty_tokens: dict[int, list[int]] = {}

    def register(self, sentences: Iterable[Sequence[str]]) -> Iterator[Sequence[str]]:
        """Pass on all sentences, and look up their rows in the cache.

        Raises:
            TfkdError: After the last sentence, if the cache lacks some.
        """
        store, remaining = self._store, iter(sentences)
        parts, first = [np.empty(0, np.int64)], ""
        while chunk := list(itertools.islice(remaining, CHUNK)):
            first_row = sum(map(len, parts))
            parts.append(store.rows([content_key(tokens) for tokens in chunk]))
            for row, tokens in enumerate(chunk, first_row):
                if "" in tokens:
                    self._empty_tokens[row] = [place for place, token in enumerate(tokens) if not token]
            absent = np.flatnonzero(parts[-1] < 0)
            first = first or " ".join(chunk[absent[0]] if len(absent) else ())
            yield from chunk
        rows = np.concatenate(parts)
        if missing := int(np.sum(rows < 0)):
            raise TfkdError(
                f"the cache {store.folder} was made for other text: {missing} of {len(rows)} sentences are not in it, "
                f"the first one {first[:80]!r}. Run `tfkd cache-teacher` with all corpora and texts that the student "
                "learns from; it adds the missing sentences."
            )
        # The empty sentence that fills up batches follows the last one.
        self._rows = np.append(rows, -1)

    @property
    def specs(self) -> dict[str, tf.TensorSpec]:
        """Arrays of a batch."""
        specs = {}
        for name in self._names:
            spec = self._store.specs[name]
            leading = [None, None] if spec.per == "token" else [None]
            specs[name] = tf.TensorSpec([*leading, *spec.shape], spec.dtype)
        return {**specs, "mask": tf.TensorSpec([None, None], tf.bool)}

    def read(self, rows: np.ndarray, time: int) -> list[np.ndarray]:
        """Read the arrays of sentences by their index, padded to a length."""
        assert self._rows is not None
        chosen = self._rows[rows]
        arrays = self._store.read(chosen, time, self._names)
        mask = np.arange(time) < self._store.lengths(chosen)[:, np.newaxis]
        for index, row in enumerate(rows):
            mask[index, self._empty_tokens.get(int(row), [])] = False
        return [*(arrays[name] for name in self._names), mask]


def array_specs(need: Need, tags: int, width: int, is_chain: bool, dtype: str) -> dict[str, ArraySpec]:
    """Return the specs of the arrays for one need; for independent tags the logits are enough for most needs."""
    match need.kind:
        case "paths":
            paths, scores = path_arrays(int(need.of or 1))
            number = int(need.of or 1)
            return {
                paths: ArraySpec((number,), "int8" if tags < 128 else "float32", "token"),
                scores: ArraySpec((number,), "float32", "sentence"),
            }
        case "features":
            return {str(need): ArraySpec((width,), dtype, "token")}
        case "posteriors" if is_chain:
            return {str(need): ArraySpec((tags,), dtype, "token")}
        case "sequences" if is_chain:
            marginals, transitions, entropy = sequence_arrays(need.of)
            return {
                marginals: ArraySpec((tags,), dtype, "token"),
                transitions: ArraySpec((tags, tags), dtype, "sentence"),
                entropy: ArraySpec((), "float32", "sentence"),
            }
    return {"logits": ArraySpec((tags,), dtype, "token")}


def sequence_arrays(temperature: Any) -> tuple[str, str, str]:
    """Return the names of a CRF's arrays: marginals, transitions, negative entropy."""
    of = str(Need("posteriors", temperature))
    return of, of.replace("posteriors", "transitions"), of.replace("posteriors", "negative_entropy")


def path_arrays(number: int) -> list[str]:
    """Return the names of the arrays of the best paths: their tags, and their log-probabilities."""
    return [f"paths@{number}", f"path_scores@{number}"]


def compute_arrays(outputs: Outputs, needs: Collection[Need], is_chain: bool) -> dict[str, Tensor]:
    """Compute the arrays of `array_specs`."""
    arrays: dict[str, Tensor] = {}
    for need in needs:
        match need.kind:
            case "paths":
                paths, scores = outputs.paths(int(need.of or 1))
                names = path_arrays(int(need.of or 1))
                arrays.update(zip(names, (tf.transpose(paths, [0, 2, 1]), scores), strict=True))
            case "features":
                arrays[str(need)] = outputs.features(str(need.of))
            case "posteriors" if is_chain:
                arrays[str(need)] = outputs.posteriors(need.of)
            case "sequences" if is_chain:
                of = outputs.sequences(need.of)
                values = (of.marginals, of.transitions, of.negative_entropy)
                arrays.update(zip(sequence_arrays(need.of), values, strict=True))
            case _:
                arrays["logits"] = outputs.emissions
    return arrays
