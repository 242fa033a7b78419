"""Byte-level byte-pair encoding, RoBERTa's cutting of words into pieces, in core TensorFlow operations."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfkd.tensors import Tensor
from tfkd.text.characters import BLOCK, CODE_POINTS
from tfkd_base.errors import TfkdError

_OTHER, _LETTER, _NUMBER, _SPACE = range(4)
_NEVER = np.iinfo(np.int32).max
_LINE_SPACES = "\t\n\x0b\x0c\r\x85"


class BytePairs:
    """Cut words into pieces, as the tokenizers of GPT-2 and RoBERTa do (Sennrich et al. 2016; Radford et al. 2019).

    A word, with a space before it, is parted into runs of letters, of numbers and of the rest; each part, as bytes of
    UTF-8, is put together pair by pair, always that pair first which comes first among the merges. All words are cut at
    once, in as many steps as a part has merges.

    Args:
        pieces: The vocabulary in the order of its ids, each piece written in the characters that stand for its bytes.
        merges: Pairs of pieces, `"a b"`, in the order in which they are put together.

    Raises:
        TfkdError: The vocabulary lacks a byte, or what a merge puts together.

    Example:
        >>> letters = [byte_characters()[b] for b in range(256)]
        >>> cut = BytePairs([*letters, "Ġa", "bb"], ["Ġ a", "b b"])
        >>> ids, lengths = cut(tf.constant(["abb", "b"]))
        >>> [(letters + ["Ġa", "bb"])[i] for i in ids], lengths.numpy().tolist()
        (['Ġa', 'bb', 'Ġ', 'b'], [2, 2])
    """

    def __init__(self, pieces: Sequence[str], merges: Sequence[str]) -> None:
        ids = {piece: number for number, piece in enumerate(pieces)}
        lacking = [character for character in byte_characters() if character not in ids]
        if lacking:
            raise TfkdError(
                f"the vocabulary of {len(pieces):,} pieces lacks {len(lacking)} bytes, such as {lacking[0]!r}."
            )
        keys, results = [], []
        for number, merge in enumerate(merges):
            left, _, right = merge.partition(" ")
            for piece in (left, right, left + right):
                if piece not in ids:
                    raise TfkdError(f"the vocabulary lacks {piece!r}, a part of merge {number + 1}, {merge!r}.")
            keys.append(ids[left] * len(ids) + ids[right])
            results.append(ids[left + right])
        self._count = len(ids)
        self._bytes = tf.constant([ids[character] for character in byte_characters()], tf.int32)
        index, classes = _class_table()
        self._index, self._classes = tf.constant(index), tf.constant(classes)
        # One more, since a table of nothing cannot be made.
        self._results = tf.constant([*results, 0], tf.int32)
        initializer = tf.lookup.KeyValueTensorInitializer(
            tf.constant([*keys, -1], tf.int64), tf.constant([*range(len(keys)), _NEVER], tf.int32)
        )
        self.table = tf.lookup.StaticHashTable(initializer, default_value=_NEVER)

    def __call__(self, words: Tensor) -> tuple[Tensor, Tensor]:
        """Cut words.

        Args:
            words: Strings `[words]`; bytes that are not UTF-8 count as the replacement character.

        Returns:
            The ids of all pieces one after another, int32, and how many each word has, at least 1, int64 `[words]`.
        """
        spaced = tf.where(tf.strings.regex_full_match(words, r"(?s) .*"), words, tf.strings.join([" ", words]))
        decoded = tf.strings.unicode_decode(spaced, "UTF-8", errors="replace")
        points, word = decoded.flat_values, decoded.value_rowids()
        part = tf.cumsum(tf.cast(self._part_begins(points, word), tf.int32)) - 1
        read, source = _utf8(points)
        ids, place = self._merged(tf.gather(self._bytes, read), tf.gather(part, source), tf.gather(word, source))
        return ids, tf.math.unsorted_segment_sum(tf.ones_like(place), place, tf.size(words, tf.int64))

    def _part_begins(self, points: Tensor, word: Tensor) -> Tensor:
        """Tell the characters with which a part begins, as the regular expression of GPT-2 parts text."""
        row = tf.gather(self._index, tf.bitwise.right_shift(points, 8)) * BLOCK + tf.bitwise.bitwise_and(points, 255)
        kind = tf.cast(tf.gather(self._classes, row), tf.int32)

        def shifted(x: Tensor, by: int, fill: int) -> Tensor:
            filled = tf.concat(
                [tf.fill([abs(by)], tf.cast(fill, x.dtype)), x, tf.fill([abs(by)], tf.cast(fill, x.dtype))], 0
            )
            return filled[abs(by) + by : abs(by) + by + tf.size(x)]

        same_word = [word == shifted(word, by, -1) for by in (-1, 1, 2)]
        before = tf.where(same_word[0], shifted(kind, -1, -1), -1)
        after = tf.where(same_word[1], shifted(kind, 1, -1), -1)
        after_a_space = same_word[0] & (shifted(points, -1, 0) == ord(" "))
        following = [tf.where(same, shifted(points, by, 0), 0) for by, same in zip((1, 2), same_word[1:], strict=True)]

        space = kind == _SPACE
        last_space = space & (after >= 0) & (after != _SPACE)
        begins = tf.where(space, (before != _SPACE) | last_space, (kind != before) & ~after_a_space)
        # 's, 't, 'm, 'd, 're, 've and 'll are parts of their own where no run of other signs holds the apostrophe.
        apostrophe = (points == ord("'")) & (before >= 0) & (before != _OTHER) & ~after_a_space
        short = apostrophe & tf.reduce_any([following[0] == ord(c) for c in "stmd"], axis=0)
        pairs = [(following[0] == ord(a)) & (following[1] == ord(b)) for a, b in ("re", "ve", "ll")]
        long = apostrophe & tf.reduce_any(pairs, axis=0)
        inside = shifted(short | long, -1, False) | shifted(long, -2, False)
        ends = shifted(short, -2, False) | shifted(long, -3, False)
        return ((begins | ends) & ~inside) | ~same_word[0]

    def _merged(self, ids: Tensor, part: Tensor, word: Tensor) -> tuple[Tensor, Tensor]:
        """Put pairs together until none is left that may be.

        Args:
            ids: The piece of each byte.
            part: The number of its part, ascending.
            word: The number of its word.

        Returns:
            The pieces, and of each the number of its word.
        """
        parts = tf.reduce_max(tf.concat([part, [-1]], 0)) + 1

        def step(ids: Tensor, part: Tensor, word: Tensor, _: Tensor) -> tuple[Tensor, ...]:
            key = tf.cast(ids[:-1], tf.int64) * self._count + tf.cast(ids[1:], tf.int64)
            rank = self.table.lookup(tf.where(part[:-1] == part[1:], key, -1))
            best = tf.gather(tf.math.unsorted_segment_min(rank, part[:-1], parts), part[:-1])
            wanted = (rank == best) & (rank < _NEVER)
            # Of the overlapping pairs of a run, as in "aaa", every second one, from the left.
            place = tf.range(tf.size(wanted))
            run = tf.cumsum(tf.cast(~wanted, tf.int32))
            first = tf.gather(tf.math.unsorted_segment_min(tf.where(wanted, place, _NEVER), run, tf.size(run) + 1), run)
            taken = wanted & ((place - first) % 2 == 0)
            joined = tf.where(taken, tf.gather(self._results, tf.where(taken, rank, 0)), ids[:-1])
            ids = tf.concat([joined, ids[-1:]], 0)
            kept = tf.concat([tf.ones([tf.minimum(tf.size(ids), 1)], tf.bool), ~taken], 0)
            return *(tf.boolean_mask(x, kept) for x in (ids, part, word)), tf.reduce_any(taken)

        ids, _, word, _ = tf.while_loop(
            lambda *state: state[-1],
            step,
            (ids, part, word, tf.size(ids) > 1),
            shape_invariants=(*(tf.TensorShape([None]),) * 3, tf.TensorShape([])),
        )
        return ids, word


@functools.cache
def byte_characters() -> tuple[str, ...]:
    """Return the characters that stand for the bytes in a vocabulary (Radford et al. 2019).

    Bytes that are printable characters of Latin-1 stand for themselves, the others for those from U+0100 on.

    Example:
        >>> byte_characters()[ord("a")], byte_characters()[ord(" ")]
        ('a', 'Ġ')
    """
    printable = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    others = iter(range(0x100, 0x200))
    return tuple(chr(byte if byte in printable else next(others)) for byte in range(256))


def _utf8(points: Tensor) -> tuple[Tensor, Tensor]:
    """Encode code points: the bytes, int32, and which code point each belongs to."""
    count = 1 + sum(tf.cast(points >= bound, tf.int32) for bound in (0x80, 0x800, 0x10000))
    source = tf.repeat(tf.range(tf.size(points)), count)
    left = tf.gather(tf.cumsum(count), source) - tf.range(tf.size(source)) - 1
    bits = tf.bitwise.right_shift(tf.gather(points, source), 6 * left)
    length = tf.gather(count, source)
    first = tf.gather(tf.constant([0, 0, 0xC0, 0xE0, 0xF0]), length) + bits
    continuing = 0x80 + tf.bitwise.bitwise_and(bits, 0x3F)
    return tf.where(left == length - 1, first, continuing), source


@functools.cache
def _class_table() -> tuple[np.ndarray, np.ndarray]:
    """Make a table of two stages of what each code point is to the regular expression of GPT-2."""
    letters, spaces = ("L",), ("Z",)
    rows: dict[bytes, int] = {}
    index = []
    for start in range(0, CODE_POINTS, BLOCK):
        row = bytearray()
        for point in range(start, start + BLOCK):
            category = unicodedata.category(chr(point))[0]
            known = _LETTER if category in letters else _NUMBER if category == "N" else _OTHER
            row.append(_SPACE if category in spaces or chr(point) in _LINE_SPACES else known)
        index.append(rows.setdefault(bytes(row), len(rows)))
    return np.array(index, np.int32), np.frombuffer(b"".join(rows), np.uint8)
