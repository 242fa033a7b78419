"""Distilling from a cache of a teacher's outputs against training the same student alone.

Whole epochs in turns, with batches made on the way as in training: the rows are read by memory map and padded in
threads beside the step. Student: word vectors 100, character CNN 50, BiLSTM 100, softmax; 960 sentences of NCBI-disease
(of bundled ones where `TFKD_CORPORA` names no folder that holds it) in batches of 32. Teacher: BiLSTM 200 and a second
one of 100 above it. Cached are the logits, or the logits and the 400 states of its first BiLSTM, in float32.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

import tfkd.optimizers
from benchmarks import Ratio
from benchmarks._batches import TINY
from benchmarks._corpus import disease_corpus
from benchmarks._steps import training_step
from benchmarks._turns import Step, ratios, seconds_in_turns, warm_up
from tfkd.distillation import DistillationLoss, Distiller, FeatureDistillation, LogitsDistillation, TeacherCache
from tfkd.models import BiLSTM, Tagger
from tfkd.text import WordFeatures
from tfkd.training import batches
from tfkd_base.corpora import Corpus


def run(quick: bool) -> Sequence[Ratio]:
    """Measure an epoch from the cache, of logits and of logits and features, and one of the student alone."""
    name, corpus = disease_corpus(quick)
    if not quick:
        corpus = corpus.sample(960, seed=1)
    text = WordFeatures.adapt(corpus)
    keras.utils.set_random_seed(1)
    teacher = Tagger(
        text, corpus, encoder=TINY if quick else BiLSTM(units=200), task_encoder=3 if quick else 100, head="softmax"
    )
    logits, features = LogitsDistillation(temperature=2.0), FeatureDistillation(teacher_layer="encoder")
    needs = [*logits.needs, *features.needs]
    with tempfile.TemporaryDirectory() as folder:
        sentences = [sentence.tokens for sentence in corpus.train]
        cache = TeacherCache.write(Path(folder) / "cache", teacher, sentences, needs)
        epochs = [
            _distilling(corpus, text, cache, [logits], quick),
            _distilling(corpus, text, cache, [LogitsDistillation(temperature=2.0), features], quick),
            _alone(corpus, text, quick),
        ]
        seconds = seconds_in_turns(epochs, turns=2 if quick else 15, steps_a_turn=1)
    alone = f"training alone on {name}"
    return [
        Ratio("distilling logits from a cache", alone, ratios(seconds[0], seconds[2]), "<= 1.1"),
        Ratio("distilling logits and features", alone, ratios(seconds[1], seconds[2])),
    ]


def _student(corpus: Corpus, text: WordFeatures, quick: bool) -> Tagger:
    keras.utils.set_random_seed(1)
    return Tagger(text, corpus, encoder=TINY if quick else BiLSTM(units=100), head="softmax")


def _alone(corpus: Corpus, text: WordFeatures, quick: bool) -> Step:
    student = _student(corpus, text, quick)
    student.compile(tfkd.optimizers.Adam())
    return _epoch(student, batches(corpus.train, text, student.tags))


def _distilling(
    corpus: Corpus, text: WordFeatures, cache: TeacherCache, losses: list[DistillationLoss], quick: bool
) -> Step:
    distiller = Distiller(cache, _student(corpus, text, quick), losses)
    distiller.compile(tfkd.optimizers.Adam())
    return _epoch(distiller, distiller.batches(corpus.train))


def _epoch(model: keras.Model, data: Any) -> Step:
    step = training_step(model, next(iter(data)))

    def epoch() -> None:
        for batch in data:
            last = step(batch)
        float(last["loss"])

    return warm_up(epoch, times=1)
