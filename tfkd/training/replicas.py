"""Training on several devices at once, each with a copy of the model and a part of every batch.

Under `tf.distribute.MirroredStrategy` a step runs once in each replica. Losses are sums over the replica's own tokens
divided by the tokens of the *whole* batch, and gradients are summed over the replicas before the optimiser sees them.
So losses, clipping and weights are those of one device, however the tokens fall on the replicas.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfkd.keras_internals import disable_gradient_sum, optimizer_strategy
from tfkd.optimizers import TaskOptimizer
from tfkd_base.errors import TfkdError

Tensor = Any


def replicas() -> int:
    """Count the replicas of the step that is being computed; 1 where there is no strategy.

    Example:
        >>> replicas()
        1
    """
    context = tf.distribute.get_replica_context()
    return 1 if context is None else int(context.num_replicas_in_sync)


def summed(values: Any) -> Any:
    """Sum a tensor, or each of a list of tensors, over the replicas.

    Example:
        >>> float(summed(tf.constant(2.0)))
        2.0
    """
    if replicas() == 1:
        return values
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)


def summed_gradients(gradients: Sequence[Tensor | None]) -> list[Tensor | None]:
    """Sum gradients over the replicas; where there is none in one replica there is none in any."""
    if replicas() == 1:
        return list(gradients)
    sums = iter(summed([g for g in gradients if g is not None]))
    return [None if g is None else next(sums) for g in gradients]


def check_replicas(strategy: tf.distribute.Strategy, optimizer: keras.optimizers.Optimizer, jit_compile: bool) -> None:
    """Refuse what cannot train on several devices.

    Args:
        strategy: The strategy that the model was built under.
        optimizer: The optimiser it is compiled with.
        jit_compile: Whether its steps are compiled with XLA.

    Raises:
        TfkdError: The strategy is no `MirroredStrategy`, steps are to be compiled, gradients accumulated, or the
            optimiser was made elsewhere.
    """
    if strategy.num_replicas_in_sync == 1:
        return
    if not isinstance(strategy, tf.distribute.MirroredStrategy):
        raise TfkdError(
            f"models train under tf.distribute.MirroredStrategy, not under {type(strategy).__name__}: `fit` of Keras 3 "
            "knows no other on TensorFlow."
        )
    if jit_compile:
        raise TfkdError(
            f"jit_compile cannot go with {strategy.num_replicas_in_sync} devices: XLA compiles a step for one device, "
            "and gradients are summed between them. Leave one of the two out."
        )
    inner = _parts(optimizer)[0]
    if optimizer_strategy(inner) is not strategy:
        raise TfkdError("the optimiser was not made under the model's strategy: make it within `strategy.scope()` too.")
    if inner.gradient_accumulation_steps:
        raise TfkdError(
            f"gradient accumulation cannot go with {strategy.num_replicas_in_sync} devices: Keras decides within a "
            "step whether to update, where devices may not exchange anything. Use larger batches instead: the devices "
            "share them."
        )


def take_summed_gradients(optimizer: keras.optimizers.Optimizer) -> None:
    """Let an optimiser apply gradients as they come: Keras' own would sum them over the replicas after clipping."""
    for one in _parts(optimizer):
        disable_gradient_sum(one)


def _parts(optimizer: keras.optimizers.Optimizer) -> list[keras.optimizers.Optimizer]:
    """Return the optimisers that change weights: without the one that scales the loss, a teacher's each on its own."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    return inner.parts() if isinstance(inner, TaskOptimizer) else [inner]
