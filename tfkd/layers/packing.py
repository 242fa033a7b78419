"""Masks of any form: real tokens moved to the beginning of each sentence, and results moved back.

A mask says which positions of a batch are real tokens. It may have padding on the left and holes, since an empty token
is padding too. Recursions over a sentence need its tokens one after another: they run on packed values.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import tensorflow as tf

from tfkd.layers.shared_graphs import share_graph
from tfkd.tensors import Tensor


class Packing:
    """Order of the positions of each sentence in which the real tokens come first.

    The usual mask, with real tokens first, costs only a comparison: values are then passed on as they are.

    Args:
        mask: True at real tokens, bool `[batch, time]`.

    Attributes:
        lengths: Number of real tokens of each sentence, int32 `[batch]`.

    Example:
        >>> packing = Packing(tf.constant([[False, True, False, True]]))
        >>> packed = packing.pack(tf.constant([[5, 6, 7, 8]]))
        >>> packed.numpy().tolist(), packing.unpack(packed).numpy().tolist(), packing.mask.numpy().tolist()
        ([[6, 8, 5, 7]], [[5, 6, 7, 8]], [[True, True, False, False]])
    """

    def __init__(self, mask: Tensor) -> None:
        self._given = tf.cast(mask, tf.bool)
        self.lengths = tf.reduce_sum(tf.cast(self._given, tf.int32), axis=1)

    @cached_property
    def mask(self) -> Tensor:
        """The mask of packed values, bool `[batch, time]`."""
        return tf.ensure_shape(tf.sequence_mask(self.lengths, tf.shape(self._given)[1]), self._given.shape)

    @cached_property
    def _is_packed(self) -> Tensor:
        return tf.reduce_all(self._given == self.mask)

    def pack(self, values: Tensor) -> Tensor:
        """Return values `[batch, time, ...]` with those of real tokens first, in their order; the padding follows."""
        return self._move(values, forward=True)

    def unpack(self, values: Tensor) -> Tensor:
        """Undo `pack`."""
        return self._move(values, forward=False)

    def _move(self, values: Tensor, forward: bool) -> Tensor:
        values = tf.convert_to_tensor(values)
        if not values.dtype.is_floating:
            return _move(values, self._given, self.lengths, self._is_packed, forward)

        # The gradient is the inverse permutation, not a slow scatter.
        @tf.custom_gradient
        def move(values: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
            moved = _move(values, self._given, self.lengths, self._is_packed, forward)
            return moved, lambda upstream: _move(upstream, self._given, self.lengths, self._is_packed, not forward)

        return tf.ensure_shape(move(values), values.shape)


@share_graph
def _move(values: Tensor, mask: Tensor, lengths: Tensor, is_packed: Tensor, forward: bool) -> Tensor:
    def permute() -> Tensor:
        real = tf.cast(mask, tf.int32)
        after = lengths[:, tf.newaxis] + tf.cumsum(1 - real, axis=1)
        # The place of each position among the packed ones.
        places = tf.where(mask, tf.cumsum(real, axis=1), after) - 1
        return tf.gather(values, tf.argsort(places, axis=1) if forward else places, batch_dims=1)

    return tf.ensure_shape(tf.cond(is_packed, lambda: tf.identity(values), permute), values.shape)
