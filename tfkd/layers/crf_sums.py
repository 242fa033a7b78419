"""Sums over all paths of a linear chain: the recursions forwards and backwards, and what follows from them.

Each function here runs in one of two spaces. `Scaled` multiplies probabilities by matrices and brings each token's
states back to a sum of about 1; `Logs` adds logs, which costs the exponentials of all pairs of tags at each token,
and holds for any scores. `Scaled` is taken where the transitions lie within `WIDEST` of one another. Then no state
falls below `exp(-WIDEST)` of its token's highest, since each tag may follow each other at no less, and for the same
reason what a tag's emission makes too small for float32 (1e-38) cannot grow by more than `exp(2 * WIDEST)` = 1e26
against the rest in later tokens: what is lost is 1e-12 of the sum, whatever the emissions.

Tensors are time-major in here. A state is that of a tag at a token before the token's own emission counts; backwards,
sentences are turned round. Padding stands after the sentences either way, so that the loops need no mask.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from typing_extensions import override

from tfkd.layers.scan import scan

Tensor = Any

FORBIDDEN = -1e30
"""Score of what must not be: below every real score, and far from overflow. Lower ones are taken for it."""

WIDEST = 30.0
"""How far transitions may lie apart for probabilities to be exact."""


class Lattice:
    """The scores of a batch of sentences, and the recursions over them.

    Args:
        inputs: Emission scores, float `[batch, time, tags]`.
        lengths: Tokens of each sentence, int32 `[batch]`.
        transitions: Score of tag `j` after tag `i`, `[tags, tags]`, in the dtype of `inputs`.
    """

    def __init__(self, inputs: Tensor, lengths: Tensor, transitions: Tensor) -> None:
        self.lengths = lengths
        real = tf.sequence_mask(lengths, tf.shape(inputs)[1])
        self.scores = tf.transpose(
            tf.where(real[:, :, tf.newaxis], tf.maximum(inputs, FORBIDDEN), tf.zeros([], inputs.dtype)), [1, 0, 2]
        )
        self.mask = tf.cast(tf.transpose(real), inputs.dtype)
        self.transitions = tf.maximum(transitions, FORBIDDEN)

    def sweep(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Run both recursions, in one loop.

        Returns:
            The log-sum of all paths `[batch]`, 0 for a sentence of no token; the states forwards and backwards, each
            `[time, batch, tags]`; and by what each token's forward states were brought down, `[time, batch]`.
        """
        raise NotImplementedError

    def marginals(self, forward: Tensor, backward: Tensor) -> Tensor:
        """Return `p(y_t = i)`, `[time, batch, tags]`, 0 in the padding."""
        raise NotImplementedError

    def pairs(
        self, forward: Tensor, backward: Tensor, sums: Tensor, left: Tensor | None, right: Tensor | None
    ) -> Tensor:
        """Return the sum over `t` of `p(y_t = i, y_{t+1} = j) (left[t, i] + right[t + 1, j])`, `[batch, tags, tags]`.

        Of `left` and `right`, `[time, batch, tags]`, one may be None for nothing.
        """
        raise NotImplementedError

    def averages(self, forward: Tensor, backward: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the values of the tokens before and of those after sum to on average, for each tag at each token.

        Args:
            forward: The states forwards.
            backward: The states backwards.
            values: Of each tag at each token, `[time, batch, tags]`.
        """
        raise NotImplementedError

    def _turned(self, x: Tensor) -> Tensor:
        return tf.reverse_sequence(x, self.lengths, seq_axis=0, batch_axis=1)

    def _both(self, forward: Tensor, backward: Tensor) -> Tensor:
        """Set what belongs to the recursion forwards beside what belongs to the one backwards, turned round."""
        return tf.stack([forward, self._turned(backward)], axis=2)

    def _each(self, both: Tensor) -> tuple[Tensor, Tensor]:
        forward, backward = tf.unstack(both, axis=2)
        return forward, self._turned(backward)

    def _log_norm(self, sums: Tensor, ends: Tensor) -> Tensor:
        following = tf.concat([self.mask[1:], tf.zeros_like(self.mask[:1])], axis=0)
        return tf.reduce_sum(sums * self.mask + ends * (self.mask - following), axis=0)


class Scaled(Lattice):
    """In probabilities, for transitions within `WIDEST` of one another."""

    def __init__(self, inputs: Tensor, lengths: Tensor, transitions: Tensor) -> None:
        super().__init__(inputs, lengths, transitions)
        self._highest = tf.reduce_max(self.scores, axis=-1)
        self._factors = tf.exp(self.scores - self._highest[..., tf.newaxis])
        self._table = tf.exp(transitions - tf.reduce_max(transitions))

    @override
    def sweep(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        factors, (table, totals) = self._flat(self._factors, self._factors), self._tables()

        def step(state: Tensor, factor: Tensor) -> Tensor:
            # A second product gives the sum of each direction: that it does not wait for the first is worth its work.
            weights = state * factor
            return tf.matmul(weights, table) / tf.matmul(weights, totals)

        forward, backward = self._each(self._unflat(_loop(step, tf.ones_like(factors[0]), [factors])))
        sums = tf.reduce_sum(self._through(forward * self._factors, self._table), axis=-1)
        sums = tf.concat([tf.ones_like(sums[:1]), sums[:-1]], axis=0)
        shifts = tf.math.log(sums) + self._highest + tf.reduce_max(self.transitions)
        ends = tf.math.log(tf.reduce_sum(forward * self._factors, axis=-1)) - tf.reduce_max(self.transitions)
        return self._log_norm(shifts, ends), forward, backward, sums

    @override
    def marginals(self, forward: Tensor, backward: Tensor) -> Tensor:
        together = forward * backward * self._factors
        return together * (self.mask / tf.reduce_sum(together, axis=-1))[..., tf.newaxis]

    @override
    def pairs(
        self, forward: Tensor, backward: Tensor, sums: Tensor, left: Tensor | None, right: Tensor | None
    ) -> Tensor:
        # Divided before they are multiplied: the divisors' product may be too small for float32.
        before = forward[:-1] * self._factors[:-1] / sums[1:, :, tf.newaxis]
        after = backward[1:] * self._factors[1:]
        after *= (self.mask[1:] / tf.reduce_sum(after * forward[1:], axis=-1))[..., tf.newaxis]
        parts = []
        if left is not None:
            parts.append(tf.einsum("tbi,tbj->bij", before * left[:-1], after))
        if right is not None:
            parts.append(tf.einsum("tbi,tbj->bij", before, after * right[1:]))
        return tf.add_n(parts) * self._table

    @override
    def averages(self, forward: Tensor, backward: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        weights = self._flat(forward * self._factors, backward * self._factors)
        table, _ = self._tables()
        means = _loop(
            lambda mean, weight, value, total: tf.matmul(weight * (mean + value), table) / total,
            tf.zeros_like(weights[0]),
            [weights, self._flat(values, values), self._through(weights, table)],
        )
        return self._each(self._unflat(means))

    def _tables(self) -> tuple[Tensor, Tensor]:
        """Return the transitions of both directions, those backwards turned round, as one matrix, and its sums."""
        zero, ones = tf.zeros_like(self._table), tf.ones_like(self._table)
        across = tf.transpose(self._table)
        sums = tf.matmul(self._table, ones), tf.matmul(across, ones)
        return _diagonal(self._table, across, zero), _diagonal(*sums, zero)

    def _flat(self, forward: Tensor, backward: Tensor) -> Tensor:
        both = self._both(forward, backward)
        return tf.reshape(both, [tf.shape(both)[0], tf.shape(both)[1], 2 * tf.shape(both)[3]])

    def _unflat(self, both: Tensor) -> Tensor:
        return tf.reshape(both, [*tf.unstack(tf.shape(both))[:2], 2, tf.shape(self.scores)[2]])

    def _through(self, weights: Tensor, table: Tensor) -> Tensor:
        """Multiply all tokens' at once."""
        return tf.reshape(tf.matmul(tf.reshape(weights, [-1, tf.shape(weights)[2]]), table), tf.shape(weights))


class Logs(Lattice):
    """In logs, for any scores."""

    @override
    def sweep(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        scores, across = self._both(self.scores, self.scores), self._across()

        def step(state: Tensor, score: Tensor) -> Tensor:
            state = _logsumexp((state + score)[..., tf.newaxis, :] + across, axis=-1)
            return state - tf.reduce_max(state, axis=-1, keepdims=True)

        forward, backward = self._each(_loop(step, tf.zeros_like(scores[0]), [scores]))
        through = _logsumexp((forward + self.scores)[..., tf.newaxis, :] + across[0], axis=-1)
        sums = tf.reduce_max(through, axis=-1)
        sums = tf.concat([tf.zeros_like(sums[:1]), sums[:-1]], axis=0)
        return self._log_norm(sums, _logsumexp(forward + self.scores, axis=-1)), forward, backward, sums

    @override
    def marginals(self, forward: Tensor, backward: Tensor) -> Tensor:
        return tf.nn.softmax(forward + self.scores + backward) * self.mask[..., tf.newaxis]

    @override
    def pairs(
        self, forward: Tensor, backward: Tensor, sums: Tensor, left: Tensor | None, right: Tensor | None
    ) -> Tensor:
        before = (forward + self.scores)[:-1, :, :, tf.newaxis]
        pairs = before + self.transitions + (backward + self.scores)[1:, :, tf.newaxis, :]
        shape = tf.shape(pairs)
        together = tf.nn.softmax(tf.reshape(pairs, [shape[0], shape[1], shape[2] * shape[3]]))
        together = tf.reshape(together, shape) * self.mask[1:, :, tf.newaxis, tf.newaxis]
        parts = []
        if left is not None:
            parts.append(tf.einsum("tbij,tbi->bij", together, left[:-1]))
        if right is not None:
            parts.append(tf.einsum("tbij,tbj->bij", together, right[1:]))
        return tf.add_n(parts)

    @override
    def averages(self, forward: Tensor, backward: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        states, across = self._both(forward + self.scores, backward + self.scores), self._across()

        def step(mean: Tensor, state: Tensor, value: Tensor) -> Tensor:
            weights = tf.nn.softmax(state[..., tf.newaxis, :] + across)
            return tf.reduce_sum(weights * (mean + value)[..., tf.newaxis, :], axis=-1)

        means = _loop(step, tf.zeros_like(states[0]), [states, self._both(values, values)])
        return self._each(means)

    def _across(self) -> Tensor:
        """Return the transitions of both directions, to a tag in each row."""
        return tf.stack([tf.transpose(self.transitions), self.transitions])


def in_the_right_space(
    inputs: Tensor, lengths: Tensor, transitions: Tensor, compute: Callable[[Lattice], tuple[Tensor, ...]]
) -> tuple[Tensor, ...]:
    """Compute in probabilities where that is exact, else in logs.

    Args:
        inputs: Emission scores, float `[batch, time, tags]`.
        lengths: Tokens of each sentence, int32 `[batch]`.
        transitions: Score of tag `j` after tag `i`, `[tags, tags]`, in the dtype of `inputs`.
        compute: What to compute of the chain; of the same shapes in both spaces.
    """
    near = tf.reduce_max(transitions) - tf.reduce_min(transitions) <= WIDEST
    chain = (inputs, lengths, transitions)
    return tf.cond(near, lambda: compute(Scaled(*chain)), lambda: compute(Logs(*chain)))


def _loop(step: Callable[..., Tensor], first: Tensor, sources: list[Tensor]) -> Tensor:
    """Compute `state[t]` from `state[t - 1]` and `source[t - 1]` for each source, and stack the states."""
    return scan(lambda state, *items: ((step(*state, *items),), tuple(state)), [first], sources)[0]


def _diagonal(one: Tensor, two: Tensor, zero: Tensor) -> Tensor:
    return tf.concat([tf.concat([one, zero], axis=1), tf.concat([zero, two], axis=1)], axis=0)


def _logsumexp(scores: Tensor, axis: int) -> Tensor:
    """Do what `tf.reduce_logsumexp` does for finite scores, in half the operations: it runs once a token."""
    peak = tf.reduce_max(scores, axis=axis, keepdims=True)
    return tf.math.log(tf.reduce_sum(tf.exp(scores - peak), axis=axis)) + tf.squeeze(peak, axis)
