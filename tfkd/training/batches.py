"""Batches of sentences for `fit`, `evaluate` and `predict`, of similar lengths."""

from __future__ import annotations

import functools
import hashlib
import itertools
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from tfkd.text.text import Text
from tfkd.training.plans import BatchPlan, TaskMixPlan, TransferPlan
from tfkd.training.shapes import PaddedShapes
from tfkd_base.corpora import Corpus, Scheme, Sentence
from tfkd_base.errors import TfkdError, nearest

Tensor = Any


class SentenceArrays(Protocol):
    """Arrays that stand somewhere for each sentence, such as what a teacher said of it, and go into batches."""

    @property
    def specs(self) -> dict[str, tf.TensorSpec]:
        """What a batch gets: `[batch, time, ...]` for each token, or `[batch, ...]` for each sentence."""

    def following(self, sentences: Iterable[Sequence[str]]) -> Iterable[Sequence[str]]:
        """Pass on all sentences, whose indices `read` will be given."""

    def read(self, rows: np.ndarray, time: int) -> list[np.ndarray]:
        """Read them for sentences by index, padded to a length, in the order of `specs`."""


Texts = Text | Mapping[str, Text | SentenceArrays]


class EncodedSentences:
    """Sentences as arrays, from which batches are gathered.

    The features of each distinct token are computed once, by the same graph that an exported model has inside.

    Sentences may come one by one, as from a large file: of each only four bytes a token are kept.

    Args:
        sentences: Token sequences.
        texts: What makes the features; several by name where two models read the same sentences, or where arrays that
            stand elsewhere go with them.
        tags: Indices of the gold tags of all sentences, one after another, if there are any.
        tasks: Index of each sentence's task, if there are several.
        prepare: Is given the table of features of the distinct tokens, and returns the one to gather from.

    Attributes:
        lengths: Tokens of each sentence, int64.
        sizes: How wide each makes a batch, int64: its tokens, or its pieces where the first text cuts tokens.
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
        self._arrays = {name: source for name, source in sources.items() if not isinstance(source, Text)}
        for source in self._arrays.values():
            sentences = source.following(sentences)
        types: dict[str, int] = {"": 0}
        ids, lengths = array("i"), array("q")
        for sentence in sentences:
            ids.extend([types.setdefault(token, len(types)) for token in sentence])
            lengths.append(len(sentence))
        self._types = hashlib.blake2b("\0".join(types).encode("utf-8", "surrogatepass")).digest()
        self.lengths = np.array(lengths, np.int64)
        self._tokens = tf.constant(np.array(ids, np.int32))
        # After the last sentence comes an empty one, which fills up batches that must all have as many.
        self._splits = tf.constant(np.concatenate([[0], np.cumsum(self.lengths), [len(ids)]]).astype(np.int64))
        self.set_tags(tags)
        self._tasks = None if tasks is None else tf.constant(np.append(tasks, 0).astype(np.int32))
        self._texts = {name: source for name, source in sources.items() if isinstance(source, Text)}
        self._tables = {name: prepare(text.table(list(types))) for name, text in self._texts.items()}
        self._nested = not isinstance(texts, Text)
        sizes = {name: self._sizes_in(name) for name in self._texts}
        self.sizes = next(iter(sizes.values()), self.lengths)
        self._sizes = tf.constant(np.append(self.sizes, 0))
        self._own_sizes = {name: own for name, own in sizes.items() if own is not self.lengths}

    def set_tags(self, tags: np.ndarray | None) -> None:
        """Set the indices of the gold tags of all sentences, one after another; -1 throughout one that has none."""
        self._tags = None if tags is None else tf.constant(tags)

    def gather(self, rows: Tensor, shapes: PaddedShapes | None = None) -> Any:
        """Make a batch of the sentences of these indices: `x`, or `(x, tags)`; tags are -1 in the padding.

        Args:
            rows: Indices of sentences, int64 `[batch]`.
            shapes: Shapes to pad to. Without them the batch is as long as its longest sentence.
        """
        time, sizes = None, {}
        if shapes is not None:
            index = shapes.index(tf.reduce_max(tf.gather(self._sizes, rows)))
            time = shapes.times[index]
            sizes = {name: of[index] for name, of in shapes.by_text.items()}
        ids = self._padded(self._tokens, rows, 0, time)
        x: dict[str, Any] = {
            name: text.gather(self._tables[name], ids, sizes.get(name)) for name, text in self._texts.items()
        }
        x = x if self._nested else x[""]
        for name, source in self._arrays.items():
            x[name] = _read(source, rows, tf.shape(ids)[1])
        if self._tasks is not None:
            x = {**x, "task": tf.gather(self._tasks, rows)}
        return x if self._tags is None else (x, tf.cast(self._padded(self._tags, rows, -1, time), tf.int32))

    def dataset(
        self, plan: BatchPlan | TaskMixPlan | TransferPlan, shapes: int | None = None, *, epoch: int = 0, batch: int = 0
    ) -> tf.data.Dataset:
        """Make a dataset whose every iteration is the next epoch of the plan.

        Args:
            plan: Which sentences form which batch.
            shapes: How many shapes the batches may have, see `batches`.
            epoch: The epoch of the first iteration.
            batch: The batch from which the first iteration is real; those before it hold no sentence.

        Returns:
            The dataset; its attribute `starting_at` makes one that begins with another epoch and batch, and `content`
            is a hash of the sentences and their tags.
        """
        coming = itertools.count(epoch)

        def rows_of_next_epoch() -> Iterator[np.ndarray]:
            number = next(coming)
            done = batch if number == epoch else 0
            for index, rows in enumerate(plan.epoch(number)):
                yield rows if index >= done else rows[:0]

        as_it_is = tf.autograph.experimental.do_not_convert  # converting code that needs none takes seconds
        rows = tf.data.Dataset.from_generator(rows_of_next_epoch, output_signature=tf.TensorSpec([None], tf.int64))
        padded = None if shapes is None else PaddedShapes.of(shapes, self.sizes, self.lengths, self._own_sizes)
        if padded is not None:
            rows = rows.map(as_it_is(functools.partial(self._filled_up, size=plan.batch_size)))
        gather = as_it_is(functools.partial(self.gather, shapes=padded))
        batches = rows.map(gather, num_parallel_calls=2, deterministic=True)
        made = batches.apply(tf.data.experimental.assert_cardinality(len(plan))).prefetch(4)
        # The numbers stand above. TensorFlow's search for better ones takes a thread from the training step, at times
        # for whole epochs, which then last twice as long on two cores.
        options = tf.data.Options()
        options.autotune.enabled = False
        made = made.with_options(options)
        made.content = self._content()
        made.starting_at = lambda epoch, batch: self.dataset(plan, shapes, epoch=epoch, batch=batch)
        return made

    def _content(self) -> str:
        found = hashlib.blake2b(self._types, digest_size=16)
        for part in (self._tokens, self._splits, self._tags, self._tasks):
            found.update(b"" if part is None else part.numpy().tobytes())
        return found.hexdigest()

    def _sizes_in(self, name: str) -> np.ndarray:
        """Compute the size of each sentence in a text."""
        of_type = self._texts[name].sizes(self._tables[name])
        if of_type is None:
            return self.lengths
        ends = np.concatenate([[0], np.cumsum(tf.gather(of_type, self._tokens).numpy())])
        return np.diff(ends[self._splits.numpy()[:-1]])

    def _filled_up(self, rows: Tensor, size: int) -> Tensor:
        missing = tf.maximum(size - tf.shape(rows)[0], 0)
        return tf.pad(rows, [[0, missing]], constant_values=len(self.lengths))

    def _padded(self, flat: Tensor, rows: Tensor, padding: int, time: Tensor | None) -> Tensor:
        ragged = tf.RaggedTensor.from_row_splits(flat, self._splits, validate=False)
        dense = tf.gather(ragged, rows).to_tensor(padding)
        if time is None:
            return dense
        return tf.pad(dense, [[0, 0], [0, tf.cast(time, tf.int32) - tf.shape(dense)[1]]], constant_values=padding)


def batches(
    sentences: Sequence[Sentence],
    text: Texts,
    tags: Sequence[str],
    *,
    batch_size: int = 32,
    shuffle: bool = True,
    seed: int = 1,
    shapes: int | None = None,
) -> tf.data.Dataset:
    """Make batches of one task's sentences.

    Args:
        sentences: Sentences, e.g. `corpus.train`, tagged in the scheme of `tags`.
        text: What makes the features: a model's `text`. Several by name make a nested batch, as
            `Distiller` takes where teacher and student have other vocabularies.
        tags: The tags, in the order of their indices: a model's `tags`.
        batch_size: Sentences in a batch.
        shuffle: Whether each epoch is shuffled, with sentences of similar lengths together; if not, they keep their
            order.
        seed: Seed of the shuffling.
        shapes: How many shapes the batches may have, for models compiled with XLA (`jit_compile=True`), which compiles
            each shape anew; 8 is a good number. All batches then have `batch_size` rows, the last one with empty
            sentences, and one of so many lengths. Without it each batch is as long as its longest sentence.

    Returns:
        A dataset of `(features, tags)`; tags int32 `[batch, time]`, -1 in the padding. Each iteration is the next
        epoch; its `starting_at(epoch, batch)` makes the dataset of a training that goes on there.

    Raises:
        TfkdError: A sentence has a tag that is not among `tags`.
    """
    encoded = EncodedSentences([s.tokens for s in sentences], text, tag_ids(sentences, tags))
    return encoded.dataset(BatchPlan(encoded.sizes, batch_size, seed, shuffle), shapes)


def multitask_batches(
    tasks: Mapping[str, Corpus],
    text: Text,
    *,
    scheme: Scheme = "iob2",
    split: str = "train",
    batch_size: int = 32,
    power: float = 0.75,
    seed: int = 1,
    shapes: int | None = None,
) -> tf.data.Dataset:
    """Make batches for a multi-task teacher: each of one task, which is drawn by size to a power.

    Args:
        tasks: The corpus of each task.
        text: What makes the features: the teacher's `text`.
        scheme: The tag scheme the teacher is trained in.
        split: The split to take.
        batch_size: Sentences in a batch.
        power: 1 draws tasks in proportion to their sentences, 0 draws all alike.
        seed: Seed of the draws and of the shuffling.
        shapes: How many shapes the batches may have, see `batches`.

    Returns:
        A dataset of `(features, tags)`; the features hold `task`, the index of the batch's task, int32 `[batch]`.

    Example:
        >>> from tfkd_base.corpora import demo_corpora
        >>> from tfkd.text import WordFeatures
        >>> tasks = demo_corpora(seed=1)
        >>> text = WordFeatures.adapt(tasks.values())
        >>> x, y = next(iter(multitask_batches(tasks, text, batch_size=4)))
        >>> sorted(x), len(y)
        (['casing', 'characters', 'task', 'words'], 4)
    """
    sentences: list[Sentence] = []
    tags = []
    sizes = []
    for corpus in tasks.values():
        converted = corpus.convert(scheme)
        part = converted.split(split)
        sentences += part
        tags.append(tag_ids(part, converted.tags))
        sizes.append(len(part))
    tasks_of = np.repeat(np.arange(len(sizes)), sizes)
    encoded = EncodedSentences([s.tokens for s in sentences], text, np.concatenate(tags), tasks_of)
    lengths = np.split(encoded.sizes, np.cumsum(sizes)[:-1])
    return encoded.dataset(TaskMixPlan(lengths, batch_size, power, seed), shapes)


def tag_ids(sentences: Sequence[Sentence], tags: Sequence[str]) -> np.ndarray:
    """Return the index of every tag of the sentences, one after another, in as few bytes as will do."""
    index = {tag: number for number, tag in enumerate(tags)}
    total = sum(len(sentence.tags) for sentence in sentences)
    dtype = np.int8 if len(tags) < 128 else np.int16
    try:
        return np.fromiter((index[tag] for sentence in sentences for tag in sentence.tags), dtype, total)
    except KeyError as error:
        raise TfkdError(
            f"the sentences have a tag {error.args[0]!r} that the model does not know: {nearest(error.args[0], tags)} "
            "Convert the corpus to the model's scheme first, or train the model on its types."
        ) from None


def _read(source: SentenceArrays, rows: Tensor, time: Tensor) -> dict[str, Tensor]:
    specs = source.specs
    found = tf.numpy_function(
        lambda rows, time: source.read(rows, int(time)), [rows, time], [spec.dtype for spec in specs.values()]
    )
    for tensor, spec in zip(found, specs.values(), strict=True):
        tensor.set_shape(spec.shape)
    return dict(zip(specs, found, strict=True))
