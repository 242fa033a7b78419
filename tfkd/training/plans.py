"""Plans that choose the sentences of each batch: pure functions of a seed and an epoch's number."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np

from tfkd_base.errors import TfkdError
from tfkd_base.seeds import derive_seed, make_generator

WINDOW = 64
"""Number of batches whose shuffled sentences are sorted by length together: little padding, and still random."""

DRAWING = "hashed seeds"
"""How these plans draw. A checkpoint holds it: another way of drawing needs another name."""

PADDED_SIZE = 8192
"""Tokens or subwords, with padding, that a model runs on at once: memory must not grow with the longest sentence."""


class AnyPlan(Protocol):
    """Choice of the sentences of each batch of each epoch.

    Attributes:
        batch_size: Number of sentences in a batch.
    """

    batch_size: int

    @property
    def description(self) -> str:
        """All settings that the batches depend on, and how they are drawn."""

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""

    def epoch(self, number: int) -> Iterable[np.ndarray]:
        """Return the batches of an epoch, each an array of indices of sentences; a pure function of the number."""


class BatchPlan:
    """Plan of batches of the sentences of one task: a pure function of the seed and the epoch's number.

    Args:
        lengths: Number of tokens of each sentence.
        batch_size: Number of sentences in a batch; the last batch of an epoch may hold fewer.
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
            raise TfkdError("expected at least one sentence to make batches of, got no sentences.")
        if batch_size < 1:
            raise TfkdError(f"batch_size must be at least 1, got {batch_size}.")
        self.lengths = np.asarray(lengths)
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle

    @property
    def description(self) -> str:
        """All settings that the batches depend on, and how they are drawn."""
        return f"{DRAWING}, batches of {self.batch_size}, " + (f"seed {self.seed}" if self.shuffle else "not shuffled")

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return -(-len(self.lengths) // self.batch_size)

    def epoch(self, number: int) -> list[np.ndarray]:
        """Return the batches of an epoch, each an array of indices of sentences."""
        if not self.shuffle:
            return np.split(np.arange(len(self.lengths)), range(self.batch_size, len(self.lengths), self.batch_size))
        rng = make_generator(self.seed, "batches", number)
        order = rng.permutation(len(self.lengths))
        window = self.batch_size * WINDOW
        batches = []
        for start in range(0, len(order), window):
            part = order[start : start + window]
            part = part[np.argsort(self.lengths[part], kind="stable")]
            batches += np.split(part, range(self.batch_size, len(part), self.batch_size))
        return [batches[i] for i in rng.permutation(len(batches))]


def groups_by_size(
    sizes: Sequence[int] | np.ndarray, most: int, padded_size: int = PADDED_SIZE
) -> Iterator[np.ndarray]:
    """Yield the indices of sentences in groups of similar size, the smallest first, that a model runs on at once.

    Args:
        sizes: The size of each sentence.
        most: Largest number of sentences in a group. A group of large sentences has fewer, so that their padded size
            is at most `padded_size`, but at least one.
        padded_size: Largest padded size of a group of several sentences.

    Example:
        >>> [group.tolist() for group in groups_by_size([9, 3, 9000, 5], most=2)]
        [[1, 3], [0], [2]]
    """
    order = np.argsort(sizes, kind="stable")
    ordered = np.asarray(sizes)[order]
    start = 0
    while start < len(order):
        widths = ordered[start : start + most] * np.arange(1, len(ordered[start : start + most]) + 1)
        number = max(int(np.searchsorted(widths, padded_size, side="right")), 1)
        yield order[start : start + number]
        start += number


class TaskMixPlan:
    """Plan of batches of several tasks, each of one task: a pure function of the seed and the epoch's number.

    Tasks are drawn at random in proportion to their number of sentences to a power. Each task takes its own sentences
    in order and shuffles them again after each round. An epoch has as many batches as one round of every task.

    Args:
        lengths: For each task the number of tokens of each of its sentences.
        batch_size: Number of sentences in a batch.
        power: 1 draws in proportion to size, 0 draws all tasks equally often.
        seed: Seed of the draws and of the shuffling.

    Raises:
        TfkdError: A task has no sentence, `batch_size` is below 1 or `power` is negative.
    """

    def __init__(self, lengths: Sequence[np.ndarray], batch_size: int, power: float = 0.75, seed: int = 1) -> None:
        if power < 0:
            raise TfkdError(f"the power that tasks are drawn with must not be negative, got {power}.")
        self.plans = [BatchPlan(part, batch_size, derive_seed(seed, "task", task)) for task, part in enumerate(lengths)]
        self.batch_size = batch_size
        self.offsets = np.cumsum([0, *(len(part) for part in lengths)])
        weight = np.array([len(part) for part in lengths], float) ** power
        self.probabilities = weight / weight.sum()
        self.seed = seed
        self._power = power
        self._drawn = [np.zeros(len(lengths), int)]

    @property
    def description(self) -> str:
        """All settings that the batches depend on, and how they are drawn."""
        return f"{DRAWING}, batches of {self.batch_size}, seed {self.seed}, power {self._power:g}"

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return sum(len(plan) for plan in self.plans)

    def tasks_of_epoch(self, number: int) -> np.ndarray:
        """Return the index of the task of each batch of an epoch."""
        rng = make_generator(self.seed, "tasks of batches", number)
        return rng.choice(len(self.plans), len(self), p=self.probabilities)

    def epoch(self, number: int) -> Iterator[np.ndarray]:
        """Yield the batches of an epoch, each an array of indices into the sentences of all tasks in their order."""
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
    """Plan of batches of sentences with gold tags and of unlabelled sentences.

    Each batch holds a share of both kinds, of similar lengths. Each epoch uses all sentences with tags and the next
    portion of the unlabelled ones, which are shuffled again after each round: all of them are used equally often.

    Args:
        tagged: Number of tokens of each sentence with tags; their indices come first.
        untagged: Number of tokens of each unlabelled sentence; their indices follow.
        batch_size: Number of sentences in a batch.
        share: Share of unlabelled sentences in a batch; each batch has at least one of both kinds.
        seed: Seed of the shuffling.

    Raises:
        TfkdError: One kind has no sentence, `batch_size` is below 2, or `share` is not between 0 and 1.

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
        check_transfer(len(tagged), len(untagged), batch_size, share)
        self.lengths = [np.asarray(tagged), np.asarray(untagged)]
        self.batch_size = batch_size
        self.sizes = self.parts(batch_size, share)
        self.seed = seed

    @property
    def description(self) -> str:
        """All settings that the batches depend on, and how they are drawn."""
        return f"{DRAWING}, batches of {self.sizes[0]} + {self.sizes[1]}, seed {self.seed}"

    @staticmethod
    def parts(batch_size: int, share: float) -> tuple[int, int]:
        """Return the numbers of sentences of a batch with tags and without."""
        untagged = min(max(round(batch_size * share), 1), batch_size - 1)
        return batch_size - untagged, untagged

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return -(-len(self.lengths[0]) // self.sizes[0])

    def epoch(self, number: int) -> list[np.ndarray]:
        """Return the batches of an epoch, each an array of indices of sentences."""
        rng = make_generator(self.seed, "sentences with tags", number)
        tagged = rng.permutation(len(self.lengths[0]))
        count = len(self) * self.sizes[1]
        untagged = section_of_rounds(len(self.lengths[1]), number * count, count, self.seed)
        batches = []
        for start in range(0, len(self), WINDOW):
            parts = []
            for rows, lengths, size in zip((tagged, untagged), self.lengths, self.sizes, strict=True):
                part = rows[start * size : (start + WINDOW) * size]
                parts.append(part[np.argsort(lengths[part], kind="stable")])
            count = -(-len(parts[0]) // self.sizes[0])
            # Cut at the same ranks of length, so that sentences of both kinds have similar lengths.
            pairs = zip(*(np.array_split(part, count) for part in parts), strict=True)
            batches += [np.concatenate([own, other + len(self.lengths[0])]) for own, other in pairs]
        return [batches[i] for i in rng.permutation(len(batches))]


def section_of_rounds(size: int, start: int, count: int, seed: int) -> np.ndarray:
    """Return a section of the endless sequence of shuffled rounds of so many unlabelled sentences."""
    first, last = start // size, (start + count - 1) // size
    generators = [make_generator(seed, "unlabelled sentences", turn) for turn in range(first, last + 1)]
    rounds = [generator.permutation(size) for generator in generators]
    return np.concatenate(rounds)[start - first * size :][:count]


def check_transfer(tagged: int, untagged: int, batch_size: int, share: float) -> None:
    """Check the settings of batches of sentences with gold tags and unlabelled sentences.

    Raises:
        TfkdError: One kind has no sentence, the batch is too small, or the share is not between 0 and 1.
    """
    if tagged == 0 or untagged == 0:
        raise TfkdError(f"expected sentences with tags and without tags, got {tagged} and {untagged}.")
    if batch_size < 2:
        raise TfkdError(f"expected a batch_size of at least 2 for sentences with and without tags, got {batch_size}.")
    if not 0 < share < 1:
        raise TfkdError(f"expected a share of unlabelled sentences between 0 and 1, got {share}.")


class VariantPlan:
    """Plan in which variants take the places of some labelled sentences.

    Each epoch draws the sentences that it replaces. From epoch to epoch, the variants of a sentence take turns. The
    number of batches and their other sentences are those of the given plan.

    Args:
        plan: The plan of the batches without variants.
        sentences: Number of sentences that the plan chooses from; the indices of the variants follow.
        owners: For each variant the index of its labelled sentence, ascending.
        share: Probability that a sentence with variants is replaced by one.
        seed: Seed of the draws.

    Raises:
        TfkdError: `share` is not above 0 and at most 1.

    Example:
        >>> plan = VariantPlan(BatchPlan([5, 9], 2, shuffle=False), sentences=2, owners=[1, 1], share=1.0)
        >>> sorted(plan.epoch(number)[0].tolist() for number in (0, 1))
        [[0, 2], [0, 3]]
    """

    def __init__(
        self, plan: AnyPlan, sentences: int, owners: Sequence[int] | np.ndarray, share: float = 0.5, seed: int = 1
    ) -> None:
        if not 0 < share <= 1:
            raise TfkdError(f"expected a share of variants above 0 and at most 1, got {share}.")
        self.plan = plan
        self.batch_size = plan.batch_size
        self.share = share
        self.seed = seed
        self._counts = np.bincount(np.asarray(owners, np.int64), minlength=sentences)
        self._first = sentences + np.cumsum(self._counts) - self._counts
        self._turns = make_generator(seed, "first variants").integers(2**31, size=sentences)

    @property
    def description(self) -> str:
        """All settings that the batches depend on, and how they are drawn."""
        return f"{self.plan.description}, {self._counts.sum()} variants with share {self.share:g}"

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return len(self.plan)

    def epoch(self, number: int) -> list[np.ndarray]:
        """Return the batches of an epoch, each an array of indices of sentences and variants."""
        is_drawn = make_generator(self.seed, "variants", number).random(len(self._counts)) < self.share
        variants = self._first + (self._turns + number) % np.maximum(self._counts, 1)
        rows = np.where(is_drawn & (self._counts > 0), variants, np.arange(len(self._counts)))
        return [rows[batch] for batch in self.plan.epoch(number)]


class ResizedEpochs:
    """Plan whose epochs have another number of batches than those of a plan: its epochs follow one another.

    With fewer sentences, a training has as many updates, and as many epochs, as with all of them.

    Args:
        plan: The plan.
        batches: Number of batches in an epoch.

    Raises:
        TfkdError: `batches` is below 1.

    Example:
        >>> plan = ResizedEpochs(BatchPlan([5, 9, 5], batch_size=1, shuffle=False), batches=4)
        >>> [[batch.tolist() for batch in plan.epoch(number)] for number in range(2)]
        [[[0], [1], [2], [0]], [[1], [2], [0], [1]]]
    """

    def __init__(self, plan: AnyPlan, batches: int) -> None:
        if batches < 1:
            raise TfkdError(f"expected at least 1 batch in an epoch, got {batches}.")
        self.plan, self.batches = plan, batches
        self.batch_size = plan.batch_size

    @property
    def description(self) -> str:
        """All settings that the batches depend on, and how they are drawn."""
        return f"{self.plan.description}, epochs of {self.batches} batches"

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return self.batches

    def epoch(self, number: int) -> Iterator[np.ndarray]:
        """Yield the batches of an epoch, each an array of indices of sentences."""
        turn, done = divmod(number * self.batches, len(self.plan))
        following = itertools.chain.from_iterable(self.plan.epoch(later) for later in itertools.count(turn))
        return itertools.islice(following, done, done + self.batches)
