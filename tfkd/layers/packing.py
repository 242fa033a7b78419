"""Masks of any form: real tokens moved to the beginning of each sentence, and results moved back.

A mask says which positions of a batch are real tokens. It may have padding on the left and holes, since an empty token
is padding too. Recursions over a sentence need its tokens one after another: they run on packed values.
"""

from __future__ import annotations

from functools import cached_property

import tensorflow as tf

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
        def permute() -> Tensor:
            places = self._places()
            order = tf.argsort(places, axis=1)
            return _permute(values, order, places) if forward else _permute(values, places, order)

        moved = tf.cond(self._is_packed, lambda: tf.identity(values), permute)
        return tf.ensure_shape(moved, values.shape)

    def _places(self) -> Tensor:
        """Return the place of each position among the packed ones, int32 `[batch, time]`."""
        real = tf.cast(self._given, tf.int32)
        after = self.lengths[:, tf.newaxis] + tf.cumsum(1 - real, axis=1)
        return tf.where(self._given, tf.cumsum(real, axis=1), after) - 1


def _permute(values: Tensor, order: Tensor, inverse: Tensor) -> Tensor:
    """Permute the positions of each sentence. The gradient is the inverse permutation, not a slow scatter."""
    if not values.dtype.is_floating:
        return tf.gather(values, order, batch_dims=1)

    @tf.custom_gradient
    def permute(values: Tensor) -> tuple[Tensor, object]:
        return tf.gather(values, order, batch_dims=1), lambda upstream: tf.gather(upstream, inverse, batch_dims=1)

    return permute(values)
