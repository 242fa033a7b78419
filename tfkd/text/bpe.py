"""Byte-level byte-pair encoding, the subword tokenizer of RoBERTa, in core TensorFlow operations."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from typing_extensions import override

from tfkd.tensors import Tensor
from tfkd.text.added_tokens import AddedToken
from tfkd.text.character_rules import Step
from tfkd.text.code_points import CODE_POINTS, OTHER, SPACE, look_up, make_gpt2_table
from tfkd.text.normalization import is_first
from tfkd.text.subword_tokenizer import SubwordTokenizer
from tfkd_base.errors import TfkdError

_NEVER = np.iinfo(np.int32).max


class BytePairs(SubwordTokenizer):
    """Tokenizer that splits words into subwords as GPT-2 and RoBERTa do (Sennrich et al. 2016; Radford et al. 2019).

    A word gets a space in front and is split into runs of letters, of numbers and of other characters. The UTF-8 bytes
    of each run are merged pair by pair, in the order of the list of merges. All words are processed at once, in as
    many steps as a run has merges.

    Args:
        pieces: The vocabulary in the order of its ids. Subwords are written with the characters of `byte_characters`.
        merges: Pairs of subwords, `"a b"`, in the order in which they are merged.
        unknown: The subword of a word that has no others. Default: that of a space.
        normalization: Steps of normalisation.
        added: Added tokens. Their ids are places in `pieces`.

    Raises:
        TfkdError: The vocabulary lacks a byte, or a subword of a merge.

    Example:
        >>> letters = [byte_characters()[b] for b in range(256)]
        >>> tokenizer = BytePairs([*letters, "Ġa", "bb"], ["Ġ a", "b b"])
        >>> ids, lengths = tokenizer(tf.constant(["abb", "b"]))
        >>> [(letters + ["Ġa", "bb"])[i] for i in ids], lengths.numpy().tolist()
        (['Ġa', 'bb', 'Ġ', 'b'], [2, 2])
    """

    def __init__(
        self,
        pieces: Sequence[str],
        merges: Sequence[str],
        unknown: str | None = None,
        *,
        normalization: Sequence[Step] = (),
        added: Sequence[AddedToken] = (),
    ) -> None:
        ids = {piece: number for number, piece in enumerate(pieces)}
        missing = [character for character in byte_characters() if character not in ids]
        if missing:
            raise TfkdError(
                f"the vocabulary of {len(pieces):,} subwords lacks {len(missing)} bytes, such as {missing[0]!r}."
            )
        super().__init__(ids[unknown or byte_characters()[ord(" ")]], normalization, (), added)
        keys, results = [], []
        for number, merge in enumerate(merges):
            left, _, right = merge.partition(" ")
            for piece in (left, right, left + right):
                if piece not in ids:
                    raise TfkdError(f"the vocabulary lacks {piece!r}, a part of merge {number + 1}, {merge!r}.")
            keys.append(ids[left] * len(ids) + ids[right])
            results.append(ids[left + right])
        self._count = len(ids)
        # The ids of bytes, then those of added tokens.
        self._symbols = tf.constant(
            [*(ids[character] for character in byte_characters()), *(token.id for token in added)], tf.int32
        )
        # One additional entry, because an empty table is not possible.
        self._results = tf.constant([*results, 0], tf.int32)
        initializer = tf.lookup.KeyValueTensorInitializer(
            tf.constant([*keys, -1], tf.int64), tf.constant([*range(len(keys)), _NEVER], tf.int32)
        )
        self.table = tf.lookup.StaticHashTable(initializer, default_value=_NEVER)

    @override
    def _split(self, points: Tensor, word: Tensor, kinds: Tensor) -> tuple[Tensor, Tensor]:
        points, word, segment = _add_spaces(points, word)
        run = tf.cumsum(tf.cast(self._is_run_start(points, segment), tf.int32)) - 1
        values, source = _encode_utf8(points)
        return self._merge(tf.gather(self._symbols, values), tf.gather(run, source), tf.gather(word, source))

    def _is_run_start(self, points: Tensor, segment: Tensor) -> Tensor:
        """Return True at the first character of each run, as the regular expression of GPT-2 splits text."""
        kind = tf.cast(look_up(make_gpt2_table(), points), tf.int32)

        def shift(x: Tensor, by: int, fill: int) -> Tensor:
            filled = tf.concat(
                [tf.fill([abs(by)], tf.cast(fill, x.dtype)), x, tf.fill([abs(by)], tf.cast(fill, x.dtype))], 0
            )
            return filled[abs(by) + by : abs(by) + by + tf.size(x)]

        same_segment = [segment == shift(segment, by, -1) for by in (-1, 1, 2)]
        before = tf.where(same_segment[0], shift(kind, -1, -1), -1)
        after = tf.where(same_segment[1], shift(kind, 1, -1), -1)
        after_a_space = same_segment[0] & (shift(points, -1, 0) == ord(" "))
        next_points = [
            tf.where(same, shift(points, by, 0), 0) for by, same in zip((1, 2), same_segment[1:], strict=True)
        ]

        space = kind == SPACE
        last_space = space & (after >= 0) & (after != SPACE)
        begins = tf.where(space, (before != SPACE) | last_space, (kind != before) & ~after_a_space)
        # 's, 't, 'm, 'd, 're, 've and 'll are separate runs unless the apostrophe is within a run of other characters.
        apostrophe = (points == ord("'")) & (before >= 0) & (before != OTHER) & ~after_a_space
        short = apostrophe & tf.reduce_any([next_points[0] == ord(c) for c in "stmd"], axis=0)
        pairs = [(next_points[0] == ord(a)) & (next_points[1] == ord(b)) for a, b in ("re", "ve", "ll")]
        long = apostrophe & tf.reduce_any(pairs, axis=0)
        inside = shift(short | long, -1, False) | shift(long, -2, False)
        ends = shift(short, -2, False) | shift(long, -3, False)
        return ((begins | ends) & ~inside) | ~same_segment[0]

    def _merge(self, ids: Tensor, run: Tensor, word: Tensor) -> tuple[Tensor, Tensor]:
        """Merge pairs until no merge applies.

        Args:
            ids: The subword of each byte.
            run: Index of the run of each byte, ascending.
            word: Index of the word of each byte.

        Returns:
            The subwords, and the index of the word of each.
        """
        runs = tf.reduce_max(tf.concat([run, [-1]], 0)) + 1

        def step(ids: Tensor, run: Tensor, word: Tensor, _: Tensor) -> tuple[Tensor, ...]:
            key = tf.cast(ids[:-1], tf.int64) * self._count + tf.cast(ids[1:], tf.int64)
            rank = self.table.lookup(tf.where(run[:-1] == run[1:], key, -1))
            best = tf.gather(tf.math.unsorted_segment_min(rank, run[:-1], runs), run[:-1])
            candidates = (rank == best) & (rank < _NEVER)
            # Of overlapping pairs, as in "aaa", merge every second one, from the left.
            place = tf.range(tf.size(candidates))
            group = tf.cumsum(tf.cast(~candidates, tf.int32))
            places = tf.where(candidates, place, _NEVER)
            first = tf.gather(tf.math.unsorted_segment_min(places, group, tf.size(group) + 1), group)
            merged = candidates & ((place - first) % 2 == 0)
            joined = tf.where(merged, tf.gather(self._results, tf.where(merged, rank, 0)), ids[:-1])
            ids = tf.concat([joined, ids[-1:]], 0)
            keep = tf.concat([tf.ones([tf.minimum(tf.size(ids), 1)], tf.bool), ~merged], 0)
            return *(tf.boolean_mask(x, keep) for x in (ids, run, word)), tf.reduce_any(merged)

        ids, _, word, _ = tf.while_loop(
            lambda *state: state[-1],
            step,
            (ids, run, word, tf.size(ids) > 1),
            shape_invariants=(*(tf.TensorShape([None]),) * 3, tf.TensorShape([])),
        )
        return ids, word


@functools.cache
def byte_characters() -> tuple[str, ...]:
    """Return the characters that represent the 256 bytes in a vocabulary (Radford et al. 2019).

    Printable characters of Latin-1 represent themselves. Characters from U+0100 represent the other bytes.

    Example:
        >>> byte_characters()[ord("a")], byte_characters()[ord(" ")]
        ('a', 'Ġ')
    """
    printable = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    others = iter(range(0x100, 0x200))
    return tuple(chr(byte if byte in printable else next(others)) for byte in range(256))


def _number_segments(points: Tensor, word: Tensor) -> Tensor:
    """Return the number of the segment of each character: an added token, or the text between them within a word."""
    begins = (word[1:] != word[:-1]) | (points[1:] >= CODE_POINTS) | (points[:-1] >= CODE_POINTS)
    return tf.cumsum(tf.concat([tf.zeros_like(points[:1]), tf.cast(begins, tf.int32)], 0))


def _add_spaces(points: Tensor, word: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Add a space in front of each segment of text that does not start with one.

    Returns:
        The new code points, and the index of the word and the number of the segment of each.
    """
    segment = _number_segments(points, word)
    added = tf.cast(is_first(segment) & (points != ord(" ")) & (points < CODE_POINTS), tf.int32)
    source = tf.repeat(tf.range(tf.size(points)), 1 + added)
    is_repeated = tf.concat([source[1:] == source[:-1], tf.zeros_like(source[:1], tf.bool)], 0)
    points = tf.where(is_repeated, ord(" "), tf.gather(points, source))
    return points, tf.gather(word, source), tf.gather(segment, source)


def _encode_utf8(points: Tensor) -> tuple[Tensor, Tensor]:
    """Return the UTF-8 bytes of code points, int32, and the index of the code point of each byte.

    The added token with the number n is encoded as 256 + n.
    """
    is_token = points >= CODE_POINTS
    count = 1 + sum(tf.cast((points >= bound) & ~is_token, tf.int32) for bound in (0x80, 0x800, 0x10000))
    source = tf.repeat(tf.range(tf.size(points)), count)
    left = tf.gather(tf.cumsum(count), source) - tf.range(tf.size(source)) - 1
    bits = tf.bitwise.right_shift(tf.gather(points, source), 6 * left)
    length = tf.gather(count, source)
    first = tf.gather(tf.constant([0, 0, 0xC0, 0xE0, 0xF0]), length) + bits
    continuation = 0x80 + tf.bitwise.bitwise_and(bits, 0x3F)
    values = tf.where(left == length - 1, first, continuation)
    point = tf.gather(points, source)
    return tf.where(point >= CODE_POINTS, point - CODE_POINTS + 256, values), source
