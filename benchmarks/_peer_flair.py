"""Flair's BiLSTM-CRF tagger. Runs in the peers' environment."""

from __future__ import annotations

import itertools
import json
import os
import random
import time
from typing import Any

import flair
import numpy as np
import torch
from _peer_calls import answer_calls
from flair.data import Dictionary, Sentence
from flair.embeddings import WordEmbeddings
from flair.models import SequenceTagger
from flair.splitter import SegtokSentenceSplitter
from flair.training_utils import store_embeddings
from gensim.models import KeyedVectors


class Work:
    """What the benchmark asks for, one method a call."""

    def __init__(self, settings: dict[str, Any]) -> None:
        torch.manual_seed(1)
        torch.set_num_threads(settings["threads"])
        flair.device = torch.device(settings.get("device", "cpu"))
        folder = settings["folder"]
        with open(os.path.join(folder, "sentences.json"), encoding="utf-8") as file:
            sentences = json.load(file)
        self.train_set = [_sentence(tokens, tags) for tokens, tags in sentences["train"]]
        self.test_set = sentences["test"]
        self.texts = settings.get("texts", [])
        words = sorted({t.lower() for tokens, _ in sentences["train"] for t in tokens})
        vectors = KeyedVectors(settings["word_units"])
        drawn = np.random.default_rng(1).normal(size=(len(words), settings["word_units"]))
        vectors.add_vectors(words, drawn.astype(np.float32))
        path = os.path.join(folder, "vectors.gensim")
        vectors.save(path)
        tags = Dictionary(add_unk=False)
        tags.span_labels = True
        for tag in settings["types"]:
            tags.add_item(tag)
        self.model = SequenceTagger(
            embeddings=WordEmbeddings(path),
            tag_dictionary=tags,
            tag_type="ner",
            hidden_size=settings["units"],
            use_crf=True,
        )
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)
        self.size = settings["batch_size"]
        self.coming = self._batches()

    def _batches(self) -> Any:
        rng = random.Random(1)
        while True:
            rng.shuffle(self.train_set)
            yield from (self.train_set[i : i + self.size] for i in range(0, len(self.train_set), self.size))

    def train(self, number: int) -> dict[str, float]:
        """Take steps of training as Flair's trainer does: batches at random, clipped at 5, SGD, vectors kept."""
        self.model.train()
        tokens = 0
        started = time.perf_counter()
        for batch in itertools.islice(self.coming, number):
            self.optimizer.zero_grad()
            loss, _ = self.model.forward_loss(batch)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
            self.optimizer.step()
            store_embeddings(batch, "cpu")
            tokens += sum(len(s) for s in batch)
        return {"seconds": time.perf_counter() - started, "tokens": tokens, "loss": float(loss)}

    def predict(self, first: int, number: int) -> dict[str, float]:
        """Tag sentences given as tokens; Flair sorts them by length itself."""
        chosen = self.test_set[first : first + number]
        started = time.perf_counter()
        sentences = [Sentence(tokens) for tokens in chosen]
        self.model.predict(sentences, mini_batch_size=64)
        return {"seconds": time.perf_counter() - started, "tokens": sum(len(tokens) for tokens in chosen)}

    def annotate(self, first: int, number: int) -> dict[str, float]:
        """Find the entities of texts: their sentences by segtok's rules, as Flair does it, then tagged all together."""
        splitter = SegtokSentenceSplitter()
        started = time.perf_counter()
        sentences = [sentence for text in self.texts[first : first + number] for sentence in splitter.split(text)]
        self.model.predict(sentences, mini_batch_size=64)
        found = [(s.start_position, e.start_position, e.tag) for s in sentences for e in s.get_spans("ner")]
        return {"seconds": time.perf_counter() - started, "entities": len(found)}


def _sentence(tokens: list[str], spans: list[list[Any]]) -> Sentence:
    sentence = Sentence(tokens)
    for first, end, kind in spans:
        sentence[first:end].add_label("ner", kind)
    return sentence


if __name__ == "__main__":
    answer_calls(Work)
