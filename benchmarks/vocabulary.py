"""A training step with a vocabulary of 200,000 words against one of 5,000.

The BiLSTM-CRF tagger (word vectors 100, character CNN 50, BiLSTM 200) on batches of 32 sentences of 40 words. The same
is measured with Keras' own Adam, which updates every row of the embedding and of its moments at each step.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

import tfkd.optimizers
from benchmarks import Ratio
from benchmarks._batches import TAGS, TINY, Shape, random_batch, vocabulary
from benchmarks._turns import Step, ratios, seconds_in_turns, warm_up
from tfkd.models import BiLSTM, Tagger

OPTIMIZERS: dict[str, Callable[[], keras.optimizers.Optimizer]] = {
    "tfkd's Adam": tfkd.optimizers.Adam,
    "Keras' Adam": keras.optimizers.Adam,
}


def run(quick: bool) -> Sequence[Ratio]:
    """Measure both optimisers' steps at both sizes, in turns."""
    large, small = (2_000, 100) if quick else (200_000, 5_000)
    shape = Shape(2, 5) if quick else Shape()
    encoder = TINY if quick else BiLSTM(units=200, word_units=100, character_units=50)
    steps = [_step(words, encoder, make(), shape) for make in OPTIMIZERS.values() for words in (large, small)]
    seconds = seconds_in_turns(steps, turns=2 if quick else 20, steps_a_turn=1 if quick else 3)
    return [
        Ratio(
            f"step with {large:,} words, {name}",
            f"{small:,} words",
            ratios(seconds[2 * number], seconds[2 * number + 1]),
            "" if number else "<= 1.2",
        )
        for number, name in enumerate(OPTIMIZERS)
    ]


def _step(words: int, encoder: BiLSTM, optimizer: keras.optimizers.Optimizer, shape: Shape) -> Step:
    """Return a training step on one batch after another, after a warm-up."""
    keras.utils.set_random_seed(1)
    text = vocabulary(words)
    model = Tagger(text, TAGS, encoder=encoder, head="crf")
    model.compile(optimizer)
    data = itertools.cycle([random_batch(text, shape, seed) for seed in range(8)])
    function = tf.function(model.train_step, autograph=False)

    def step() -> None:
        # Reading the loss waits for the step to end, on an accelerator too.
        float(function(next(data))["loss"])

    return warm_up(step)
