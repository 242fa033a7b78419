"""A loop over time for recursions of few small operations, where the loop's own cost counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

Tensor = Any

STEPS = 4
"""Steps in each iteration: what an iteration costs besides is shared among them."""


def scan(
    step: Callable[..., tuple[tuple[Tensor, ...], tuple[Tensor, ...]]],
    state: Sequence[Tensor],
    sources: Sequence[Tensor],
) -> list[Tensor]:
    """Run a recursion over the first axis of some tensors, and stack what each step puts out.

    Args:
        step: From a state, and what each source has at a step, to the next state and to the outputs; both are tuples.
            It may run on the last step's sources again some times; what comes of that is left out.
        state: The state before the first step.
        sources: Tensors `[time, ...]`, at least one; time is 1 or more.

    Returns:
        Each output, `[time, ...]`.

    Example:
        >>> sums, = scan(lambda state, x: ((state[0] + x,), (state[0] + x,)), [tf.constant(0)], [tf.range(5)])
        >>> sums.numpy().tolist()
        [0, 1, 3, 6, 10]
    """
    time = tf.shape(sources[0])[0]
    count = (time + STEPS - 1) // STEPS
    arrays = []
    for source in sources:
        # The last element over and over makes the number of steps even: with zeros, a division might fail.
        after = tf.repeat(source[-1:], count * STEPS - time, axis=0)
        padded = tf.reshape(
            tf.concat([source, after], axis=0), tf.concat([[count, STEPS], tf.shape(source)[1:]], axis=0)
        )
        padded = tf.ensure_shape(padded, [None, STEPS, *source.shape[1:]])
        arrays.append(tf.TensorArray(source.dtype, size=count, element_shape=padded.shape[1:]).unstack(padded))

    def run(t: Tensor, state: Sequence[Tensor]) -> tuple[Sequence[Tensor], list[Tensor]]:
        items = zip(*(tf.unstack(array.read(t), STEPS) for array in arrays), strict=True)
        outputs = []
        for item in items:
            following, output = step(state, *item)
            for new, old in zip(following, state, strict=True):
                new.set_shape(old.shape)
            state = following
            outputs.append(output)
        return state, [tf.stack(each) for each in zip(*outputs, strict=True)]

    # The first iteration stands before the loop, and shows what the outputs are.
    state, outputs = run(tf.constant(0), state)
    stacks = [tf.TensorArray(x.dtype, size=count, element_shape=x.shape).write(0, x) for x in outputs]

    def body(t: Tensor, state: Sequence[Tensor], stacks: Sequence[Any]) -> tuple[Any, ...]:
        state, outputs = run(t, state)
        return t + 1, state, [stack.write(t, x) for stack, x in zip(stacks, outputs, strict=True)]

    _, _, stacks = tf.while_loop(lambda t, *_: t < count, body, (1, tuple(state), stacks), maximum_iterations=count)
    return [_flat(stack.stack())[:time] for stack in stacks]


def _flat(x: Tensor) -> Tensor:
    shape = tf.shape(x)
    flat = tf.reshape(x, tf.concat([[shape[0] * STEPS], shape[2:]], axis=0))
    flat.set_shape([None, *x.shape[2:]])
    return flat
