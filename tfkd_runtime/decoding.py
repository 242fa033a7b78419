"""Decoding of emission scores to tags that the tag scheme allows, with NumPy.

The tags and scores are those of `tfkd.layers.SoftmaxHead.decode` and `tfkd.layers.CRFHead.decode`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfkd_base.corpora import Scheme, allowed_transitions

FORBIDDEN = -1e30
"""Score of forbidden tags and transitions: below every real score and far from overflow. Lower scores count as it."""


@dataclass(frozen=True)
class Chain:
    """Scores of a linear chain: of the first tag, of each tag after each other one, and of the last tag, float32."""

    start: np.ndarray
    transitions: np.ndarray
    end: np.ndarray

    def to_json(self) -> dict[str, Any]:
        """Return the scores as plain values for JSON."""
        return {name: getattr(self, name).tolist() for name in ("start", "transitions", "end")}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Chain:
        """Read what `to_json` wrote."""
        return cls(*(np.array(value[name], np.float32) for name in ("start", "transitions", "end")))


class Decoder:
    """Finds the best tags of sentences, and their probabilities.

    Args:
        tags: The tags, in the order of the emission scores.
        scheme: The tag scheme, which says which tag may follow which.
        chain: The scores of a CRF. Default: the tags of the tokens are independent, as those of a softmax.

    Example:
        >>> decoder = Decoder(["O", "B-Gene", "I-Gene"], "iob2")
        >>> tags, scores = decoder.decode(np.array([[0.0, 1.0, 2.0], [3.0, 0.0, 0.0]], np.float32), np.array([2]))
        >>> tags.tolist(), scores.round(3).tolist()
        ([1, 0], [0.24500000476837158, 0.9089999794960022])
    """

    def __init__(self, tags: Sequence[str], scheme: Scheme, chain: Chain | None = None) -> None:
        start, transition, end = (np.array(allowed) for allowed in allowed_transitions(tags, scheme))
        self._allowed = (start, transition, end)
        self.penalties = Chain(*(np.where(allowed, 0, FORBIDDEN).astype(np.float32) for allowed in self._allowed))
        self.chain = chain

    def decode(self, emissions: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the best tags among those that the scheme allows, and the probability of each at its token.

        Args:
            emissions: Emission scores of the tokens of all sentences, one after the other, float32 `[tokens, tags]`.
            lengths: Tokens of each sentence, each at least 1, int `[sentences]`. Their order is free.

        Returns:
            Indices of tags, int64 `[tokens]`, and probabilities, float32 `[tokens]`.
        """
        return decode_tasks([self], [emissions], lengths)[0]

    def decode_tokens(self, emissions: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Decode without a chain, see `decode`."""
        # One row for each tag: NumPy is slow with many short rows.
        scores = np.ascontiguousarray(emissions.T)
        highest, tags = scores[0].copy(), np.zeros(len(emissions), np.int64)
        for tag, row in enumerate(scores[1:], 1):
            tags[row > highest] = tag
            np.maximum(highest, row, out=highest)
        scores -= highest
        log_norms = np.log(np.exp(scores).sum(axis=0))
        # A search is needed only for sentences whose best tags do not form a valid sequence.
        start, transition, end = self._allowed
        lasts = np.cumsum(lengths) - 1
        follows = transition[tags[:-1], tags[1:]]
        follows[lasts[:-1]] = True
        breaks = np.zeros(len(tags), bool)
        breaks[1:] = ~follows
        breaks[lasts] |= ~end[tags[lasts]]
        firsts = lasts - lengths + 1
        breaks[firsts] |= ~start[tags[firsts]]
        if breaks.any():
            wrong = np.add.reduceat(breaks, firsts, dtype=np.int64) > 0
            places = np.repeat(wrong, lengths)
            log_probabilities = scores[:, places] - log_norms[places]
            lattice = _Lattice([log_probabilities.T], lengths[wrong])
            lattice.bound([self.penalties])
            (tags[places],) = lattice.best_paths([self.penalties.transitions])
        return tags, np.exp(scores[tags, np.arange(len(tags))] - log_norms)


def decode_tasks(
    decoders: Sequence[Decoder], emissions: Sequence[np.ndarray], lengths: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Decode the same sentences for several tasks, see `Decoder.decode`.

    Tasks with a CRF and equally many tags are decoded together: the recursions run over the tokens of a sentence, and
    each of their steps takes about the same time for one task as for five.

    Args:
        decoders: The decoder of each task.
        emissions: The emission scores of each task.
        lengths: Tokens of each sentence.

    Returns:
        Tags and probabilities of each task.
    """
    decoded: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    together: dict[int, list[int]] = {}
    for number, (decoder, scores) in enumerate(zip(decoders, emissions, strict=True)):
        if decoder.chain is None:
            decoded[number] = decoder.decode_tokens(scores, lengths)
        else:
            together.setdefault(scores.shape[1], []).append(number)
    for numbers in together.values():
        chosen = [decoders[number] for number in numbers]
        lattice = _Lattice([emissions[number] for number in numbers], lengths)
        chains = [decoder.chain for decoder in chosen if decoder.chain is not None]
        lattice.bound(chains)
        probabilities = lattice.marginals([chain.transitions for chain in chains])
        lattice.bound([decoder.penalties for decoder in chosen])
        limited = [chain.transitions + one.penalties.transitions for chain, one in zip(chains, chosen, strict=True)]
        for number, tags, marginals in zip(numbers, lattice.best_paths(limited), probabilities, strict=True):
            decoded[number] = tags, marginals[np.arange(len(tags)), tags]
    return [decoded[number] for number in range(len(decoders))]


class _Lattice:
    """Scores of the tags of sentences, token by token, for one task or several with equally many tags.

    A column is a sentence in a task. The columns are the last axis: NumPy is fast with long rows.

    Args:
        emissions: Emission scores of each task, `[tokens, tags]`.
        lengths: Tokens of each sentence.
    """

    def __init__(self, emissions: Sequence[np.ndarray], lengths: np.ndarray) -> None:
        self._tasks, self._count = len(emissions), len(lengths)
        firsts = np.cumsum(lengths) - lengths
        self._sentences = np.repeat(np.arange(self._count), lengths)
        self._times = np.arange(len(emissions[0])) - np.repeat(firsts, lengths)
        tags = emissions[0].shape[1]
        scores = np.zeros((int(lengths.max()), tags, self._tasks, self._count), np.float32)
        for task, of_task in enumerate(emissions):
            scores[self._times, :, task, self._sentences] = of_task
        self._scores = scores.reshape(len(scores), tags, -1)
        self._lasts = np.tile(lengths - 1, self._tasks)
        self._columns = np.arange(len(self._lasts))

    def bound(self, chains: Sequence[Chain]) -> None:
        """Add the scores of start and end to those of the first and the last tokens."""
        self._scores[0] += self._by_column([chain.start for chain in chains])
        self._scores[self._lasts, :, self._columns] += self._by_column([chain.end for chain in chains]).T

    def best_paths(self, transitions: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the best path of each sentence for each task, int64 `[tokens]` (Viterbi 1967).

        Among paths with the same score, the one with the lowest tag at the last token wins, then at the token before.
        """
        steps, count, columns = self._scores.shape
        into_tag = self._by_column(transitions)
        scores = np.empty_like(self._scores)
        best = np.zeros_like(scores[0])
        for time in range(steps):
            np.add(best, self._scores[time], out=scores[time])
            best = (scores[time][:, np.newaxis] + into_tag).max(axis=0)
        paths = np.zeros((steps, columns), np.int64)
        # The last tag stands for the end: nothing is added at the last token.
        into_tag = np.concatenate([into_tag, np.zeros_like(into_tag[:, :1])], axis=1)
        tags = np.full(columns, count)
        for time in range(steps - 1, -1, -1):
            tags = np.where(self._lasts > time, tags, count)
            tags = (scores[time] + into_tag[:, tags, self._columns]).argmax(axis=0)
            paths[time] = tags
        return [of_task[self._times, self._sentences] for of_task in self._by_task(paths)]

    def marginals(self, transitions: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the probability of each tag at each token over all paths, for each task float32 `[tokens, tags]`.

        The forward and backward recursions (Rabiner 1989) run on probabilities that are scaled at each token.
        """
        steps = len(self._scores)
        # Scaled for each task alone: the scores of one do not change the precision of another.
        scaled = [of_task.astype(np.float64) - of_task.max(initial=0.0) for of_task in transitions]
        factors = self._by_column([np.exp(np.maximum(of_task, -700.0)) for of_task in scaled])
        values = self._scores - self._scores.max(axis=1, keepdims=True).astype(np.float64)
        np.exp(np.maximum(values, -700.0, out=values), out=values)
        forward = np.empty_like(values)
        forward[0] = values[0]
        for time in range(1, steps):
            forward[time] = (forward[time - 1][:, np.newaxis] * factors).sum(axis=0) * values[time]
            forward[time] /= forward[time].sum(axis=0)
        backward = np.ones_like(values)
        for time in range(steps - 2, -1, -1):
            before = (factors * (backward[time + 1] * values[time + 1])).sum(axis=1)
            before /= before.sum(axis=0)
            backward[time] = np.where(self._lasts > time, before, 1.0)
        marginals = forward * backward
        marginals /= marginals.sum(axis=1, keepdims=True)
        return [of_task[self._times, :, self._sentences].astype(np.float32) for of_task in self._by_task(marginals)]

    def _by_column(self, values: Sequence[np.ndarray]) -> np.ndarray:
        """Return an array for each task as one array whose last axis are the columns."""
        return np.repeat(np.stack(values, axis=-1), self._count, axis=-1)

    def _by_task(self, values: np.ndarray) -> list[np.ndarray]:
        """Return the columns of each task."""
        return np.split(values, self._tasks, axis=-1)
