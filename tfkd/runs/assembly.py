"""From a configuration to corpora, features, models and batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras

import tfkd.optimizers
from tfkd.config import Config, CorpusConfig
from tfkd.models import BiLSTM, MultiTaskTagger, Tagger, Transformer
from tfkd.pretrained import open_pretrained
from tfkd.runs.augmenting import AugmentedSentences
from tfkd.runs.held_out import TrainingOverlap, exclude_held_out
from tfkd.sections import resolve
from tfkd.text import Text, WordFeatures, WordVectors, read_corpus, read_word_vectors
from tfkd.training import Batches, ResizedEpochs, batches, multitask_batches
from tfkd_base.corpora import Corpus, SentenceHashes, exclude_sentences, held_out_hashes
from tfkd_base.corpora.overlap import LEAST_TOKENS
from tfkd_base.errors import TfkdError
from tfkd_base.seeds import derive_seed


@dataclass(frozen=True)
class Data:
    """The corpora of a run, without the training sentences that are excluded.

    Attributes:
        corpora: The corpus of each task, in the configuration's scheme.
        overlaps: For each task the training sentences that are also in a development or test set.
        excluded: For each task the number of training sentences that are excluded.
    """

    corpora: dict[str, Corpus]
    overlaps: dict[str, TrainingOverlap]
    excluded: dict[str, int]


def read_task(task: CorpusConfig) -> Corpus:
    """Read the corpora of a task, and join them, with the entity types that the configuration gives them.

    Raises:
        TfkdError: It cannot be read, or has no entity of a type that is mapped.
    """
    first, *others = (read_corpus(path, offsets=task.offsets) for path in task.paths)
    return first.join(others).map_types(task.map)


def read_data(config: Config, exclude: SentenceHashes | None = None) -> Data:
    """Read the corpora of a configuration.

    The training sentences are sampled first. Then those are excluded that are in a development or test set of any of
    the corpora, as `training.exclude_duplicates` says, and those that are in one of the corpora of `held_out`.

    Args:
        config: The configuration.
        exclude: Further sentences to exclude from all training sets, in whole or in part.

    Raises:
        TfkdError: A corpus cannot be read, is smaller than the sample asked for, or has no training sentence left.
    """
    corpora = read_corpora(config)
    sets = [] if exclude is None else [exclude]
    if config.held_out:
        sets.append(hash_further_held_out(config))
    rest = exclude_sentences(corpora, SentenceHashes.union(sets)) if sets else corpora
    kept, overlaps = exclude_held_out(config, rest)
    excluded = {name: len(corpus.splits.get("train", ())) for name, corpus in corpora.items()}
    for name, corpus in kept.items():
        excluded[name] -= len(corpus.splits.get("train", ()))
    return Data(kept, overlaps, excluded)


def hash_further_held_out(config: Config) -> SentenceHashes:
    """Hash the development and test sentences of the corpora of `held_out`, those of at least six tokens.

    Raises:
        TfkdError: A corpus cannot be read.
    """
    return held_out_hashes((read_corpus(path) for path in config.held_out), LEAST_TOKENS)


def read_corpora(config: Config) -> dict[str, Corpus]:
    """Read the corpora of a configuration, and sample their training sentences, but exclude none.

    Raises:
        TfkdError: A corpus cannot be read, or is smaller than the sample asked for.
    """
    corpora = {}
    for name, task in config.tasks.items():
        corpus = read_task(task).convert(config.scheme)
        corpora[name] = (
            corpus if task.train_sentences is None else corpus.sample(task.train_sentences, task.sample_seed)
        )
    return corpora


def watched_corpora(config: Config, corpora: Mapping[str, Corpus]) -> dict[str, Corpus]:
    """Cut the development sets to the samples, if any, by which the best epoch is chosen."""
    watched = dict(corpora)
    for name, task in config.tasks.items():
        devel = corpora[name].devel
        if task.devel_sentences is not None and task.devel_sentences < len(devel):
            watched[name] = corpora[name].sample(task.devel_sentences, task.sample_seed, split="devel")
    return watched


def read_vectors(config: Config) -> WordVectors | None:
    """Read the file of word vectors of a configuration, if it names one.

    Raises:
        TfkdError: There is no such file, it is broken, or its vectors' width is not `encoder.word_units`.
    """
    source = config.text.vectors_source
    if not isinstance(source, str):
        return None
    assert isinstance(config.encoder, BiLSTM)
    vectors = read_word_vectors(source)
    if vectors.width != config.encoder.word_units:
        raise TfkdError(
            f"{source}: the vectors have width {vectors.width}, but encoder.word_units is "
            f"{config.encoder.word_units}: set it to {vectors.width}, or take other vectors."
        )
    return vectors


def make_text(
    config: Config,
    corpora: Mapping[str, Corpus],
    vectors: WordVectors | None = None,
    transfer: Iterable[Sequence[str]] = (),
) -> Text:
    """Build the vocabulary of a run from its training sentences, those without labels among them.

    A transformer has its own.

    With pre-trained vectors those of their words are known too that occur in training, however seldom, and the first
    `text.vector_words` of them: development and test sets are not looked at, so that test text is met as any other is.
    """
    if isinstance(config.encoder, Transformer):
        assert config.encoder.transformer is not None
        return open_pretrained(config.encoder.transformer).text()
    settings = config.text
    arguments: dict[str, Any] = {
        "min_count": settings.min_count,
        "lowercase": settings.lowercase,
        "normalize_digits": settings.normalize_digits,
        "max_characters": settings.characters.max_length,
        "extra_sentences": transfer,
    }
    if vectors is not None:
        common = vectors.words[: settings.vector_words]
        widest = WordFeatures.adapt(corpora.values(), extra_words=common, **{**arguments, "min_count": 1})
        arguments["extra_words"] = [widest.words[row - 2] for row in vectors.select(widest)[0]]
    return WordFeatures.adapt(corpora.values(), **arguments)


def make_model(config: Config, text: Text, corpora: Mapping[str, Corpus]) -> Tagger | MultiTaskTagger:
    """Build the model of a configuration; its initial weights depend on the configuration's seed alone."""
    # A student of one task begins as the tagger that it is.
    kind = "tagger" if config.has_one_task else config.kind
    keras.utils.set_random_seed(derive_seed(config.seed, "model", kind))
    config.encoder.check()
    dtype = config.training.dtype
    common: dict[str, Any] = {"encoder": config.encoder, "head": config.head, "scheme": config.scheme, "dtype": dtype}
    if config.has_one_task:
        (corpus,) = corpora.values()
        return Tagger(text, corpus, **common)
    task_units = None if config.task_encoder is None else config.task_encoder.units
    return MultiTaskTagger(text, corpora, task_encoder=task_units, negatives=config.negatives, **common)


