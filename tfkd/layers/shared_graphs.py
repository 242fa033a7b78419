"""Functions that are traced once and called by the graphs of all models.

A recursion over a sentence has hundreds of operations, and each training step, decoder and export of each model has
several recursions. TensorFlow needs about a millisecond of Python to add four operations to a graph.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import tensorflow as tf

P = ParamSpec("P")
R = TypeVar("R")


def share_graph(function: Callable[P, R]) -> Callable[P, R]:
    """Let all graphs that call a function of tensors call one graph of it, for each dtype and static shape.

    Outside of graphs the function runs as it is. TensorFlow inlines the shared graph: steps take no longer. XLA cannot
    compile a shared function that reshapes to sizes of its inputs, as `crf_decode_top_k` does.

    Args:
        function: A function of positional arguments: tensors, integers and booleans. It returns tensors, which depend
            on nothing else.

    Returns:
        A function of the same arguments.

    Example:
        >>> shapes = []
        >>> @share_graph
        ... def double(x):
        ...     shapes.append(x.shape)
        ...     return 2 * x
        >>> first, second = (tf.function(lambda x: double(x) + 1) for _ in range(2))
        >>> float(first(tf.constant(1.0))), float(second(tf.constant(2.0))), len(shapes)
        (3.0, 5.0, 1)
    """
    graphs: dict[Any, Callable[..., R]] = {}

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if tf.executing_eagerly():
            return function(*args, **kwargs)
        values: tuple[Any, ...] = args
        key = tuple((x.dtype, str(x.shape)) if tf.is_tensor(x) else x for x in values)
        if key not in graphs:
            specs = [tf.TensorSpec(x.shape, x.dtype) if tf.is_tensor(x) else x for x in values]
            with tf.init_scope():  # outside of the graph that calls it first
                graphs[key] = tf.function(function, autograph=False).get_concrete_function(*specs)
        return graphs[key](*filter(tf.is_tensor, values))

    return call
