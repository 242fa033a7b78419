"""Small corpora and models that tests build in a second.

Most of a test's time goes into tracing graphs. One second of a core traces a step of a tagger. A CRF adds a second,
characters a third of one, and `tag`, `evaluate` or `EntityF1` a second for each task. So a test uses a softmax head,
`characters=None` and one task, unless it is about the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from tfkd.distillation import Distiller, FeatureDistillation, LogitsDistillation
from tfkd.models import BiLSTM, MultiTaskTagger, Tagger
from tfkd.text import WordFeatures
from tfkd.training import Batches, batches, multitask_batches
from tfkd_base.corpora import Corpus, Sentence

ENCODER = {"word_units": 6, "casing_units": 2, "character_units": 4, "character_embedding_units": 3}


def small_corpus(kind: str = "A", seed: int = 0, sentences: int = 40, longest: int = 8) -> Corpus:
    """Make sentences of random words in which the words wa to we begin an entity and wf goes on with it."""
    rng = np.random.default_rng(seed)

    def sentence() -> Sentence:
        tokens = [f"w{chr(97 + i)}" for i in rng.integers(0, 20, rng.integers(1, longest + 1))]
        tags: list[str] = []
        for token in tokens:
            inside = token == "wf" and tags and tags[-1] != "O"
            tags.append(f"I-{kind}" if inside else f"B-{kind}" if token in ("wa", "wb", "wc", "wd", "we") else "O")
        return Sentence(tuple(tokens), tuple(tags))

    splits = {"train": sentences, "devel": sentences // 2, "test": sentences // 2}
    return Corpus(kind, "iob2", {name: tuple(sentence() for _ in range(n)) for name, n in splits.items()})


def small_encoder(units: int = 5, **settings: Any) -> BiLSTM:
    """Describe an encoder of a few units."""
    return BiLSTM(units, **{**ENCODER, **settings})


def small_tagger(corpus: Corpus, units: int = 5, head: str = "softmax", **settings: Any) -> Tagger:
    """Build a tagger for a corpus."""
    return Tagger(WordFeatures.adapt(corpus), corpus, encoder=small_encoder(units, **settings), head=head)


def small_teacher(
    tasks: dict[str, Corpus],
    units: int = 5,
    head: str = "softmax",
    task_encoder: int | None = 4,
    negatives: dict[str, list[str]] | None = None,
    **settings: Any,
) -> MultiTaskTagger:
    """Build a teacher for corpora."""
    text, encoder = WordFeatures.adapt(tasks.values()), small_encoder(units, **settings)
    return MultiTaskTagger(text, tasks, encoder=encoder, head=head, task_encoder=task_encoder, negatives=negatives)


def small_training(
    kind: str, corpora: dict[str, Corpus], encoder: dict[str, Any], **batching: Any
) -> tuple[keras.Model, keras.Model, Batches]:
    """Build a `"teacher"` of all corpora, or a `"tagger"` or `"distiller"` of the corpus `a`, with batches for it.

    Returns:
        What is trained, the model whose weights count, and the batches.
    """
    if kind == "teacher":
        teacher = small_teacher(corpora, **encoder)
        return teacher, teacher, multitask_batches(corpora, teacher.text, **batching)
    tagger = small_tagger(corpora["a"], **{"head": "crf", **encoder})
    if kind == "tagger":
        return tagger, tagger, batches(corpora["a"].train, tagger.text, tagger.tags, **batching)
    view = small_teacher({"a": corpora["a"]}, units=7).for_task("a")
    distiller = Distiller(view, tagger, [LogitsDistillation(2.0), FeatureDistillation("shared_encoder", "encoder")])
    texts = {"student": tagger.text, "teacher": view.text}
    return distiller, tagger, batches(corpora["a"].train, texts, tagger.tags, **batching)


def draw_strong_weights(model: keras.Model) -> keras.Model:
    """Set weights with which every tag is frequent."""
    rng = np.random.default_rng(3)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(size=weight.shape, scale=0.8))
    return model


def weight_changes(weights: Iterable[np.ndarray], before: Iterable[np.ndarray]) -> list[float]:
    """Return the largest change of each weight."""
    return [float(np.abs(after - former).max()) for after, former in zip(weights, before, strict=True)]
