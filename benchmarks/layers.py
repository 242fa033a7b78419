"""A training step of the BiLSTM, the character CNN and Adam against Keras' own, and the BiLSTM's against its floor.

The BiLSTM reads 32 sentences of 40 vectors of 230 into 200 units per direction, without padding. The character CNN
reads 1,280 words of up to 20 characters. Adam updates the BiLSTM's weights. The machine's peak is that of one large
matrix product per core, side by side, in the same run.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import keras
import tensorflow as tf

import tfkd.layers
import tfkd.optimizers
from benchmarks import Ratio
from benchmarks._steps import gradient_step
from benchmarks._turns import Step, ratios, seconds_in_turns, warm_up

CHARACTERS = 90
CORES = os.cpu_count() or 1


def run(quick: bool) -> Sequence[Ratio]:
    """Measure each pair in turns."""
    batch, time, width, units = (2, 3, 4, 5) if quick else (32, 40, 230, 200)
    turns, steps_a_turn = (2, 1) if quick else (20, 3)
    keras.utils.set_random_seed(1)
    inputs = tf.random.normal([batch, time, width])
    ours = tfkd.layers.BiLSTMLayer(units)
    theirs = keras.layers.Bidirectional(keras.layers.LSTM(units, return_sequences=True))
    ids = _words(batch, time, 4 if quick else 20)
    convolutions = (tfkd.layers.CharacterCNN(CHARACTERS, units=50, embedding_units=25), _keras_cnn())
    mask = tf.ones([batch, time], tf.bool)
    # Products of one direction: with the input's and the recurrent kernel, forwards and for both gradients.
    operations = 2 * batch * time * (width + units) * 4 * units * 2 * 3
    size = 64 if quick else 2048
    steps = [
        gradient_step(ours, inputs, mask),
        gradient_step(theirs, inputs, mask),
        _products(size),
        gradient_step(convolutions[0], ids),
        gradient_step(convolutions[1], ids),
        _update(tfkd.optimizers.Adam(), ours),
        _update(keras.optimizers.Adam(), ours),
        _products(size, "bfloat16"),
    ]
    taken = seconds_in_turns(steps, turns=turns, steps_a_turn=steps_a_turn)
    floor = [seconds * operations / (CORES * 2 * size**3) for seconds in taken[2]]
    return [
        Ratio("BiLSTM, forwards and gradients", "Keras' Bidirectional(LSTM)", ratios(taken[0], taken[1]), "< 1"),
        Ratio("the same", "its products at the machine's peak", ratios(taken[0], floor)),
        Ratio("character CNN, forwards and gradients", "Keras' Embedding, Conv1D, maximum", ratios(taken[3], taken[4])),
        Ratio("Adam, dense gradients", "Keras' Adam", ratios(taken[5], taken[6])),
        Ratio("a large product in bfloat16", "in float32", ratios(taken[7], taken[2])),
    ]


def _words(batch: int, time: int, longest: int) -> tf.Tensor:
    """Draw words with lengths as uneven as in text."""
    lengths = tf.random.poisson([batch, time, 1], 4.0, tf.int32) + 1
    ids = tf.random.uniform([batch, time, longest], 1, CHARACTERS, tf.int32)
    return tf.where(tf.range(longest) < lengths, ids, 0)


def _keras_cnn() -> keras.Sequential:
    layers = keras.layers
    return keras.Sequential(
        [layers.Embedding(CHARACTERS, 25), layers.Conv1D(50, 3, padding="same"), layers.GlobalMaxPooling1D()]
    )


def _products(size: int, dtype: str = "float32") -> Step:
    """Return a step of one large product per core, side by side: the peak of the machine."""
    matrices = [tf.cast(tf.random.normal([size, size]), dtype) for _ in range(CORES)]
    products = tf.function(lambda: [tf.matmul(m, m) for m in matrices], autograph=False)
    return warm_up(lambda: [product.numpy() for product in products()])


def _update(optimizer: keras.optimizers.Optimizer, layer: keras.layers.Layer) -> Step:
    weights = [keras.Variable(w) for w in layer.trainable_weights]
    gradients = [tf.random.normal(w.shape) for w in weights]
    optimizer.build(weights)
    update = tf.function(lambda: optimizer.apply(gradients, weights), autograph=False)

    def step() -> None:
        update()
        weights[0].numpy()

    return warm_up(step)
