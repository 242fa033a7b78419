"""A training step of a multi-task teacher of 15 tasks against one of 3.

The teacher (word vectors 100, character CNN 50, shared BiLSTM 256, for each task a BiLSTM 100 and a CRF) on batches of
32 sentences of 40 words, each of one task; tasks take turns.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import keras
import tensorflow as tf

from benchmarks import Ratio
from benchmarks._batches import TAGS, TINY, Shape, random_batch, vocabulary
from benchmarks._turns import Step, ratios, seconds_in_turns, warm_up
from tfkd.models import BiLSTM, MultiTaskTagger


def run(quick: bool) -> Sequence[Ratio]:
    """Measure the steps of both teachers, in turns; one turn takes as many steps with either."""
    many, few = (4, 2) if quick else (15, 3)
    shape = Shape(2, 5) if quick else Shape()
    steps = [_step(tasks, quick, shape) for tasks in (many, few)]
    seconds = seconds_in_turns(steps, turns=2 if quick else 20, steps_a_turn=1 if quick else 3)
    return [Ratio(f"step of a teacher of {many} tasks", f"{few} tasks", ratios(*seconds), "<= 1.1")]


def _step(tasks: int, quick: bool, shape: Shape) -> Step:
    """Return a training step as `fit` takes it, after a warm-up with every task."""
    keras.utils.set_random_seed(1)
    text = vocabulary(100 if quick else 20_000)
    encoder = TINY if quick else BiLSTM(units=256)
    names = {f"task{number}": TAGS for number in range(tasks)}
    teacher = MultiTaskTagger(text, names, encoder=encoder, head="crf", task_encoder=3 if quick else 100)
    teacher.compile()
    teacher.make_train_function()
    batches = []
    for number in range(tasks):
        features, tags = random_batch(text, shape, seed=number)
        batches.append(({**features, "task": tf.fill([shape.sentences], number)}, tags))
    data = itertools.cycle(batches)

    def step() -> None:
        float(teacher.train_function(data)["loss"])

    return warm_up(step, times=2 * tasks)
