"""Sentences as arrays, from which batches are gathered."""

from __future__ import annotations

import functools
import hashlib
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
import tensorflow as tf

from tfkd.tensors import Tensor
from tfkd.text.text import Text
from tfkd.training.shapes import PaddedShapes
from tfkd_base.corpora import Sentence
from tfkd_base.errors import TfkdError, nearest


class SentenceArrays(Protocol):
    """Stored arrays of each sentence, such as a teacher's cached outputs, that go into batches."""

    @property
    def specs(self) -> dict[str, tf.TensorSpec]:
        """Arrays of a batch: `[batch, time, ...]` for each token, or `[batch, ...]` for each sentence."""

    def register(self, sentences: Iterable[Sequence[str]]) -> Iterable[Sequence[str]]:
        """Pass on all sentences; `read` will be called with their indices."""

    def read(self, rows: np.ndarray, time: int) -> list[np.ndarray]:
        """Read the arrays of sentences by index, padded to a length, in the order of `specs`."""


Texts: TypeAlias = Text | Mapping[str, Text | SentenceArrays]
"""One featurizer, or several featurizers and stored arrays by name."""
Features: TypeAlias = dict[str, Any]
"""Features of a batch by name: tensors, or one such dictionary for each named featurizer."""


class EncodedSentences:
    """Sentences as arrays, from which batches are gathered.

    The features of each distinct token are computed once, by the graph that an exported model contains.

    Sentences may come one by one, for example from a large file: only four bytes of each token are kept.

    Args:
        sentences: Token sequences.
        texts: The featurizer; several by name if two models read the same sentences, or if stored arrays belong to
            the batches.
        tags: Indices of the gold tags of all sentences, one after another, if there are any.
        tasks: Index of each sentence's task, if there are several.
        prepare: Called with the table of features of the distinct tokens; returns the table to gather from.

    Attributes:
        lengths: Number of tokens of each sentence, int64.
        sizes: Width that each sentence gives to a batch, int64: its number of tokens, or of subwords if the first
            featurizer splits tokens.
    """

    def __init__(
        self,
        sentences: Iterable[Sequence[str]],
        texts: Texts,
        tags: np.ndarray | None = None,
        tasks: Sequence[int] | np.ndarray | None = None,
        prepare: Callable[[dict[str, Tensor]], dict[str, Tensor]] = lambda table: table,
    ) -> None:
        sources = {"": texts} if isinstance(texts, Text) else texts
        if not isinstance(sources, Mapping):
            raise TfkdError(
                f"expected a featurizer, such as `model.text`, got {type(texts).__name__}: batches are made with the "
                "`text` of the model that reads them."
            )
        self._arrays = {name: source for name, source in sources.items() if not isinstance(source, Text)}
        for source in self._arrays.values():
            sentences = source.register(sentences)
        types: dict[str, int] = {"": 0}
        ids, lengths = array("i"), array("q")
        for sentence in sentences:
            ids.extend([types.setdefault(token, len(types)) for token in sentence])
            lengths.append(len(sentence))
        self._types = hashlib.blake2b("\0".join(types).encode("utf-8", "surrogatepass")).digest()
        self.lengths = np.array(lengths, np.int64)
        self._tokens = tf.constant(np.array(ids, np.int32))
        # An empty sentence follows the last one. It fills up batches that must all have the same number of rows.
        self._splits = tf.constant(np.concatenate([[0], np.cumsum(self.lengths), [len(ids)]]).astype(np.int64))
        self.set_tags(tags)
        self.set_tasks(tasks)
        self._texts = {name: source for name, source in sources.items() if isinstance(source, Text)}
        self._tables = {name: prepare(text.make_large_table(list(types))) for name, text in self._texts.items()}
        self._nested = not isinstance(texts, Text)
        sizes = {name: self._sizes_in(name) for name in self._texts}
        self.sizes = next(iter(sizes.values()), self.lengths)
        self._sizes = tf.constant(np.append(self.sizes, 0))
        self._own_sizes = {name: own for name, own in sizes.items() if own is not self.lengths}

    def set_tags(self, tags: np.ndarray | None) -> None:
        """Set the indices of the gold tags of all sentences, one after another; -1 for sentences without tags."""
        self._tags = None if tags is None else tf.constant(tags)

    def set_tasks(self, tasks: Sequence[int] | np.ndarray | None) -> None:
        """Set the index of the task of each sentence."""
        self._tasks = None if tasks is None else tf.constant(np.append(tasks, 0).astype(np.int32))

    def fingerprint(self) -> str:
        """Return a hash of the sentences, their tags and their tasks."""
        fingerprint = hashlib.blake2b(self._types, digest_size=16)
        for part in (self._tokens, self._splits, self._tags, self._tasks):
            fingerprint.update(b"" if part is None else part.numpy().tobytes())
        return fingerprint.hexdigest()

    def padded_shapes(self, number: int) -> PaddedShapes:
        """Choose at most a number of shapes for batches of these sentences."""
        return PaddedShapes.of(number, self.sizes, self.lengths, self._own_sizes)

    def gather(self, rows: Tensor | np.ndarray, shapes: PaddedShapes | None = None) -> Any:
        """Return the batch of the sentences with these indices: `x`, or `(x, tags)`; tags are -1 in the padding.

        Args:
            rows: Indices of sentences, int64 `[batch]`; the index after the last one is an empty sentence.
            shapes: Shapes to pad to. Default: the batch is as long as its longest sentence.
        """
        time, sizes = None, {}
        if shapes is not None:
            index = shapes.index(tf.reduce_max(tf.gather(self._sizes, rows)))
            time = shapes.times[index]
            sizes = {name: of[index] for name, of in shapes.by_text.items()}
        ids = self._pad(self._tokens, rows, 0, time)
        x: Features = {
            name: text.gather(self._tables[name], ids, sizes.get(name)) for name, text in self._texts.items()
        }
        x = x if self._nested else x[""]
        for name, source in self._arrays.items():
            x[name] = _read(source, rows, tf.shape(ids)[1])
        if self._tasks is not None:
            x = {**x, "task": tf.gather(self._tasks, rows)}
        return x if self._tags is None else (x, tf.cast(self._pad(self._tags, rows, -1, time), tf.int32))

    def _sizes_in(self, name: str) -> np.ndarray:
        """Return the size of each sentence for one featurizer."""
        of_type = self._texts[name].sizes(self._tables[name])
        if of_type is None:
            return self.lengths
        ends = np.concatenate([[0], np.cumsum(tf.gather(of_type, self._tokens).numpy())])
        return np.diff(ends[self._splits.numpy()[:-1]])

    def _pad(self, flat: Tensor, rows: Tensor | np.ndarray, padding: int, time: Tensor | None) -> Tensor:
        ragged = tf.RaggedTensor.from_row_splits(flat, self._splits, validate=False)
        dense = tf.gather(ragged, rows).to_tensor(padding)
        if time is None:
            return dense
        return tf.pad(dense, [[0, 0], [0, tf.cast(time, tf.int32) - tf.shape(dense)[1]]], constant_values=padding)