def make_optimizer(config: Config, steps: int, layers: Sequence[str] = ()) -> keras.optimizers.Optimizer:
    """Make the optimiser of a configuration, for a training of a given number of updates.

    Args:
        config: The configuration.
        steps: How many updates.
        layers: Names of the encoder's layers whose rates `training.layer_decay` lowers, the lowest first.
    """
    settings = config.training
    accumulate = settings.gradient_accumulation_steps
    # Keras asks for the rate by the batches, not by the updates that they make.
    batches = steps * accumulate
    warm_up = round(settings.warmup * batches)
    rate = resolve(settings.learning_rate, batches - warm_up)
    common: dict[str, Any] = {
        "learning_rate": tfkd.optimizers.WarmUp(rate, warm_up) if warm_up else rate,
        "global_clipnorm": settings.clip_norm,
        "gradient_accumulation_steps": accumulate if accumulate > 1 else None,
    }
    if settings.optimizer == "adam":
        return tfkd.optimizers.Adam(**common)
    factors = {name: settings.layer_decay**depth for depth, name in enumerate(reversed(layers), 1)}
    return tfkd.optimizers.AdamW(weight_decay=settings.weight_decay, rate_factors=factors, **common)


def updates(config: Config, batches: int) -> int:
    """Return the number of updates of a training with a given number of batches in an epoch."""
    training = config.training
    return batches * training.count_epochs(batches) // training.gradient_accumulation_steps


COMPILED_SHAPES = 8
"""How many shapes the batches have where the step is compiled with XLA."""


def training_batches(
    config: Config,
    model: Tagger | MultiTaskTagger,
    corpora: Mapping[str, Corpus],
    augmented: AugmentedSentences | None = None,
    epoch_batches: int | None = None,
) -> Batches:
    """Make the batches to train on without a teacher; the tags of variants count.

    Args:
        config: The configuration.
        model: The model.
        corpora: The corpus of each task.
        augmented: Variants of the training sentences.
        epoch_batches: Number of batches in an epoch. Default: `batches_of_epoch`.
    """
    settings = config.training
    shapes = compiled_shapes(config)
    common: dict[str, Any] = {"batch_size": settings.batch_size, "seed": config.seed, "shapes": shapes}
    variants = augmented.of_task if augmented is not None else {}
    if augmented is not None:
        common["variant_share"] = augmented.share
    if isinstance(model, MultiTaskTagger):
        common |= {"power": settings.task_power, "variants": variants}
        made = multitask_batches(corpora, model.text, scheme=config.scheme, **common)
    else:
        ((name, corpus),) = corpora.items()
        made = batches(corpus.train, model.text, model.tags, variants=variants.get(name), **common)
    if epoch_batches is None:
        return made
    return Batches(made.sentences, ResizedEpochs(made.plan, epoch_batches), shapes)


def batches_of_epoch(config: Config, corpora: Mapping[str, Corpus]) -> int:
    """Return how many batches one pass through the training sentences of all tasks takes."""
    return sum(-(-len(corpus.train) // config.training.batch_size) for corpus in corpora.values())


def compiled_shapes(config: Config) -> int | None:
    """Return how many shapes the batches may have: few where each is compiled, which takes seconds."""
    return COMPILED_SHAPES if config.training.jit_compile else None
