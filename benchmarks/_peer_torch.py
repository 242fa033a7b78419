"""The BiLSTM-CRF tagger of `peers.py` in PyTorch and pytorch-crf. Runs in the peers' environment."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from _peer_calls import answer_calls
from torch import nn
from torchcrf import CRF


class Tagger(nn.Module):
    """Words, casing and a character CNN, dropout, a BiLSTM, dropout, a layer of emission scores, a CRF."""

    def __init__(self, sizes: dict[str, int]) -> None:
        super().__init__()
        self.words = nn.Embedding(sizes["words"], sizes["word_units"], padding_idx=0)
        self.casing = nn.Embedding(sizes["casings"], sizes["casing_units"], padding_idx=0)
        self.characters = nn.Embedding(sizes["characters"], sizes["character_embedding_units"], padding_idx=0)
        self.convolution = nn.Conv1d(sizes["character_embedding_units"], sizes["character_units"], 3, padding=1)
        width = sizes["word_units"] + sizes["casing_units"] + sizes["character_units"]
        self.lstm = nn.LSTM(width, sizes["units"], batch_first=True, bidirectional=True)
        self.emissions = nn.Linear(2 * sizes["units"], sizes["tags"])
        self.crf = CRF(sizes["tags"], batch_first=True)
        self.dropout = nn.Dropout(sizes["dropout_percent"] / 100)

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Compute emission scores `[batch, time, tags]`."""
        ids = batch["characters"]
        sentences, time_steps, longest = ids.shape
        embedded = self.characters(ids.view(-1, longest)).transpose(1, 2)
        scores = self.convolution(embedded).masked_fill((ids == 0).view(-1, 1, longest), -1e9)
        of_characters = torch.relu(scores.max(dim=2).values).view(sentences, time_steps, -1)
        vectors = torch.cat([self.words(batch["words"]), self.casing(batch["casing"]), of_characters], dim=-1)
        states, _ = self.lstm(self.dropout(vectors))
        return self.emissions(self.dropout(states))


class Work:
    """What the benchmark asks for, one method a call."""

    def __init__(self, settings: dict[str, Any]) -> None:
        torch.manual_seed(1)
        torch.set_num_threads(settings["threads"])
        self.device = torch.device(settings["device"])
        data = np.load(os.path.join(settings["folder"], "batches.npz"))
        self.batches = [
            {
                name: torch.from_numpy(data[f"{name}_{number}"]).long().to(self.device)
                for name in ("words", "casing", "characters", "tags")
            }
            for number in range(settings["batches"])
        ]
        self.model = Tagger(settings["sizes"]).to(self.device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)
        self.coming: Iterator[dict[str, torch.Tensor]] = itertools.cycle(self.batches)
        self.lstm = nn.LSTM(*settings["lstm"], batch_first=True, bidirectional=True).to(self.device)
        self.inputs = torch.randn(*settings["lstm_input"], device=self.device, requires_grad=True)

    def train(self, number: int) -> dict[str, float]:
        """Take steps of training; the sentences of a batch are of similar lengths and need no packing."""
        self.model.train()
        tokens = 0
        started = time.perf_counter()
        for batch in itertools.islice(self.coming, number):
            mask = batch["words"] > 0
            self.optimizer.zero_grad()
            likelihood = self.model.crf(self.model(batch), batch["tags"].clamp(min=0), mask=mask, reduction="sum")
            loss = -likelihood / mask.sum()
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
            self.optimizer.step()
            tokens += int(mask.sum())
        value = float(loss)  # a GPU is then ready
        return {"seconds": time.perf_counter() - started, "tokens": tokens, "loss": value}

    def lstm_step(self, number: int) -> dict[str, float]:
        """Run a BiLSTM and take its gradients, without a mask."""
        started = time.perf_counter()
        for _ in range(number):
            self.lstm.zero_grad()
            self.inputs.grad = None
            self.lstm(self.inputs)[0].square().sum().backward()
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return {"seconds": time.perf_counter() - started}


if __name__ == "__main__":
    answer_calls(Work)
