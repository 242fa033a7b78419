"""Normalisation of characters in TensorFlow graphs: replacement by tables, canonical order and composition."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfkd.tensors import Tensor
from tfkd.text.character_rules import (
    ALONE,
    COMPOSITIONS,
    DECOMPOSITIONS,
    NEWER_MARKS,
    TO_SPACE,
    Step,
    make_character_table,
)
from tfkd.text.code_points import BLOCK, CODE_POINTS, fold, is_within, look_up

_SHIFT = 21
"""Number of bits of a code point."""


class Normalization:
    """Normalisation of the characters of words, followed by rules for splitting words.

    Each step replaces single characters by a table. After a Unicode decomposition, marks are sorted by their combining
    class; after a composition (NFC, NFKC), they are composed with the characters before them. Code points above
    U+10FFFF stand for added tokens and stay unchanged.

    Args:
        steps: Steps of normalisation, in their order.
        rules: Rules for splitting words.

    Example:
        >>> normalization = Normalization(["nfc", "lowercase"], ["bert"])
        >>> points, word, kinds = normalization(tf.constant([0x45, 0x301, 0x2D]), tf.constant([0, 0, 0]))
        >>> [chr(point) for point in points], kinds.numpy().tolist()
        (['\u00e9', '-'], [0, 2])
    """

    def __init__(self, steps: Sequence[Step], rules: Sequence[str]) -> None:
        # Steps are joined into one table, up to each step that sorts marks.
        self._stages: list[tuple[_Replacement, str | None]] = []
        waiting: list[Step] = []
        for step in steps:
            waiting.append(step)
            if step in DECOMPOSITIONS:
                self._stages.append((_Replacement(tuple(waiting), ()), str(step)))
                waiting = []
        if waiting or rules or self._stages:
            self._stages.append((_Replacement(tuple(waiting), tuple(rules)), None))
        self.tables = [_make_pair_table()] if any(step in COMPOSITIONS for step in steps) else []

    def __call__(self, points: Tensor, word: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Normalise characters.

        Args:
            points: Code points.
            word: Index of the word of each character, ascending.

        Returns:
            The new code points, the index of the word of each, and the kind of each, int32.
        """
        kinds = tf.where(points < CODE_POINTS, 0, ALONE)
        for replace, step in self._stages:
            points, word, kinds = replace(points, word)
            if step is not None:
                points = _sort_marks(points, word)
            if step in COMPOSITIONS:
                points, word = _compose(points, word, self.tables[0])
        return points, word, kinds


