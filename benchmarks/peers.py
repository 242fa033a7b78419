"""Training and prediction of the BiLSTM-CRF tagger against Flair's and PyTorch's.

The tagger: word vectors 100, character CNN 50, BiLSTM 200, CRF, batches of 32 of NCBI-disease (of bundled sentences
where `TFKD_CORPORA` names no folder that holds it). Flair 0.15.1 has word vectors 100, BiLSTM 200, CRF and no
characters, and its own batches, at random, as its trainer makes them. In PyTorch it is the same network with
`torch.nn.LSTM` and pytorch-crf on the very same batches, prepared as tensors, where ours also prepares them. Figures
are tokens per second, without padding. The peers run in a process and an environment of their own, which is created by
the first run. No two work at the same time. Where TensorFlow sees a GPU, the peers run on it too.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import tfkd.layers
from benchmarks import Ratio
from benchmarks._batches import TINY
from benchmarks._corpus import disease_corpus, write_sentences
from benchmarks._peers import PAUSE, TORCH, peer, seconds_of
from benchmarks._steps import bilstm_products, gradient_step, training_step
from benchmarks._turns import Step
from tfkd.models import BiLSTM, Tagger
from tfkd.text import CASINGS, WordFeatures
from tfkd.training import batches
from tfkd_base.corpora import Corpus

BATCH = 32
PEERS = (TORCH,)


def run(quick: bool) -> Sequence[Ratio]:
    """Measure ours and the peers' in turns."""
    name, corpus = disease_corpus(quick)
    turns, steps, tagged = (2, 2, 8) if quick else (11, 30, 300)
    encoder = TINY if quick else BiLSTM(units=200, word_units=100, character_units=50)
    ours = Ours(corpus, encoder)
    with tempfile.TemporaryDirectory() as folder:
        settings = ours.describe(Path(folder), lstm=(2, 3, 4, 5) if quick else (32, 40, 230, 200))
        with peer("_peer_torch.py", settings) as torch, peer("_peer_flair.py", settings) as flair:
            for train in (ours.train, lambda n: torch("train", n), lambda n: flair("train", n)):
                train(steps)  # warm-up: traces, allocates, and fills Flair's store of vectors
            taken: dict[str, list[float]] = {key: [] for key in ("torch", "flair", "lstm", "products", "tag")}
            lstm, products = ours.lstm_steps(settings)
            for turn in range(turns):
                mine = _rate(ours.train(steps))
                taken["torch"].append(mine / _rate(torch("train", steps)))
                taken["flair"].append(mine / _rate(flair("train", steps)))
                theirs = torch("lstm_step", steps)["seconds"]
                taken["lstm"].append(seconds_of(lstm, steps) / theirs)
                taken["products"].append(seconds_of(products, steps) / theirs)
                first = turn * tagged % max(len(corpus.test) - tagged, 1)
                mine = _rate(ours.tag(first, tagged))
                taken["tag"].append(mine / _rate(flair("predict", first, tagged)))
    return [
        Ratio(f"training on {name}, tokens/s", "Flair 0.15.1", taken["flair"], ">= 2"),
        Ratio("the same", "PyTorch, the same network", taken["torch"], ">= 1.2"),
        Ratio("BiLSTM step 32 x 40 x 230 to 200, masked", "torch.nn.LSTM, unmasked", taken["lstm"], "<= 0.8"),
        Ratio("its matrix products alone, in TensorFlow", "torch.nn.LSTM, unmasked", taken["products"]),
        Ratio(f"prediction on {name}, tokens/s", "Flair 0.15.1", taken["tag"], ">= 2"),
    ]


def _rate(measured: dict[str, float]) -> float:
    return measured["tokens"] / measured["seconds"]


class Ours:
    """The tagger of tfkd, and its batches for the peers."""

    def __init__(self, corpus: Corpus, encoder: BiLSTM) -> None:
        keras.utils.set_random_seed(1)
        self.corpus, self.encoder = corpus, encoder
        self.text = WordFeatures.adapt(corpus)
        self.tagger = Tagger(self.text, corpus, encoder=encoder, head="crf")
        self.tagger.compile(tfkd.optimizers.Adam(1e-3, global_clipnorm=5.0))
        self.batches = batches(corpus.train, self.text, self.tagger.tags, batch_size=BATCH)
        self._coming = self._iterator()
        self._step = training_step(self.tagger, next(self._coming))

    def _iterator(self) -> Iterator[Any]:
        while True:
            yield from self.batches

    def describe(self, folder: Path, lstm: tuple[int, int, int, int]) -> dict[str, Any]:
        """Write batches and sentences for the peers; return their settings."""
        arrays, number = {}, 0
        for x, tags in self.batches:
            for key, value in {**x, "tags": tags}.items():
                arrays[f"{key}_{number}"] = value.numpy()
            number += 1
        np.savez(folder / "batches.npz", **arrays)
        write_sentences(self.corpus, folder)
        batch, time_steps, width, units = lstm
        encoder = self.encoder
        return {
            "folder": str(folder),
            "threads": os.cpu_count(),
            "device": "cuda" if tf.config.list_physical_devices("GPU") else "cpu",
            "batches": number,
            "batch_size": BATCH,
            "types": list(self.corpus.types),
            "word_units": encoder.word_units,
            "units": encoder.units,
            "lstm_input": (batch, time_steps, width),
            "lstm": (width, units),
            "sizes": {
                **{key: value for key, value in encoder.get_config().items() if isinstance(value, int)},
                "dropout_percent": round(100 * encoder.dropout),
                "words": len(self.text.words) + 2,
                "casings": len(CASINGS),
                "characters": len(self.text.characters) + 2,
                "tags": len(self.tagger.tags),
            },
        }

    def train(self, steps: int) -> dict[str, float]:
        """Take training steps as `fit` does; batches are made while it trains."""
        time.sleep(PAUSE)
        tokens = 0.0
        started = time.perf_counter()
        for _ in range(steps):
            x, tags = next(self._coming)
            tokens += float(tf.math.count_nonzero(x["words"]))
            last = self._step((x, tags))
        float(last["loss"])
        return {"seconds": time.perf_counter() - started, "tokens": tokens}

    def tag(self, first: int, number: int) -> dict[str, float]:
        """Tag sentences given as tokens; the time includes features and names of tags."""
        chosen = self.corpus.test[first : first + number]
        started = time.perf_counter()
        self.tagger.tag(chosen)
        return {"seconds": time.perf_counter() - started, "tokens": sum(len(s.tokens) for s in chosen)}

    def lstm_steps(self, settings: dict[str, Any]) -> tuple[Step, Step]:
        """Return a step of the BiLSTM layer, and one of its matrix products alone."""
        batch, time_steps, width = settings["lstm_input"]
        units = settings["lstm"][1]
        mask, inputs = tf.ones([batch, time_steps], tf.bool), tf.random.normal([batch, time_steps, width])
        return gradient_step(tfkd.layers.BiLSTMLayer(units), inputs, mask), bilstm_products(
            batch, time_steps, width, units
        )
