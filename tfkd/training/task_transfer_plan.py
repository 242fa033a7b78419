"""Plan of batches of several tasks with unlabelled sentences."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from tfkd.training.plans import WINDOW, TaskMixPlan, TransferPlan, check_transfer, section_of_rounds


class TaskTransferPlan:
    """Plan of batches that each hold sentences with gold tags, of one task, and unlabelled sentences.

    The sentences with tags are those of `TaskMixPlan`, in smaller batches. Unlabelled sentences of similar lengths are
    added to each, as in `TransferPlan`.

    Args:
        tagged: For each task the number of tokens of each of its sentences; their indices come first.
        untagged: Number of tokens of each unlabelled sentence; their indices follow.
        batch_size: Number of sentences in a batch.
        share: Share of unlabelled sentences in a batch; each batch has at least one of both kinds.
        power: 1 draws tasks in proportion to size, 0 draws all tasks equally often.
        seed: Seed of the draws and of the shuffling.

    Raises:
        TfkdError: As `TaskMixPlan` and `TransferPlan`.

    Example:
        >>> plan = TaskTransferPlan([[5, 9], [7]], [5, 9, 7, 7], batch_size=3, share=0.6)
        >>> [len(batch) for batch in plan.epoch(0)], len(plan)
        ([3, 3, 3], 3)
    """

    def __init__(
        self,
        tagged: Sequence[Sequence[int] | np.ndarray],
        untagged: Sequence[int] | np.ndarray,
        batch_size: int,
        share: float = 0.5,
        power: float = 0.75,
        seed: int = 1,
    ) -> None:
        lengths = [np.asarray(part) for part in tagged]
        check_transfer(sum(map(len, lengths)), len(untagged), batch_size, share)
        self.batch_size = batch_size
        self.sizes = TransferPlan.parts(batch_size, share)
        self.lengths = [np.concatenate(lengths), np.asarray(untagged)]
        self.seed = seed
        self.tagged = TaskMixPlan(lengths, self.sizes[0], power, seed)

    @property
    def description(self) -> str:
        """All settings that the batches depend on, and how they are drawn."""
        return f"{self.tagged.description}, + {self.sizes[1]} unlabelled"

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return len(self.tagged)

    def epoch(self, number: int) -> Iterator[np.ndarray]:
        """Yield the batches of an epoch, each an array of indices of sentences."""
        size = self.sizes[1]
        untagged = section_of_rounds(len(self.lengths[1]), number * len(self) * size, len(self) * size, self.seed)
        remaining = iter(self.tagged.epoch(number))
        start = 0
        while batches := list(itertools.islice(remaining, WINDOW)):
            part = untagged[start : start + len(batches) * size]
            start += len(part)
            parts = np.split(part[np.argsort(self.lengths[1][part], kind="stable")], len(batches))
            longest = [self.lengths[0][batch].max() for batch in batches]
            ranks = np.argsort(np.argsort(longest, kind="stable"), kind="stable")
            for batch, rank in zip(batches, ranks, strict=True):
                yield np.concatenate([batch, parts[rank] + len(self.lengths[0])])
