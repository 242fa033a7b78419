"""Training on several devices at once, each with a copy of the model and a part of every batch.

Under `tf.distribute.MirroredStrategy` a step runs once in each replica. A loss is a sum over the replica's own tokens
divided by the number of tokens of the *whole* batch, and gradients are summed over the replicas before the optimizer
receives them. Losses, clipping and weights are then those of one device, for any distribution of the tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import keras
import tensorflow as tf

from tfkd.keras_internals import disable_gradient_sum, optimizer_strategy
from tfkd.optimizers import TaskOptimizer
from tfkd.tensors import Tensor
from tfkd_base.errors import TfkdError

Value = TypeVar("Value")


def count_replicas() -> int:
    """Return the number of replicas of the current step; 1 without a strategy.

    Example:
        >>> count_replicas()
        1
    """
    context = tf.distribute.get_replica_context()
    return 1 if context is None else int(context.num_replicas_in_sync)


def sum_replicas(values: Value) -> Value:
    """Return the sum of a tensor, or of each tensor of a list, over the replicas.

    Example:
        >>> float(sum_replicas(tf.constant(2.0)))
        2.0
    """
    if count_replicas() == 1:
        return values
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)


def max_replicas(value: Tensor) -> Tensor:
    """Return the largest values of a tensor over the replicas; no gradient flows through it.

    Example:
        >>> float(max_replicas(tf.constant(2.0)))
        2.0
    """
    value = tf.stop_gradient(value)
    if count_replicas() == 1:
        return value
    return tf.reduce_max(tf.distribute.get_replica_context().all_gather(value[tf.newaxis], axis=0), axis=0)


def sum_gradients(gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Return the sums of gradients over the replicas; a gradient that is `None` is so in all replicas."""
    if count_replicas() == 1:
        return list(gradients)
    sums = iter(sum_replicas([g for g in gradients if g is not None]))
    return [None if g is None else next(sums) for g in gradients]


def check_replicas(strategy: tf.distribute.Strategy, optimizer: keras.optimizers.Optimizer, jit_compile: bool) -> None:
    """Check that a model can train on the devices of a strategy.

    Args:
        strategy: The strategy that the model was built under.
        optimizer: The optimizer that it is compiled with.
        jit_compile: Whether its steps are compiled with XLA.

    Raises:
        TfkdError: There are several devices, and the strategy is no `MirroredStrategy`, steps are compiled, gradients
            are accumulated, or the optimizer was made outside of the strategy.
    """
    if strategy.num_replicas_in_sync == 1:
        return
    if not isinstance(strategy, tf.distribute.MirroredStrategy):
        raise TfkdError(
            f"expected tf.distribute.MirroredStrategy, the only one that `fit` of Keras 3 supports on TensorFlow, got "
            f"{type(strategy).__name__}: build the model under a MirroredStrategy."
        )
    if jit_compile:
        raise TfkdError(
            f"jit_compile cannot go with {strategy.num_replicas_in_sync} devices: XLA compiles a step for one device, "
            "and gradients are summed between them. Use either jit_compile or several devices."
        )
    inner = _parts(optimizer)[0]
    if optimizer_strategy(inner) is not strategy:
        raise TfkdError("the optimizer was not made under the model's strategy: make it within `strategy.scope()` too.")
    if inner.gradient_accumulation_steps:
        raise TfkdError(
            f"gradient accumulation cannot go with {strategy.num_replicas_in_sync} devices: Keras decides within a "
            "step whether to update, where devices cannot exchange gradients. Use larger batches instead, which the "
            "devices share."
        )


def expect_summed_gradients(optimizer: keras.optimizers.Optimizer) -> None:
    """Let an optimizer apply gradients that are already summed over the replicas."""
    for part in _parts(optimizer):
        disable_gradient_sum(part)


def _parts(optimizer: keras.optimizers.Optimizer) -> list[keras.optimizers.Optimizer]:
    """Return the optimizers that change weights, without one that scales the loss; those of each task separately."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    return inner.parts() if isinstance(inner, TaskOptimizer) else [inner]
