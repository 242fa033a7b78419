"""Batches of sentences of similar lengths for `fit`, `evaluate` and `predict`."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfkd.tensors import Tensor
from tfkd.text.text import Text
from tfkd.training.arguments import check_tagged_sentences, check_variants
from tfkd.training.plans import AnyPlan, BatchPlan, TaskMixPlan, VariantPlan
from tfkd.training.sentences import EncodedSentences, Features, Texts, tag_ids
from tfkd_base.arguments import describe_sentences
from tfkd_base.corpora import Corpus, Scheme, Sentence, Variants
from tfkd_base.errors import TfkdError, nearest


class Position(NamedTuple):
    """Place of a training in its data.

    Attributes:
        epoch: The epoch, from 0.
        batch: The next batch of that epoch, from 0.
    """

    epoch: int = 0
    batch: int = 0


class Batches:
    """Batches of sentences for `fit`, `evaluate` and `predict`; each iteration is the next epoch.

    `batches`, `multitask_batches` and `Distiller.batches` make them.

    Args:
        sentences: The sentences.
        plan: Which sentences form which batch in each epoch.
        shapes: Number of shapes that the batches may have, see `batches`. Default: each batch is as long as its
            longest sentence.

    Example:
        >>> from tfkd_base.corpora import demo_corpora
        >>> from tfkd.text import WordFeatures
        >>> corpus = demo_corpora(seed=1)["gene"]
        >>> data = batches(corpus.train[:40], WordFeatures.adapt(corpus), corpus.tags, batch_size=8)
        >>> len(data), sum(len(tags) for _, tags in data)
        (5, 40)
        >>> data.position
        Position(epoch=1, batch=0)
    """

    def __init__(self, sentences: EncodedSentences, plan: AnyPlan, shapes: int | None = None) -> None:
        self.sentences = sentences
        self.plan = plan
        self._shapes = None if shapes is None else sentences.padded_shapes(shapes)
        self._epochs = _EpochCounter()
        self._stream = self._dataset_from(self._epochs, 0)

    @functools.cached_property
    def fingerprint(self) -> str:
        """Hash of the sentences and their tags."""
        return self.sentences.fingerprint()

    @property
    def position(self) -> Position:
        """Where the next iteration begins."""
        return Position(self._epochs.next)

    @property
    def element_spec(self) -> object:
        """Types and shapes of a batch, as `tf.data.Dataset.element_spec`."""
        return self._stream.element_spec

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return len(self.plan)

    def __iter__(self) -> Iterator[tuple[Features, Tensor]]:
        """Iterate over the batches of the next epoch."""
        return iter(self._stream)

    def as_dataset(self) -> tf.data.Dataset:
        """Return these batches as a TensorFlow dataset: iterating over it takes the next epoch from here."""
        return self._stream

    def dataset(self, epoch: int = 0, batch: int = 0) -> tf.data.Dataset:
        """Make a TensorFlow dataset that begins at a position; each iteration is the next epoch.

        Args:
            epoch: The epoch of the first iteration.
            batch: The first batch of it that is needed. The batches before it hold no sentence.
        """
        return self._dataset_from(_EpochCounter(epoch), batch)

    def _dataset_from(self, epochs: _EpochCounter, batch: int) -> tf.data.Dataset:
        plan, first = self.plan, epochs.next

        def rows_of_next_epoch() -> Iterator[np.ndarray]:
            epoch = epochs.take()
            done = batch if epoch == first else 0
            for index, rows in enumerate(plan.epoch(epoch)):
                yield rows if index >= done else rows[:0]

        without_autograph = tf.autograph.experimental.do_not_convert  # converting code that needs none takes seconds
        rows = tf.data.Dataset.from_generator(rows_of_next_epoch, output_signature=tf.TensorSpec([None], tf.int64))
        if self._shapes is not None:
            empty = len(self.sentences.lengths)
            rows = rows.map(without_autograph(functools.partial(_fill_up, size=plan.batch_size, row=empty)))
        gather = without_autograph(functools.partial(self.sentences.gather, shapes=self._shapes))
        gathered = rows.map(gather, num_parallel_calls=2, deterministic=True)
        dataset = gathered.apply(tf.data.experimental.assert_cardinality(len(plan))).prefetch(4)
        # The numbers stand above. TensorFlow's search for better ones takes a thread from the training step, at times
        # for whole epochs, which then last twice as long on two cores.
        options = tf.data.Options()
        options.autotune.enabled = False
        return dataset.with_options(options)


class _EpochCounter:
    """Number of the next epoch of a dataset."""

    def __init__(self, first: int = 0) -> None:
        self.next = first

    def take(self) -> int:
        """Return the number of the next epoch and move on."""
        self.next += 1
        return self.next - 1


def batches(
    sentences: Sequence[Sentence],
    text: Texts,
    tags: Sequence[str],
    *,
    batch_size: int = 32,
    shuffle: bool = True,
    seed: int = 1,
    shapes: int | None = None,
    variants: Variants | None = None,
    variant_share: float = 0.5,
) -> Batches:
    """Make batches of one task's sentences.

    Args:
        sentences: Sentences, e.g. `corpus.train`, tagged in the scheme of `tags`.
        text: The featurizer: a model's `text`. Several by name make a nested batch, which `Distiller` takes if teacher
            and student have different vocabularies.
        tags: The tags, in the order of their indices: a model's `tags`.
        batch_size: Number of sentences in a batch.
        shuffle: Whether each epoch is shuffled, with sentences of similar lengths together; if not, they keep their
            order.
        seed: Seed of the shuffling.
        shapes: Number of shapes that the batches may have, for models compiled with XLA (`jit_compile=True`), which
            compiles each shape separately; 8 is a good number. All batches then have `batch_size` rows, the last one
            with empty sentences. Default: each batch is as long as its longest sentence.
        variants: Variants of `sentences`, which take their places in some epochs.
        variant_share: Share of the sentences that an epoch replaces by a variant.

    Returns:
        Batches of `(features, tags)`; tags int32 `[batch, time]`, -1 in the padding.

    Raises:
        TfkdError: A sentence has a tag that is not among `tags`.

    Example:
        >>> from tfkd_base.corpora import demo_corpora
        >>> from tfkd.text import WordFeatures
        >>> corpus = demo_corpora(seed=1)["gene"]
        >>> x, y = next(iter(batches(corpus.train, WordFeatures.adapt(corpus), corpus.tags, batch_size=4)))
        >>> sorted(x), len(y)
        (['casing', 'characters', 'words'], 4)
    """
    check_tagged_sentences(sentences, "batches")
    if isinstance(tags, Corpus | str) or not isinstance(tags, Iterable):
        raise TfkdError(f"`batches` takes the tags in their order, such as `model.tags`, got {type(tags).__name__}.")
    check_variants(variants, sentences, "batches")
    rows = [*sentences, *(variants or ())]
    encoded = EncodedSentences([s.tokens for s in rows], text, tag_ids(rows, tags))
    plan: AnyPlan = BatchPlan(encoded.sizes[: len(sentences)], batch_size, seed, shuffle)
    if variants is not None:
        plan = VariantPlan(plan, len(sentences), variants.owners, variant_share, seed)
    return Batches(encoded, plan, shapes)


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
    variants: Mapping[str, Variants] | None = None,
    variant_share: float = 0.5,
) -> Batches:
    """Make batches for a multi-task teacher: each of one task, drawn with its size to a power as weight.

    Args:
        tasks: The corpus of each task.
        text: The featurizer: the teacher's `text`.
        scheme: The tag scheme that the teacher is trained in.
        split: The split to take.
        batch_size: Number of sentences in a batch.
        power: 1 draws tasks in proportion to their number of sentences, 0 draws all tasks equally often.
        seed: Seed of the draws and of the shuffling.
        shapes: Number of shapes that the batches may have, see `batches`.
        variants: Variants of the sentences of tasks, which take their places in some epochs.
        variant_share: Share of the sentences that an epoch replaces by a variant.

    Returns:
        Batches of `(features, tags)`; the features hold `task`, the index of the batch's task, int32 `[batch]`.

    Example:
        >>> from tfkd_base.corpora import demo_corpora
        >>> from tfkd.text import WordFeatures
        >>> tasks = demo_corpora(seed=1)
        >>> text = WordFeatures.adapt(tasks.values())
        >>> x, y = next(iter(multitask_batches(tasks, text, batch_size=4)))
        >>> sorted(x), len(y)
        (['casing', 'characters', 'task', 'words'], 4)
    """
    if not isinstance(tasks, Mapping) or not all(isinstance(corpus, Corpus) for corpus in tasks.values()):
        name = describe_sentences(tasks) or f"a {type(tasks).__name__}"
        raise TfkdError(f"`multitask_batches` takes the corpus of each task, {{'gene': corpus}}, got {name}.")
    converted = {name: corpus.convert(scheme) for name, corpus in tasks.items()}
    parts: list[Sequence[Sentence]] = [corpus.split(split) for corpus in converted.values()]
    sizes = [len(part) for part in parts]
    offsets = dict(zip(tasks, np.cumsum([0, *sizes]), strict=False))
    for name, of_task in (variants or {}).items():
        if name not in tasks:
            raise TfkdError(f"`multitask_batches` got variants of the task {name!r}: {nearest(name, tasks)}")
        check_variants(of_task, converted[name].split(split), "multitask_batches")
    parts += [(variants or {}).get(name, ()) for name in tasks]
    tags = [tag_ids(part, corpus.tags) for part, corpus in zip(parts, [*converted.values()] * 2, strict=True)]
    tasks_of = np.repeat([*range(len(tasks))] * 2, [len(part) for part in parts])
    tokens = [sentence.tokens for part in parts for sentence in part]
    encoded = EncodedSentences(tokens, text, np.concatenate(tags), tasks_of)
    lengths = np.split(encoded.sizes[: sum(sizes)], np.cumsum(sizes)[:-1])
    plan: AnyPlan = TaskMixPlan(lengths, batch_size, power, seed)
    if variants:
        owners = np.concatenate([offsets[name] + variants[name].owners for name in tasks if name in variants])
        plan = VariantPlan(plan, sum(sizes), owners, variant_share, seed)
    return Batches(encoded, plan, shapes)


def _fill_up(rows: Tensor, size: int, row: int) -> Tensor:
    """Add the index of the empty sentence until there are `size` rows."""
    missing = tf.maximum(size - tf.shape(rows)[0], 0)
    return tf.pad(rows, [[0, missing]], constant_values=row)
