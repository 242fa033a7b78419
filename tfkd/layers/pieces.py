"""Between words and their pieces: windows of a length that an encoder takes, and a word's vector from its pieces'."""

from __future__ import annotations

from typing import Any, Literal, get_args

import keras
import tensorflow as tf
from typing_extensions import override

from tfkd_base.errors import TfkdError, nearest

Tensor = Any
Pooling = Literal["first", "mean"]


@keras.saving.register_keras_serializable("tfkd")
class PieceWindows(keras.layers.Layer):
    """Cut sentences of pieces into windows that an encoder has positions for, each between its two marks.

    A sentence that fits is one window. A longer one is read in windows that overlap; of the readings of a piece the
    one counts in which it stands farthest from an edge.

    Args:
        positions: Positions of the encoder; a window holds two pieces fewer.
        begin: Id of the mark before a window, `[CLS]`.
        end: Id of the mark after it, `[SEP]`.
        padding: Id of the padding.
        overlap: Pieces that a window shares with the next; a quarter of the positions by default.

    Input: ids int32 `[batch, pieces]`, -1 in the padding on the right. Output: ids int32 `[windows, time]`, for each
    sentence as many windows as the longest one has, some of them empty; a mask, bool `[windows, time]`; and for each
    piece its place among the windows' positions one after another, int32 `[batch, pieces]`, any in the padding.

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
            raise TfkdError(f"windows of {positions - 2} pieces cannot overlap by {overlap}: give fewer.")

    @override
    def call(self, pieces: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        room, step = self.positions - 2, self.positions - 2 - self.overlap
        rows, width = tf.shape(pieces)[0], tf.minimum(tf.shape(pieces)[1], room)
        lengths = tf.reduce_sum(tf.cast(pieces >= 0, tf.int32), axis=1, keepdims=True)
        # As many for all sentences as the longest one needs, so that shapes follow from shapes, as XLA wants it.
        number = self._windows(tf.shape(pieces)[1])
        padded = tf.pad(pieces, [[0, 0], [0, number * step + self.overlap]], constant_values=-1)
        taken = tf.range(number)[:, tf.newaxis] * step + tf.range(width)
        ids, mask = self._between_marks(tf.reshape(tf.gather(padded, taken, axis=1), [-1, width]))
        place = tf.range(tf.shape(pieces)[1])[tf.newaxis]
        best = tf.maximum(tf.minimum((place - self.overlap // 2) // step, self._windows(lengths) - 1), 0)
        within = tf.minimum(place - best * step, width - 1)
        window = tf.range(rows)[:, tf.newaxis] * number + best
        return ids, mask, window * (width + 2) + 1 + within

    def _windows(self, pieces: Tensor) -> Tensor:
        """Compute how many windows so many pieces need."""
        step = self.positions - 2 - self.overlap
        return tf.maximum((pieces - self.overlap + step - 1) // step, 1)

    def _between_marks(self, pieces: Tensor) -> tuple[Tensor, Tensor]:
        """Put the marks round each row, and the padding's id behind."""
        lengths = tf.reduce_sum(tf.cast(pieces >= 0, tf.int32), axis=1, keepdims=True)
        place = tf.range(tf.shape(pieces)[1] + 2)
        moved = tf.pad(pieces, [[0, 0], [1, 1]])
        ids = tf.where(place <= lengths, moved, tf.where(place == lengths + 1, self.end, self.padding))
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
        marks = {"begin": self.begin, "end": self.end, "padding": self.padding}
        return {**super().get_config(), "positions": self.positions, **marks, "overlap": self.overlap}


@keras.saving.register_keras_serializable("tfkd")
class WordPooling(keras.layers.Layer):
    """Make a vector for each word of the states of its pieces: that of the first one, or their mean.

    Args:
        pooling: `"first"` or `"mean"`.

    Input: states `[windows, time, units]`; the place of each piece among them, int32 `[batch, pieces]`, as
    `PieceWindows` gives; and how many pieces each word has, int32 `[batch, words]`, 0 in the padding. Output:
    `[batch, words, units]`, zeros in the padding.

    Raises:
        TfkdError: The pooling is neither.

    Example:
        >>> states = tf.constant([[[9.0], [1.0], [3.0], [5.0], [9.0]]])
        >>> places, counts = tf.constant([[1, 2, 3]]), tf.constant([[2, 1, 0]])
        >>> [WordPooling(p)(states, places, counts).numpy().ravel().tolist() for p in ("first", "mean")]
        [[1.0, 5.0, 0.0], [2.0, 5.0, 0.0]]
    """

    def __init__(self, pooling: Pooling = "first", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if pooling not in get_args(Pooling):
            raise TfkdError(f"no pooling of pieces is called {pooling!r}: {nearest(pooling, get_args(Pooling))}")
        self.pooling = pooling

    @override
    def call(self, states: Tensor, places: Tensor, counts: Tensor) -> Tensor:
        flat = tf.reshape(states, [-1, states.shape[-1]])
        if self.pooling == "first":
            first = tf.cumsum(counts, axis=1, exclusive=True)
            # Behind the last word stands no piece: one more place keeps the index there in range.
            at = tf.gather(tf.pad(places, [[0, 0], [0, 1]]), first, batch_dims=1)
            return tf.where((counts > 0)[..., tf.newaxis], tf.gather(flat, at), tf.zeros([], flat.dtype))
        rows, words = tf.shape(counts)[0], tf.shape(counts)[1]
        ends = tf.cumsum(counts, axis=1)
        # The padding's pieces belong to one word more, which is cut off.
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