class _Replacement:
    """Replacement of each character by any number of characters."""

    def __init__(self, steps: tuple[Step, ...], rules: tuple[str, ...]) -> None:
        table = make_character_table(steps, rules)
        self._index, self._ends = tf.constant(table.index), tf.constant(table.ends)
        self._differences, self._kinds = tf.constant(table.differences), tf.constant(table.kinds)

    def __call__(self, points: Tensor, word: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        block = tf.minimum(points // BLOCK, CODE_POINTS // BLOCK)
        row = tf.gather(self._index, block) * BLOCK + tf.bitwise.bitwise_and(points, BLOCK - 1)
        start = tf.gather(self._ends, row)
        count = tf.gather(self._ends, row + 1) - start
        source = tf.repeat(tf.range(tf.size(points)), count)
        place = tf.range(tf.size(source)) + tf.gather(start - tf.cumsum(count, exclusive=True), source)
        difference = tf.gather(self._differences, place)
        points = tf.where(difference == TO_SPACE, ord(" "), tf.gather(points, source) + difference)
        return points, tf.gather(word, source), tf.gather(self._kinds, place)


def _sort_marks(points: Tensor, word: Tensor) -> Tensor:
    """Sort the marks between two other characters by their combining class (Unicode Standard, D109)."""
    combining = _look_up_combining_class(points)
    group = tf.cumsum(tf.cast((combining == 0) | is_first(word), tf.int32))
    return tf.gather(points, tf.argsort(group * 256 + combining, stable=True))


def _compose(points: Tensor, word: Tensor, table: tf.lookup.StaticHashTable) -> tuple[Tensor, Tensor]:
    """Compose each mark with the last starter before it, from left to right (Unicode Standard, D117)."""

    def step(points: Tensor, word: Tensor, place: Tensor, last: Tensor, _: Tensor) -> tuple[Tensor, ...]:
        combining = _look_up_combining_class(points)
        number = tf.range(tf.size(points))
        is_starter = (combining == 0) | is_first(word)
        starters = tf.where(is_starter)[:, 0]
        # The last starter before each character: -1 at the start of a word.
        rank = tf.cumsum(tf.cast(is_starter, tf.int32), exclusive=True) - 1
        starter = tf.where(
            is_first(word), -1, tf.cast(tf.gather(tf.concat([starters, [0]], 0), tf.maximum(rank, 0)), tf.int32)
        )
        before = tf.concat([combining[:1], combining[:-1]], 0)
        free = (starter >= 0) & ((starter == number - 1) | ((before < combining) & (combining > 0)))
        key = tf.bitwise.left_shift(
            tf.cast(tf.gather(points, tf.maximum(starter, 0)), tf.int64), np.int64(_SHIFT)
        ) + tf.cast(points, tf.int64)
        composed = tf.where(free & (place > tf.gather(last, word)), table.lookup(key), -1)
        candidates = tf.where(composed >= 0)[:, 0]
        # One composition per word and step, the leftmost one.
        owner = tf.gather(word, candidates)
        chosen = tf.boolean_mask(candidates, is_first(owner))
        targets = tf.gather(starter, chosen)
        points = tf.tensor_scatter_nd_update(points, targets[:, tf.newaxis], tf.gather(composed, chosen))
        last = tf.tensor_scatter_nd_max(last, tf.gather(word, chosen)[:, tf.newaxis], tf.gather(place, chosen))
        keep = tf.tensor_scatter_nd_update(
            tf.ones_like(points, tf.bool), chosen[:, tf.newaxis], tf.zeros_like(chosen, tf.bool)
        )
        return *(tf.boolean_mask(x, keep) for x in (points, word, place)), last, tf.size(chosen) > 0

    word = tf.cast(word, tf.int32)
    words = tf.reduce_max(tf.concat([word, [-1]], 0)) + 1
    state = (points, word, tf.range(tf.size(points)), tf.fill([words], -1), tf.size(points) > 1)
    vector = tf.TensorShape([None])
    points, word, *_ = tf.while_loop(
        lambda *state: state[-1], step, state, shape_invariants=(vector, vector, vector, vector, tf.TensorShape([]))
    )
    return points, word


def is_first(group: Tensor) -> Tensor:
    """Return whether each element is the first one of its group, such as a character of its word.

    Args:
        group: Index of the group of each element, ascending.

    Example:
        >>> is_first(tf.constant([0, 0, 2])).numpy().tolist()
        [True, False, True]
    """
    return tf.concat([tf.ones_like(group[:1], tf.bool), group[1:] != group[:-1]], 0)


def _look_up_combining_class(points: Tensor) -> Tensor:
    return tf.cast(look_up(_make_combining_table(), points), tf.int32)


@functools.cache
def _make_combining_table() -> tuple[np.ndarray, np.ndarray]:
    """Return the canonical combining classes of all code points, as `make_flag_table` does."""
    points = range(CODE_POINTS)
    return fold(bytes(0 if is_within(point, NEWER_MARKS) else unicodedata.combining(chr(point)) for point in points))


def _make_pair_table() -> tf.lookup.StaticHashTable:
    """Return the table of the character that a starter and the character after it are composed to."""
    keys, values = [], []
    for point in range(CODE_POINTS):
        character = chr(point)
        if 0xAC00 <= point <= 0xD7A3:  # Hangul syllables, which the data of Python do not list
            number, final = divmod(point - 0xAC00, 28)
            lead, vowel = divmod(number, 21)
            pair = [point - final, 0x11A7 + final] if final else [0x1100 + lead, 0x1161 + vowel]
        else:
            parts = unicodedata.decomposition(character).split()
            if len(parts) != 2 or parts[0].startswith("<") or unicodedata.normalize("NFC", character) != character:
                continue
            pair = [int(part, 16) for part in parts]
        keys.append((pair[0] << _SHIFT) + pair[1])
        values.append(point)
    initializer = tf.lookup.KeyValueTensorInitializer(tf.constant(keys, tf.int64), tf.constant(values, tf.int32))
    return tf.lookup.StaticHashTable(initializer, default_value=-1)
