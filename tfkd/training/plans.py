"""Which sentences form which batch: pure functions of a seed and an epoch's number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tfkd_base.errors import TfkdError

_WINDOW = 64
"""Batches' worth of shuffled sentences that are sorted by length together: little padding, and still random."""

PADDED_SIZE = 8192
"""Tokens or pieces, padding counted, that a model runs on at once: memory must not grow with the longest sentence."""


class BatchPlan:
    """Say which sentences form which batch in each epoch: a pure function of the seed and the epoch's number.

    Args:
        lengths: Tokens of each sentence.
        batch_size: Sentences in a batch; the last one of an epoch may hold fewer.
        seed: Seed of the shuffling.
        shuffle: Whether to shuffle; if not, sentences keep their order.

    Raises:
        TfkdError: There is no sentence, or `batch_size` is below 1.

    Example:
        >>> plan = BatchPlan([5, 9, 5, 9], batch_size=2, seed=1)
        >>> sorted(sorted(batch.tolist()) for batch in plan.epoch(0))
        [[0, 2], [1, 3]]
    """

    def __init__(
        self, lengths: Sequence[int] | np.ndarray, batch_size: int, seed: int = 1, shuffle: bool = True
    ) -> None:
        if len(lengths) == 0:
            raise TfkdError("there are no sentences to make batches of.")
        if batch_size < 1:
            raise TfkdError(f"batch_size must be at least 1, got {batch_size}.")
        self.lengths = np.asarray(lengths)
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle

    def __len__(self) -> int:
        """Return the batches of an epoch."""
        return -(-len(self.lengths) // self.batch_size)

    def epoch(self, number: int) -> list[np.ndarray]:
        """Return the batches of an epoch, each an array of indices of sentences."""
        if not self.shuffle:
            return np.split(np.arange(len(self.lengths)), range(self.batch_size, len(self.lengths), self.batch_size))
        rng = np.random.default_rng((self.seed, number))
        order = rng.permutation(len(self.lengths))
        window = self.batch_size * _WINDOW
        batches = []
        for start in range(0, len(order), window):
            part = order[start : start + window]
            part = part[np.argsort(self.lengths[part], kind="stable")]
            batches += np.split(part, range(self.batch_size, len(part), self.batch_size))
        return [batches[i] for i in rng.permutation(len(batches))]


def groups_by_size(sizes: Sequence[int] | np.ndarray, most: int) -> Iterator[np.ndarray]:
    """Yield sentences in groups of similar size, the smallest first, that a model is to run on at once.

    Args:
        sizes: The size of each sentence.
        most: How many may be in a group; of large ones so many that `PADDED_SIZE` is not exceeded, but at least one.

    Example:
        >>> [group.tolist() for group in groups_by_size([9, 3, 9000, 5], most=2)]
        [[1, 3], [0], [2]]
    """
    order = np.argsort(sizes, kind="stable")
    ordered = np.asarray(sizes)[order]
    start = 0
    while start < len(order):
        widths = ordered[start : start + most] * np.arange(1, len(ordered[start : start + most]) + 1)
        number = max(int(np.searchsorted(widths, PADDED_SIZE, side="right")), 1)
        yield order[start : start + number]
        start += number


class TaskMixPlan:
    """Say which task's sentences form which batch in each epoch: a pure function of the seed and the epoch's number.

    Each batch is one task's. Tasks are drawn at random in proportion to the number of their sentences to a power;
    each goes through its own sentences, shuffled anew at each round. An epoch has as many batches as
    going once through every task would take.

    Args:
        lengths: For each task the tokens of each of its sentences.
        batch_size: Sentences in a batch.
        power: 1 draws in proportion to size, 0 draws all tasks alike.
        seed: Seed of the draws and of the shuffling.

    Raises:
        TfkdError: A task has no sentence, `batch_size` is below 1 or `power` is negative.
    """

    def __init__(self, lengths: Sequence[np.ndarray], batch_size: int, power: float = 0.75, seed: int = 1) -> None:
        if power < 0:
            raise TfkdError(f"the power that tasks are drawn by must not be negative, got {power}.")
        self.plans = [BatchPlan(part, batch_size, seed=seed + task) for task, part in enumerate(lengths)]
        self.batch_size = batch_size
        self.offsets = np.cumsum([0, *(len(part) for part in lengths)])
        weight = np.array([len(part) for part in lengths], float) ** power
        self.probabilities = weight / weight.sum()
        self.seed = seed
        self._drawn = [np.zeros(len(lengths), int)]

    def __len__(self) -> int:
        """Return the batches of an epoch."""
        return sum(len(plan) for plan in self.plans)

    def tasks_of_epoch(self, number: int) -> np.ndarray:
        """Return the index of the task of each batch of an epoch."""
        return np.random.default_rng((self.seed, number)).choice(len(self.plans), len(self), p=self.probabilities)

    def epoch(self, number: int) -> Iterator[np.ndarray]:
        """Yield the batches of an epoch, each an array of indices into all tasks' sentences, one after another."""
        while len(self._drawn) <= number:
            drawn = np.bincount(self.tasks_of_epoch(len(self._drawn) - 1), minlength=len(self.plans))
            self._drawn.append(self._drawn[-1] + drawn)
        position = self._drawn[number].copy()
        rounds: dict[tuple[int, int], list[np.ndarray]] = {}
        for task in self.tasks_of_epoch(number):
            plan = self.plans[task]
            turn, index = divmod(int(position[task]), len(plan))
            if (task, turn) not in rounds:
                rounds[task, turn] = plan.epoch(turn)
            yield rounds[task, turn][index] + self.offsets[task]
            position[task] += 1


class TransferPlan:
    """Say which sentences form which batch where some have gold tags and others have none.

    Each batch holds a share of either kind, of similar lengths. An epoch goes once through the sentences with tags. The
    others are taken in turn, shuffled anew at each round, and go on from one epoch to the next, so that all are seen
    alike however many there are.

    Args:
        tagged: Tokens of each sentence that has tags; their indices come first.
        untagged: Tokens of each sentence that has none; their indices follow.
        batch_size: Sentences in a batch.
        share: Share of sentences without tags in a batch; at least one of either kind is in each.
        seed: Seed of the shuffling.

    Raises:
        TfkdError: There is no sentence of one kind, `batch_size` is below 2, or `share` is not between 0 and 1.

    Example:
        >>> plan = TransferPlan([5, 9], [5, 9, 7, 7], batch_size=3, share=0.6)
        >>> sorted(len(batch) for batch in plan.epoch(0)), len(plan)
        ([3, 3], 2)
    """

    def __init__(
        self,
        tagged: Sequence[int] | np.ndarray,
        untagged: Sequence[int] | np.ndarray,
        batch_size: int,
        share: float = 0.5,
        seed: int = 1,
    ) -> None:
        if len(tagged) == 0 or len(untagged) == 0:
            raise TfkdError(f"expected sentences with tags and without, got {len(tagged)} and {len(untagged)}.")
        if batch_size < 2:
            raise TfkdError(f"a batch of sentences with tags and without has at least 2, got batch_size {batch_size}.")
        if not 0 < share < 1:
            raise TfkdError(f"the share of sentences without tags must lie between 0 and 1, got {share}.")
        self.lengths = [np.asarray(tagged), np.asarray(untagged)]
        self.batch_size = batch_size
        self.sizes = self.parts(batch_size, share)
        self.seed = seed

    @staticmethod
    def parts(batch_size: int, share: float) -> tuple[int, int]:
        """Return how many sentences of a batch have tags, and how many have none."""
        untagged = min(max(round(batch_size * share), 1), batch_size - 1)
        return batch_size - untagged, untagged

    def __len__(self) -> int:
        """Return the batches of an epoch."""
        return -(-len(self.lengths[0]) // self.sizes[0])

    def epoch(self, number: int) -> list[np.ndarray]:
        """Return the batches of an epoch, each an array of indices of sentences."""
        rng = np.random.default_rng((self.seed, number))
        tagged = rng.permutation(len(self.lengths[0]))
        untagged = self._untagged(number * len(self) * self.sizes[1], len(self) * self.sizes[1])
        batches = []
        for start in range(0, len(self), _WINDOW):
            parts = []
            for rows, lengths, size in zip((tagged, untagged), self.lengths, self.sizes, strict=True):
                part = rows[start * size : (start + _WINDOW) * size]
                parts.append(part[np.argsort(lengths[part], kind="stable")])
            count = -(-len(parts[0]) // self.sizes[0])
            # Cut at the same ranks of length, so that sentences of either kind are about as long as each other.
            pairs = zip(*(np.array_split(part, count) for part in parts), strict=True)
            batches += [np.concatenate([own, other + len(self.lengths[0])]) for own, other in pairs]
        return [batches[i] for i in rng.permutation(len(batches))]

    def _untagged(self, start: int, count: int) -> np.ndarray:
        """Cut a piece out of the endless row of rounds through the sentences without tags."""
        size = len(self.lengths[1])
        first, last = start // size, (start + count - 1) // size
        rounds = [np.random.default_rng((self.seed, turn, 1)).permutation(size) for turn in range(first, last + 1)]
        return np.concatenate(rounds)[start - first * size :][:count]
