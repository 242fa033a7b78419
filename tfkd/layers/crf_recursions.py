"""Recursions along a linear chain: a fast loop over time, and the forward and backward sums over all paths.

The sums are computed in one of two ways. `ProbabilityLattice` multiplies probabilities with matrices and rescales the
states of each token to a sum of about 1. `LogLattice` adds logarithms: it works for any scores, but needs the
exponentials of all pairs of tags at each token.

`ProbabilityLattice` is used if all transition scores lie within `MAX_SPREAD` of each other. It is then exact enough
for two reasons. No state falls below `exp(-MAX_SPREAD)` times the highest state of its token, because every tag can
follow every other tag with at least this factor. For the same reason, a value that an emission score makes too small
for float32 (1e-38) could grow in later tokens by at most `exp(2 * MAX_SPREAD)` = 1e26 relative to the others. The loss
is at most 1e-12 of the sum, for any emission scores.

Tensors in this module are time-major. A state belongs to a tag at a token and does not include the emission score of
that token. The backward recursion runs over reversed sentences. The padding follows the sentence in both directions,
so the loops need no mask.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
from typing_extensions import override

from tfkd.tensors import Tensor
from tfkd_runtime.decoding import FORBIDDEN

STEPS_PER_ITERATION = 4
"""Steps in each iteration of a loop. They share the fixed cost of an iteration."""

MAX_SPREAD = 30.0
"""Largest difference of transition scores for which computing with probabilities is exact."""


def scan(
    step: Callable[..., tuple[tuple[Tensor, ...], tuple[Tensor, ...]]],
    state: Sequence[Tensor],
    sources: Sequence[Tensor],
    like: Sequence[Tensor] | None = None,
) -> list[Tensor]:
    """Run a recursion over the first axis of tensors and stack the outputs of its steps.

    It is faster than `tf.scan` for steps of few small operations, where the cost of the loop itself counts.

    Args:
        step: Function of the state and of the elements of all sources at one step. It returns the next state and the
            outputs, both as tuples. It may be called again with the last elements; these results are dropped.
        state: The state before the first step.
        sources: Tensors `[time, ...]`, at least one, with at least one time step.
        like: Tensors of the dtypes and static shapes of the outputs. Default: the state.

    Returns:
        The outputs, each `[time, ...]`.

    Example:
        >>> sums, = scan(lambda state, x: ((state[0] + x,), (state[0] + x,)), [tf.constant(0)], [tf.range(5)])
        >>> sums.numpy().tolist()
        [0, 1, 3, 6, 10]
    """
    time = tf.shape(sources[0])[0]
    count = (time + STEPS_PER_ITERATION - 1) // STEPS_PER_ITERATION
    arrays = []
    for source in sources:
        # Repeat the last element until the iterations are full. Zeros could make a division fail.
        padding = tf.repeat(source[-1:], count * STEPS_PER_ITERATION - time, axis=0)
        padded = tf.reshape(
            tf.concat([source, padding], axis=0),
            tf.concat([[count, STEPS_PER_ITERATION], tf.shape(source)[1:]], axis=0),
        )
        padded = tf.ensure_shape(padded, [None, STEPS_PER_ITERATION, *source.shape[1:]])
        arrays.append(tf.TensorArray(source.dtype, size=count, element_shape=padded.shape[1:]).unstack(padded))

    def run(t: Tensor, state: Sequence[Tensor]) -> tuple[Sequence[Tensor], list[Tensor]]:
        items = zip(*(tf.unstack(array.read(t), STEPS_PER_ITERATION) for array in arrays), strict=True)
        outputs = []
        for item in items:
            next_state, output = step(state, *item)
            for new, old in zip(next_state, state, strict=True):
                new.set_shape(old.shape)
            state = next_state
            outputs.append(output)
        return state, [tf.stack(each) for each in zip(*outputs, strict=True)]

    stacks = [
        tf.TensorArray(x.dtype, size=count, element_shape=[STEPS_PER_ITERATION, *x.shape])
        for x in (state if like is None else like)
    ]

    def body(t: Tensor, state: Sequence[Tensor], stacks: Sequence[tf.TensorArray]) -> tuple[Any, ...]:
        state, outputs = run(t, state)
        return t + 1, state, [stack.write(t, x) for stack, x in zip(stacks, outputs, strict=True)]

    _, _, stacks = tf.while_loop(lambda t, *_: t < count, body, (0, tuple(state), stacks), maximum_iterations=count)
    return [_merge_steps(stack.stack())[:time] for stack in stacks]


def _merge_steps(x: Tensor) -> Tensor:
    """Reshape `[iterations, steps, ...]` to `[time, ...]`."""
    shape = tf.shape(x)
    flat = tf.reshape(x, tf.concat([[shape[0] * STEPS_PER_ITERATION], shape[2:]], axis=0))
    flat.set_shape([None, *x.shape[2:]])
    return flat


def pad_empty_time(x: Tensor) -> Tensor:
    """Add a token of padding to sentences if the time dimension is 0, since recursions need a first step.

    Args:
        x: `[batch, time, ...]`, of a known rank or of rank 3.

    Returns:
        `[batch, max(time, 1), ...]`; TensorFlow copies nothing if the time dimension is not 0.

    Example:
        >>> pad_empty_time(tf.zeros([2, 0, 3])).shape
        TensorShape([2, 1, 3])
    """
    x = tf.convert_to_tensor(x)
    x = tf.ensure_shape(x, [None] * (x.shape.rank or 3))
    if x.shape[1]:
        return x
    missing = tf.maximum(1 - tf.shape(x)[1], 0)
    padded = tf.pad(x, [[0, 0], [0, missing], *[[0, 0]] * (x.shape.rank - 2)])
    return tf.ensure_shape(padded, [x.shape[0], None, *x.shape[2:]])


class Lattice:
    """Base class: the scores of a batch of sentences and the recursions over them.

    Args:
        inputs: Emission scores, float `[batch, time, tags]`.
        lengths: Number of tokens of each sentence, int32 `[batch]`.
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
        """Run the forward and the backward recursion in one loop.

        Returns:
            The log-normalisers `[batch]`, 0 for an empty sentence; the forward and the backward states, each
            `[time, batch, tags]`; and the scale removed from the forward states of each token, `[time, batch]`.
        """
        raise NotImplementedError

    def compute_log_marginals(self, forward: Tensor, backward: Tensor) -> Tensor:
        """Return `log p(y_t = i)`, `[time, batch, tags]`; any finite value in the padding."""
        raise NotImplementedError

    def compute_marginals(self, forward: Tensor, backward: Tensor) -> Tensor:
        """Return `p(y_t = i)`, `[time, batch, tags]`, 0 in the padding."""
        return tf.exp(self.compute_log_marginals(forward, backward)) * self.mask[..., tf.newaxis]

    def sum_pairs(self, forward: Tensor, backward: Tensor, sums: Tensor) -> Tensor:
        """Return the sum over `t` of `p(y_t = i, y_{t+1} = j)`, `[batch, tags, tags]`."""
        raise NotImplementedError

    def move_values(self, forward: Tensor, backward: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Move values of tags along the conditional probabilities of their neighbours.

        A value at a tag of one token arrives at tag `j` of another one multiplied by the probability of `j` there,
        given the first tag. Conditional probabilities are at most 1, however improbable the tags are.

        Args:
            forward: The forward states.
            backward: The backward states.
            values: The value of each tag at each token, `[time, batch, tags]`, 0 in the padding.

        Returns:
            What arrives at each tag of each token from all earlier and from all later ones, both
            `[time, batch, tags]`, with any finite values in the padding; and what goes over each transition in either
            direction, `[batch, tags, tags]`.
        """
        raise NotImplementedError

    def _reverse(self, x: Tensor) -> Tensor:
        """Reverse the tokens of each sentence; the padding stays in place."""
        return tf.reverse_sequence(x, self.lengths, seq_axis=0, batch_axis=1)

    def _join(self, forward: Tensor, backward: Tensor) -> Tensor:
        """Stack the tensors of both recursions, the backward one reversed, on a new axis."""
        return tf.stack([forward, self._reverse(backward)], axis=2)

    def _separate(self, both: Tensor) -> tuple[Tensor, Tensor]:
        """Undo `_join`."""
        forward, backward = tf.unstack(both, axis=2)
        return forward, self._reverse(backward)

    def _log_norm(self, sums: Tensor, ends: Tensor) -> Tensor:
        next_mask = tf.concat([self.mask[1:], tf.zeros_like(self.mask[:1])], axis=0)
        return tf.reduce_sum(sums * self.mask + ends * (self.mask - next_mask), axis=0)


class ProbabilityLattice(Lattice):
    """Lattice that computes with probabilities, for transition scores within `MAX_SPREAD` of each other."""

    def __init__(self, inputs: Tensor, lengths: Tensor, transitions: Tensor) -> None:
        super().__init__(inputs, lengths, transitions)
        self._highest = tf.reduce_max(self.scores, axis=-1)
        self._factors = tf.exp(self.scores - self._highest[..., tf.newaxis])
        self._table = tf.exp(transitions - tf.reduce_max(transitions))

    @override
    def sweep(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        factors, (table, totals) = self._flatten(self._factors, self._factors), self._tables()

        def step(state: Tensor, factor: Tensor) -> Tensor:
            # A second product gives the sum of each direction: it is faster than a sum of the first product.
            weights = state * factor
            return tf.matmul(weights, table) / tf.matmul(weights, totals)

        forward, backward = self._separate(self._unflatten(_loop(step, tf.ones_like(factors[0]), [factors])))
        sums = tf.reduce_sum(_matmul(forward * self._factors, self._table), axis=-1)
        sums = tf.concat([tf.ones_like(sums[:1]), sums[:-1]], axis=0)
        shifts = tf.math.log(sums) + self._highest + tf.reduce_max(self.transitions)
        ends = tf.math.log(tf.reduce_sum(forward * self._factors, axis=-1)) - tf.reduce_max(self.transitions)
        return self._log_norm(shifts, ends), forward, backward, sums

    @override
    def compute_log_marginals(self, forward: Tensor, backward: Tensor) -> Tensor:
        # Both states are at least `exp(-MAX_SPREAD)` times the highest one, so their logarithms are finite.
        below = self.scores - self._highest[..., tf.newaxis]
        return tf.nn.log_softmax(tf.math.log(forward) + tf.math.log(backward) + below)

    @override
    def compute_marginals(self, forward: Tensor, backward: Tensor) -> Tensor:
        joint = forward * backward * self._factors
        return joint * (self.mask / tf.reduce_sum(joint, axis=-1))[..., tf.newaxis]

    @override
    def sum_pairs(self, forward: Tensor, backward: Tensor, sums: Tensor) -> Tensor:
        # Divide before multiplying: the product of the divisors may be too small for float32.
        before = forward[:-1] * self._factors[:-1] / sums[1:, :, tf.newaxis]
        after = backward[1:] * self._factors[1:]
        after *= (self.mask[1:] / tf.reduce_sum(after * forward[1:], axis=-1))[..., tf.newaxis]
        return tf.einsum("tbi,tbj->bij", before, after) * self._table

    @override
    def move_values(self, forward: Tensor, backward: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        before, after = (_scale(states * self._factors) for states in (forward, backward))
        # From left to right `p(y_{t+1} = j | y_t = i)` is proportional to `table[i, j] after[t + 1, j]`, and from right
        # to left `p(y_t = i | y_{t+1} = j)` is proportional to `before[t, i] table[i, j]`.
        tables, _ = self._tables()
        weights = self._flatten(after, before)
        totals = _shift(_matmul(weights, tf.transpose(tables)))
        arriving = _loop(
            lambda arrived, value, total, weight: tf.matmul((arrived + value) / total, tables) * weight,
            tf.zeros_like(weights[0]),
            [self._flatten(values, values), totals, _shift(weights)],
        )
        from_before, from_after = self._separate(self._unflatten(arriving))
        mask = self.mask[1:, :, tf.newaxis]
        leaving = (from_before + values)[:-1] / _matmul(after[1:], self._table, transpose_b=True) * mask
        returning = (from_after + values)[1:] / _matmul(before[:-1], self._table) * mask
        pairs = tf.einsum("tbi,tbj->bij", leaving, after[1:]) + tf.einsum("tbi,tbj->bij", before[:-1], returning)
        return from_before, from_after, pairs * self._table

    def _tables(self) -> tuple[Tensor, Tensor]:
        """Return one block-diagonal matrix of the transitions of both directions, and one of its sums."""
        zero, ones = tf.zeros_like(self._table), tf.ones_like(self._table)
        transposed = tf.transpose(self._table)
        sums = tf.matmul(self._table, ones), tf.matmul(transposed, ones)
        return _diagonal(self._table, transposed, zero), _diagonal(*sums, zero)

    def _flatten(self, forward: Tensor, backward: Tensor) -> Tensor:
        both = self._join(forward, backward)
        return tf.reshape(both, [tf.shape(both)[0], tf.shape(both)[1], 2 * tf.shape(both)[3]])

    def _unflatten(self, both: Tensor) -> Tensor:
        return tf.reshape(both, [*tf.unstack(tf.shape(both))[:2], 2, tf.shape(self.scores)[2]])


class LogLattice(Lattice):
    """Lattice that computes with logarithms, for any scores."""

    @override
    def sweep(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        scores, transitions = self._join(self.scores, self.scores), self._transitions_into()

        def step(state: Tensor, score: Tensor) -> Tensor:
            state = _logsumexp((state + score)[..., tf.newaxis, :] + transitions, axis=-1)
            return state - tf.reduce_max(state, axis=-1, keepdims=True)

        forward, backward = self._separate(_loop(step, tf.zeros_like(scores[0]), [scores]))
        unscaled = _logsumexp((forward + self.scores)[..., tf.newaxis, :] + transitions[0], axis=-1)
        sums = tf.reduce_max(unscaled, axis=-1)
        sums = tf.concat([tf.zeros_like(sums[:1]), sums[:-1]], axis=0)
        return self._log_norm(sums, _logsumexp(forward + self.scores, axis=-1)), forward, backward, sums

    @override
    def compute_log_marginals(self, forward: Tensor, backward: Tensor) -> Tensor:
        return tf.nn.log_softmax(forward + self.scores + backward)

    @override
    def sum_pairs(self, forward: Tensor, backward: Tensor, sums: Tensor) -> Tensor:
        before = (forward + self.scores)[:-1, :, :, tf.newaxis]
        pairs = before + self.transitions + (backward + self.scores)[1:, :, tf.newaxis, :]
        shape = tf.shape(pairs)
        joint = tf.nn.softmax(tf.reshape(pairs, [shape[0], shape[1], shape[2] * shape[3]]))
        return tf.reduce_sum(tf.reshape(joint, shape) * self.mask[1:, :, tf.newaxis, tf.newaxis], axis=0)

    @override
    def move_values(self, forward: Tensor, backward: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        before, after = forward + self.scores, backward + self.scores
        # Row `i` of both holds the scores of the transitions that leave tag `i` in that direction.
        transitions = tf.stack([self.transitions, tf.transpose(self.transitions)])

        def step(arrived: Tensor, value: Tensor, score: Tensor) -> Tensor:
            probabilities = tf.nn.softmax(transitions + score[..., tf.newaxis, :])
            return tf.reduce_sum((arrived + value)[..., tf.newaxis] * probabilities, axis=-2)

        scores = self._join(after, before)
        arriving = _loop(step, tf.zeros_like(scores[0]), [self._join(values, values), _shift(scores)])
        from_before, from_after = self._separate(arriving)
        mask = self.mask[1:, :, tf.newaxis]
        onward = tf.nn.softmax(self.transitions + after[1:, :, tf.newaxis, :], axis=-1)
        back = tf.nn.softmax(before[:-1, :, :, tf.newaxis] + self.transitions, axis=-2)
        pairs = tf.einsum("tbij,tbi->bij", onward, (from_before + values)[:-1] * mask)
        pairs += tf.einsum("tbij,tbj->bij", back, (from_after + values)[1:] * mask)
        return from_before, from_after, pairs

    def _transitions_into(self) -> Tensor:
        """Return the transitions of both directions; each row holds the transitions into one tag."""
        return tf.stack([tf.transpose(self.transitions), self.transitions])


def compute_on_lattice(
    inputs: Tensor, lengths: Tensor, transitions: Tensor, compute: Callable[[Lattice], tuple[Tensor, ...]]
) -> tuple[Tensor, ...]:
    """Call a function with a lattice that uses probabilities where that is exact, else logarithms.

    Args:
        inputs: Emission scores, float `[batch, time, tags]`.
        lengths: Number of tokens of each sentence, int32 `[batch]`.
        transitions: Score of tag `j` after tag `i`, `[tags, tags]`, in the dtype of `inputs`.
        compute: Function of the lattice. The shapes of its results must not depend on the kind of lattice.

    Returns:
        The results of `compute`.
    """
    is_narrow = tf.reduce_max(transitions) - tf.reduce_min(transitions) <= MAX_SPREAD
    chain = (inputs, lengths, transitions)
    return tf.cond(is_narrow, lambda: compute(ProbabilityLattice(*chain)), lambda: compute(LogLattice(*chain)))


def _loop(step: Callable[..., Tensor], first: Tensor, sources: list[Tensor]) -> Tensor:
    """Compute `state[t]` from `state[t - 1]` and the elements `t - 1` of the sources; stack the states."""
    return scan(lambda state, *items: ((step(*state, *items),), tuple(state)), [first], sources)[0]


def _matmul(states: Tensor, table: Tensor, transpose_b: bool = False) -> Tensor:
    """Multiply the states of all tokens with a matrix in one product."""
    flat = tf.reshape(states, [-1, tf.shape(states)[2]])
    return tf.reshape(tf.matmul(flat, table, transpose_b=transpose_b), tf.shape(states))


def _shift(x: Tensor) -> Tensor:
    """Move the elements of the first axis one step earlier; the last one stays too."""
    return tf.concat([x[1:], x[-1:]], axis=0)


def _scale(states: Tensor) -> Tensor:
    """Divide the states of each token by the highest one."""
    return states / tf.reduce_max(states, axis=-1, keepdims=True)


def _diagonal(first: Tensor, second: Tensor, zero: Tensor) -> Tensor:
    return tf.concat([tf.concat([first, zero], axis=1), tf.concat([zero, second], axis=1)], axis=0)


def _logsumexp(scores: Tensor, axis: int) -> Tensor:
    """Compute `tf.reduce_logsumexp` of finite scores with half the operations: it runs once per token."""
    peak = tf.reduce_max(scores, axis=axis, keepdims=True)
    return tf.math.log(tf.reduce_sum(tf.exp(scores - peak), axis=axis)) + tf.squeeze(peak, axis)
