"""A distilling step, live teacher, one matched feature, against `keras.distillation.Distiller`'s.

The same two models under both. Teacher: word vectors 100, character CNN 50, BiLSTM 200, a second BiLSTM 100, softmax.
Student: the same without the second BiLSTM, so that the matched layer is as wide in both, as Keras' distiller
requires. Logits at temperature 2 and the states of the encoder; batches of 32 sentences of 40 words without padding,
since Keras' distiller counts padding; the same optimizer.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

import tfkd.optimizers
from benchmarks import Ratio
from benchmarks._batches import TAGS, TINY, Shape, random_batch, vocabulary
from benchmarks._turns import Step, ratios, seconds_in_turns, warm_up
from tfkd.distillation import Distiller, FeatureDistillation, LogitsDistillation
from tfkd.models import BiLSTM, Tagger
from tfkd.text import WordFeatures


def run(quick: bool) -> Sequence[Ratio]:
    """Measure both distillers' steps, and the student's alone, in turns."""
    text = vocabulary(100 if quick else 20_000)
    shape = Shape(2, 5) if quick else Shape()
    steps = [make(text, quick, shape) for make in (_ours, _keras, _alone)]
    seconds = seconds_in_turns(steps, turns=2 if quick else 20, steps_a_turn=1 if quick else 3)
    return [
        Ratio("distilling step", "keras.distillation.Distiller", ratios(seconds[0], seconds[1]), "<= 0.8"),
        Ratio("the same", "the student's own training step", ratios(seconds[0], seconds[2])),
    ]


def _models(text: WordFeatures, quick: bool) -> tuple[Tagger, Tagger]:
    keras.utils.set_random_seed(1)
    encoder = TINY if quick else BiLSTM(units=200)
    return Tagger(text, TAGS, encoder=encoder, task_encoder=3 if quick else 100, head="softmax"), Tagger(
        text, TAGS, encoder=encoder, head="softmax"
    )


def _ours(text: WordFeatures, quick: bool, shape: Shape) -> Step:
    teacher, student = _models(text, quick)
    losses = [LogitsDistillation(temperature=2.0), FeatureDistillation(teacher_layer="encoder")]
    distiller = Distiller(teacher, student, losses)
    distiller.compile(tfkd.optimizers.Adam())
    return _step(distiller, text, shape)


def _keras(text: WordFeatures, quick: bool, shape: Shape) -> Step:
    teacher, student = _models(text, quick)
    # Without a compiled step of their own: Keras' distiller asks for plain functional models.
    parts = keras.distillation
    losses = [parts.LogitsDistillation(2.0), parts.FeatureDistillation("mse", "encoder", "encoder")]
    plain = [keras.Model(m.input, m.output, name=m.name) for m in (teacher, student)]
    distiller = parts.Distiller(*plain, losses)
    distiller.compile(tfkd.optimizers.Adam(), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return _step(distiller, text, shape)


def _alone(text: WordFeatures, quick: bool, shape: Shape) -> Step:
    student = _models(text, quick)[1]
    student.compile(tfkd.optimizers.Adam())
    return _step(student, text, shape)


def _step(model: keras.Model, text: WordFeatures, shape: Shape) -> Step:
    data: Any = itertools.cycle([random_batch(text, shape, seed) for seed in range(8)])
    function = tf.function(model.train_step, autograph=False)

    def step() -> None:
        logs = function(next(data))
        float(next(iter(logs.values())))

    return warm_up(step)
