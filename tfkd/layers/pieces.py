"""Layers between words and subwords: windows that fit an encoder, and word vectors from subword states."""

from __future__ import annotations

from typing import Any, Literal, get_args

import keras
import tensorflow as tf
from typing_extensions import override

from tfkd.layers.packing import Packing
from tfkd.tensors import Tensor
from tfkd_base.errors import TfkdError, nearest

Pooling = Literal["first", "mean"]


@keras.saving.register_keras_serializable("tfkd")
class PieceWindows(keras.layers.Layer):
    """Layer that cuts sentences of subwords into windows that fit an encoder.

    Each window starts with a `[CLS]` token and ends with a `[SEP]` token. A sentence that fits is one window. A longer
    sentence is read in overlapping windows. If a subword is in several windows, the one counts in which it is farthest
    from an edge.

    Args:
        positions: Number of positions of the encoder. A window holds two subwords fewer.
        begin: Id of the token before a window, `[CLS]`.
        end: Id of the token after a window, `[SEP]`.
        padding: Id of the padding.
        overlap: Number of subwords that two neighbouring windows share. Default: a quarter of the positions.

    Input: ids, int32 `[batch, pieces]`, padded with -1. Outputs:

    - ids, int32 `[windows, time]`. Each sentence has as many windows as the longest one; some of them may be empty.
    - mask, bool `[windows, time]`.
    - places, int32 `[batch, pieces]`: for the first, second, ... subword of a sentence its index in the flattened
      windows; any value after the last one.

    Example:
        >>> windows = PieceWindows(positions=5, begin=8, end=9, padding=0, overlap=1)
        >>> ids, mask, places = windows(tf.constant([[1, 2, 3, 4, 5], [6, -1, -1, -1, -1]]))
        >>> ids.numpy().tolist(), places[0].numpy().tolist()
        ([[8, 1, 2, 3, 9], [8, 3, 4, 5, 9], [8, 6, 9, 0, 0], [8, 9, 0, 0, 0]], [1, 2, 6, 7, 8])
    """

    def __init__(
        self, positions: int, begin: int, end: int, padding: int, overlap: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**{"dtype": "int32", **kwargs})
        self.positions, self.begin, self.end, self.padding = positions, begin, end, padding
        self.overlap = positions // 4 if overlap is None else overlap
        if not 0 <= self.overlap < positions - 2:
            raise TfkdError(
                f"windows of {positions - 2} subwords cannot overlap by {overlap}: expected an overlap of at least 0 "
                f"and below {positions - 2}."
            )

    @override
    def call(self, pieces: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        pieces = Packing(pieces >= 0).pack(pieces)
        room, step = self.positions - 2, self.positions - 2 - self.overlap
        rows, width = tf.shape(pieces)[0], tf.minimum(tf.shape(pieces)[1], room)
        lengths = tf.reduce_sum(tf.cast(pieces >= 0, tf.int32), axis=1, keepdims=True)
        # All sentences get as many windows as the longest one, because XLA derives shapes from shapes only.
        number = self._count_windows(tf.shape(pieces)[1])
        padded = tf.pad(pieces, [[0, 0], [0, number * step + self.overlap]], constant_values=-1)
        index = tf.range(number)[:, tf.newaxis] * step + tf.range(width)
        ids, mask = self._add_special_tokens(tf.reshape(tf.gather(padded, index, axis=1), [-1, width]))
        place = tf.range(tf.shape(pieces)[1])[tf.newaxis]
        best = tf.maximum(tf.minimum((place - self.overlap // 2) // step, self._count_windows(lengths) - 1), 0)
        within = tf.minimum(place - best * step, width - 1)
        window = tf.range(rows)[:, tf.newaxis] * number + best
        return ids, mask, window * (width + 2) + 1 + within

    def _count_windows(self, pieces: Tensor) -> Tensor:
        """Return the number of windows that sentences with this number of subwords need."""
        step = self.positions - 2 - self.overlap
        return tf.maximum((pieces - self.overlap + step - 1) // step, 1)

    def _add_special_tokens(self, pieces: Tensor) -> tuple[Tensor, Tensor]:
        """Add the special tokens around each row and the padding's id after them; return ids and mask."""
        lengths = tf.reduce_sum(tf.cast(pieces >= 0, tf.int32), axis=1, keepdims=True)
        place = tf.range(tf.shape(pieces)[1] + 2)
        shifted = tf.pad(pieces, [[0, 0], [1, 1]])
        ids = tf.where(place <= lengths, shifted, tf.where(place == lengths + 1, self.end, self.padding))
        return tf.where(place == 0, self.begin, ids), place < lengths + 2

    @override
    def compute_output_spec(self, pieces: Tensor) -> tuple[keras.KerasTensor, ...]:
        return (
            keras.KerasTensor((None, None), dtype="int32"),
            keras.KerasTensor((None, None), dtype="bool"),
            keras.KerasTensor(pieces.shape, dtype="int32"),
        )

    @override
    def get_config(self) -> dict[str, Any]:
        tokens = {"begin": self.begin, "end": self.end, "padding": self.padding}
        return {**super().get_config(), "positions": self.positions, **tokens, "overlap": self.overlap}


@keras.saving.register_keras_serializable("tfkd")
class WordPooling(keras.layers.Layer):
    """Layer that computes a vector for each word from the states of its subwords.

    Args:
        pooling: `"first"` for the state of the first subword, `"mean"` for the mean of all.

    Inputs: states `[windows, time, units]`; the places of the subwords, int32 `[batch, pieces]`, as `PieceWindows`
    returns them; and the number of subwords of each word, int32 `[batch, words]`, 0 in the padding. Output:
    `[batch, words, units]`, zeros in the padding.

    Raises:
        TfkdError: The pooling has another name.

    Example:
        >>> states = tf.constant([[[9.0], [1.0], [3.0], [5.0], [9.0]]])
        >>> places, counts = tf.constant([[1, 2, 3]]), tf.constant([[2, 1, 0]])
        >>> [WordPooling(p)(states, places, counts).numpy().ravel().tolist() for p in ("first", "mean")]
        [[1.0, 5.0, 0.0], [2.0, 5.0, 0.0]]
    """

    def __init__(self, pooling: Pooling = "first", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if pooling not in get_args(Pooling):
            raise TfkdError(
                f"expected the pooling to be first or mean, got {pooling!r}: {nearest(pooling, get_args(Pooling))}"
            )
        self.pooling = pooling

    @override
    def call(self, states: Tensor, places: Tensor, counts: Tensor) -> Tensor:
        flat = tf.reshape(states, [-1, states.shape[-1]])
        if self.pooling == "first":
            first = tf.cumsum(counts, axis=1, exclusive=True)
            # No subword follows the last word: one more place keeps the index of the padding in range.
            index = tf.gather(tf.pad(places, [[0, 0], [0, 1]]), first, batch_dims=1)
            return tf.where((counts > 0)[..., tf.newaxis], tf.gather(flat, index), tf.zeros([], flat.dtype))
        rows, words = tf.shape(counts)[0], tf.shape(counts)[1]
        ends = tf.cumsum(counts, axis=1)
        # Subwords in the padding belong to one additional word, which is dropped.
        word = tf.searchsorted(ends, tf.broadcast_to(tf.range(tf.shape(places)[1]), tf.shape(places)), side="right")
        word += tf.range(rows)[:, tf.newaxis] * (words + 1)
        pieces = tf.cast(tf.gather(flat, tf.reshape(places, [-1])), tf.float32)
        sums = tf.math.unsorted_segment_sum(pieces, tf.reshape(word, [-1]), rows * (words + 1))
        sums = tf.reshape(sums, [rows, words + 1, states.shape[-1]])[:, :words]
        return tf.cast(sums / tf.cast(tf.maximum(counts, 1), tf.float32)[..., tf.newaxis], flat.dtype)

    @override
    def compute_output_spec(self, states: Tensor, places: Tensor, counts: Tensor) -> keras.KerasTensor:
        return keras.KerasTensor((*counts.shape, states.shape[-1]), dtype=states.dtype)

    @override
    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "pooling": self.pooling}
