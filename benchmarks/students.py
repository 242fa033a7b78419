"""A student of five tasks against a student of one task: tagging a batch for all tasks, and a distilling step.

Both students (word vectors 100, character CNN 50, BiLSTM 200) tag batches of 32 sentences of 40 words as an exported
model does: features, network, decoding with scores. In a distilling step both learn the logits of one running teacher
(BiLSTM 200, five tasks), the student of one task those of its task; a batch has gold tags of one task.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from benchmarks import Ratio
from benchmarks._batches import TAGS, TINY, Shape, random_batch, vocabulary
from benchmarks._turns import Step, ratios, seconds_in_turns, warm_up
from tfkd.distillation import Distiller, LogitsDistillation
from tfkd.models import BiLSTM, MultiTaskTagger, Tagger
from tfkd.text import WordFeatures

TASKS = ("disease", "chemical", "gene", "species", "anatomy")


def run(quick: bool) -> Sequence[Ratio]:
    """Measure both students in turns, with each kind of head."""
    text = vocabulary(100 if quick else 20_000)
    shape = Shape(2, 5) if quick else Shape()
    results = []
    for head in ("softmax", "crf"):
        for what, make in (("tagging", _tagging), ("distilling step", _distilling)):
            steps = [make(text, head, quick, shape, several) for several in (True, False)]
            seconds = seconds_in_turns(steps, turns=2 if quick else 20, steps_a_turn=1 if quick else 3)
            wanted = "<= 1.3" if what == "tagging" else ""
            results.append(Ratio(f"{what}, {len(TASKS)} tasks, {head}", "1 task", ratios(*seconds), wanted))
    return results


def _student(text: WordFeatures, head: str, quick: bool, several: bool) -> Tagger | MultiTaskTagger:
    keras.utils.set_random_seed(1)
    encoder = TINY if quick else BiLSTM(units=200)
    if several:
        return MultiTaskTagger(text, dict.fromkeys(TASKS, TAGS), encoder=encoder, head=head)
    return Tagger(text, TAGS, encoder=encoder, head=head)


def _tagging(text: WordFeatures, head: str, quick: bool, shape: Shape, several: bool) -> Step:
    student = _student(text, head, quick, several)
    batches = itertools.cycle([random_batch(text, shape, seed)[0] for seed in range(8)])
    decode = tf.function(student.decode, autograph=False)

    def step() -> None:
        for tensor in tf.nest.flatten(decode(next(batches))):
            tensor.numpy()

    return warm_up(step)


def _distilling(text: WordFeatures, head: str, quick: bool, shape: Shape, several: bool) -> Step:
    teacher = _student(text, "softmax", quick, several=True)
    student = _student(text, head, quick, several)
    assert isinstance(teacher, MultiTaskTagger)
    distiller = Distiller(teacher if several else teacher.for_task(TASKS[0]), student, LogitsDistillation())
    distiller.compile("adam")
    data: list[Any] = []
    for seed in range(2 * len(TASKS)):
        features, tags = random_batch(text, shape, seed)
        data.append(({**features, "task": tf.fill([shape.sentences], seed % len(TASKS))}, tags))
    batches = itertools.cycle(data)
    spec = tf.nest.map_structure(lambda t: tf.TensorSpec([None] * len(t.shape), t.dtype), data[0])
    train = tf.function(distiller.train_step, autograph=False).get_concrete_function(spec)

    def step() -> None:
        float(train(next(batches))["loss"])

    return warm_up(step)
