"""The tagger of `finetuning.py` with Hugging Face's library on PyTorch. Runs in the peers' environment."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _peer_calls import answer_calls
from torch import nn
from transformers import AutoModelForTokenClassification, AutoTokenizer, BertConfig, BertModel

WINDOW = 64
"""Batches' worth of shuffled sentences that are sorted together, as ours are."""


class Work:
    """What the benchmark asks for, one method a call."""

    def __init__(self, settings: dict[str, Any]) -> None:
        torch.manual_seed(1)
        torch.set_num_threads(settings["threads"])
        self.settings = settings
        folder, source = Path(settings["folder"]), Path(settings["source"])
        if settings["tiny"]:
            make_tiny(source, settings["tiny"])
        self.tokenizer = AutoTokenizer.from_pretrained(source)
        self.model = AutoModelForTokenClassification.from_pretrained(source, num_labels=settings["tags"])
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=2e-5, weight_decay=0.01)
        data = json.loads((folder / "sentences.json").read_text(encoding="utf-8"))
        self.test = data["test"]
        pieces = [len(self.tokenizer(words, is_split_into_words=True)["input_ids"]) for words, _ in data["train"]]
        batches = sorted_batches(pieces, settings["batch"])
        (folder / "batches.json").write_text(json.dumps(batches), encoding="utf-8")
        self.batches = [self.batch([data["train"][row] for row in rows]) for rows in batches]
        self.coming: Iterator[tuple[dict[str, torch.Tensor], int]] = itertools.cycle(self.batches)

    def batch(self, sentences: list[tuple[list[str], list[int]]]) -> tuple[dict[str, torch.Tensor], int]:
        """Cut and pad sentences; a word's first piece bears its tag."""
        words = [tokens for tokens, _ in sentences]
        found = self.tokenizer(words, is_split_into_words=True, padding=True, truncation=True, return_tensors="pt")
        labels = torch.full(found["input_ids"].shape, -100)
        for row, (_, tags) in enumerate(sentences):
            labels[row] = torch.tensor(first_pieces(found.word_ids(row), tags))
        return {**found, "labels": labels}, sum(map(len, words))

    def train(self, number: int) -> dict[str, float]:
        """Take steps of training."""
        self.model.train()
        words = 0
        started = time.perf_counter()
        for batch, count in itertools.islice(self.coming, number):
            self.optimizer.zero_grad()
            loss = self.model(**batch).loss
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            words += count
        return {"seconds": time.perf_counter() - started, "words": words, "loss": float(loss)}

    @torch.inference_mode()
    def tag(self, turn: int) -> dict[str, float]:
        """Tag so many sentences given as words, those with similarly many together."""
        self.model.eval()
        size, group = self.settings["sentences"], self.settings["tagged"]
        first = turn * size % max(len(self.test) - size, 1)
        chosen = self.test[first : first + size]
        started = time.perf_counter()
        cut = self.tokenizer(chosen, is_split_into_words=True, truncation=True)
        order = np.argsort([len(ids) for ids in cut["input_ids"]], kind="stable")
        for start in range(0, size, group):
            rows = order[start : start + group]
            batch = self.tokenizer.pad(
                {key: [cut[key][row] for row in rows] for key in ("input_ids", "attention_mask")}, return_tensors="pt"
            )
            best = self.model(**batch).logits.argmax(-1)
            for row, tags in zip(rows, best.tolist(), strict=True):
                [tag for tag, word in zip(tags, cut.word_ids(row), strict=False) if word is not None]
        return {"seconds": time.perf_counter() - started, "words": sum(map(len, chosen))}


def first_pieces(words: list[int | None], tags: list[int]) -> list[int]:
    """Give each word's first piece its tag, and -100 to all else."""
    before = [None, *words[:-1]]
    return [-100 if word is None or word == last else tags[word] for word, last in zip(words, before, strict=True)]


def sorted_batches(pieces: list[int], size: int) -> list[list[int]]:
    """Shuffle sentences, sort them in windows, cut batches and shuffle those."""
    rng = np.random.default_rng(1)
    order = rng.permutation(len(pieces))
    batches = []
    for start in range(0, len(order), size * WINDOW):
        part = order[start : start + size * WINDOW]
        part = part[np.argsort(np.array(pieces)[part], kind="stable")]
        batches += np.split(part, range(size, len(part), size))
    return [batches[i].tolist() for i in rng.permutation(len(batches))]


def make_tiny(folder: Path, characters: list[str]) -> None:
    """Write an encoder of a few weights that knows single characters."""
    folder.mkdir()
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *characters, *(f"##{c}" for c in characters)]
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"do_lower_case": True, "tokenizer_class": "BertTokenizer"})
    )
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(vocab_size=len(pieces), max_position_embeddings=512, **sizes)
    BertModel(config).save_pretrained(folder)


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    answer_calls(Work)
