"""Training steps compiled with XLA (`jit_compile=True`) against those that are not."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import tfkd.optimizers
from tests.models.small import small_corpus, small_training
from tfkd.training import batches

CORPORA = {"a": small_corpus("A", 1, 21), "b": small_corpus("B", 2, 13)}


def make(kind):
    """Build what is trained, and batches of few shapes; the last of an epoch is filled up with empty sentences."""
    keras.utils.set_random_seed(3)
    # XLA compiles a teacher's step for each task: a CRF and characters in one model are enough.
    encoder = {"head": "crf"} if kind == "tagger" else {"head": "softmax", "characters": None}
    encoder |= {"dropout": 0.0, "word_dropout": 0.0}
    return small_training(kind, CORPORA, encoder, batch_size=4, seed=1, shapes=2 if kind == "tagger" else 1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tagger", "teacher", "distiller"])
def test_compiled_training_gives_the_weights_and_the_loss_of_uncompiled(kind):
    """Some sentences have one token, and so have some batches."""
    found = []
    for jit_compile in (False, True):
        model, counted, data = make(kind)
        start = counted.get_weights()
        model.compile(tfkd.optimizers.Adam(0.01, global_clipnorm=1.0), jit_compile=jit_compile)
        history = model.fit(data, epochs=2, verbose=0).history["loss"]
        moved = [a - b for a, b in zip(counted.get_weights(), start, strict=True) if a.dtype == np.float32]
        found.append((np.concatenate([m.ravel() for m in moved]), history))
    (plain, plain_loss), (compiled, compiled_loss) = found
    assert np.abs(plain).max() > 0.01
    np.testing.assert_allclose(compiled, plain, atol=2e-4)
    np.testing.assert_allclose(compiled_loss, plain_loss, rtol=1e-4)


def test_a_batch_of_sentences_of_one_token_compiles():
    model, _, _ = make("tagger")
    model.compile(keras.optimizers.SGD(0.1), jit_compile=True)
    ones = [s for s in small_corpus("A", 5, 60).train if len(s.tokens) == 1][:4]
    assert len(ones) == 4
    history = model.fit(batches(ones, model.text, model.tags, batch_size=4, shapes=8), epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0]