def tag_ids(sentences: Sequence[Sentence], tags: Sequence[str]) -> np.ndarray:
    """Return the index of every tag of the sentences, one after another, in the smallest integer type.

    Raises:
        TfkdError: A sentence has a tag that is not among `tags`.
    """
    index = {tag: number for number, tag in enumerate(tags)}
    total = sum(len(sentence.tags) for sentence in sentences)
    dtype = np.int8 if len(tags) < 128 else np.int16
    try:
        return np.fromiter((index[tag] for sentence in sentences for tag in sentence.tags), dtype, total)
    except KeyError as error:
        raise TfkdError(
            f"the sentences have the tag {error.args[0]!r}, which the model does not know: "
            f"{nearest(error.args[0], tags)} Convert the corpus to the model's scheme first, or train the model on "
            "its entity types."
        ) from None


def _read(source: SentenceArrays, rows: Tensor | np.ndarray, time: Tensor) -> dict[str, Tensor]:
    specs = source.specs
    read = functools.partial(_read_rows, source)
    arrays = tf.numpy_function(read, [rows, time], [spec.dtype for spec in specs.values()])
    for values, spec in zip(arrays, specs.values(), strict=True):
        values.set_shape(spec.shape)
    return dict(zip(specs, arrays, strict=True))


def _read_rows(source: SentenceArrays, rows: np.ndarray, time: np.ndarray) -> list[np.ndarray]:
    return source.read(rows, int(time))
