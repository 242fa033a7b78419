"""Training as `tfkd train` does it, against a bare loop of the same model on tensors prepared in advance.

The first is `fit` with batches made while it trains, checkpoints, progress and history, but without scoring the
development set. The second is a loop over a list of the same batches that calls a traced training step. The
BiLSTM-CRF tagger (word vectors 100, character CNN 50, BiLSTM 200) on 1,920 sentences of NCBI-disease (of bundled ones
where `TFKD_CORPORA` names no folder that holds it), in batches of 32. Their epochs alternate; the first of each is
not counted.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

import tfkd.optimizers
from benchmarks import Ratio
from benchmarks._batches import TINY
from benchmarks._corpus import disease_corpus
from benchmarks._steps import training_step
from benchmarks._turns import ratios
from tfkd.models import BiLSTM, Tagger
from tfkd.runs.progress import EpochProgress
from tfkd.text import WordFeatures
from tfkd.training import Checkpoints, batches
from tfkd_base.corpora import Corpus
from tfkd_base.progress import Progress


def run(quick: bool) -> Sequence[Ratio]:
    """Measure epochs of both in turns."""
    name, corpus = disease_corpus(quick)
    if not quick:
        corpus = corpus.sample(1920, seed=1)
    encoder = TINY if quick else BiLSTM(units=200)
    fitted, bare = (_tagger(corpus, encoder) for _ in range(2))
    data = batches(corpus.train, fitted.text, fitted.tags)
    turns = _Turns(bare, [*batches(corpus.train, bare.text, bare.tags)])
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = Checkpoints(Path(folder) / "checkpoint.npz", every=500)
        callbacks = [EpochProgress(Progress(), checkpoints), checkpoints, turns]
        fitted.fit(data, epochs=3 if quick else 12, verbose=0, callbacks=callbacks)
    # Tokens a second: the same tokens, so the ratio of the seconds turned about.
    speed = ratios(turns.bare_seconds[1:], turns.fit_seconds[1:])
    return [Ratio(f"tfkd train on {name}, tokens/s", "the bare loop", speed, ">= 0.95")]


def _tagger(corpus: Corpus, encoder: BiLSTM) -> Tagger:
    keras.utils.set_random_seed(1)
    tagger = Tagger(WordFeatures.adapt(corpus), corpus, encoder=encoder, head="crf")
    tagger.compile(tfkd.optimizers.Adam(1e-3, global_clipnorm=5.0))
    return tagger


class _Turns(keras.callbacks.Callback):
    """Time an epoch of `fit` from the end of the one before it, then an epoch of the bare loop."""

    def __init__(self, tagger: Tagger, prepared: list[Any]) -> None:
        super().__init__()
        self.fit_seconds: list[float] = []
        self.bare_seconds: list[float] = []
        self._prepared = prepared
        self._step = training_step(tagger, prepared[0])
        self._started = 0.0

    def on_train_begin(self, logs: Any = None) -> None:
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.fit_seconds.append(time.perf_counter() - self._started)
        started = time.perf_counter()
        for batch in self._prepared:
            last = self._step(batch)
        float(last["loss"])
        self.bare_seconds.append(time.perf_counter() - started)
        self._started = time.perf_counter()
