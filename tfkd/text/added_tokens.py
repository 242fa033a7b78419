"""Added tokens of a subword tokenizer: texts that are found in words before the words are split into subwords."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import tensorflow as tf

from tfkd.tensors import Tensor
from tfkd.text.code_points import BLANK, CODE_POINTS, WORD, look_up, make_word_table
from tfkd.text.normalization import is_first
from tfkd_base.errors import TfkdError

_SHIFT = 22
"""Number of bits of a code point, or of the number that stands for an added token."""


@dataclass(frozen=True)
class AddedToken:
    """Token that is looked for in the text itself, as Hugging Face's tokenizers do.

    Attributes:
        content: The text.
        id: The id of its subword.
        single_word: Whether it must not have a letter, digit, mark or `_` beside it.
        lstrip: Whether white space before it belongs to it.
        rstrip: Whether white space after it belongs to it.
        normalized: Whether it is looked for in the normalised text, and its content is normalised too.
        in_vocabulary: Whether the tokenizer may also find it as an ordinary subword.

    Example:
        >>> AddedToken("imatinib", 30522).normalized
        True
    """

    content: str
    id: int
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool = True
    in_vocabulary: bool = False

    @classmethod
    def from_config(cls, config: AddedToken | Mapping[str, Any]) -> AddedToken:
        """Return the token of plain data."""
        return config if isinstance(config, AddedToken) else cls(**config)

    def get_config(self) -> dict[str, Any]:
        """Return the token as plain data."""
        return asdict(self)


class AddedTokenMatcher:
    """Search for added tokens in words, in TensorFlow operations.

    Of several tokens that begin at the leftmost character, the longest wins; the search goes on after it (Aho and
    Corasick 1975, leftmost-longest). Each token is replaced by one code point: U+110000 plus its number.

    Args:
        tokens: The tokens with their numbers. Their contents are normalised already.

    Raises:
        TfkdError: Two tokens have the same content.

    Example:
        >>> match = AddedTokenMatcher([(0, AddedToken("bc", 7)), (1, AddedToken("bcd", 8))])
        >>> points, source, is_token = match(tf.constant([97, 98, 99, 100, 98, 99]), tf.constant([0] * 6))
        >>> [chr(p) if p < 0x110000 else p - 0x110000 for p in points.numpy().tolist()]
        ['a', 1, 0]
    """

    def __init__(self, tokens: Sequence[tuple[int, AddedToken]]) -> None:
        edges: dict[tuple[int, int], int] = {}
        ends: dict[int, int] = {}
        for place, (_, token) in enumerate(tokens):
            state = 0
            for character in token.content:
                state = edges.setdefault((state, ord(character)), len(edges) + 1)
            if state in ends:
                other = tokens[ends[state]][1]
                raise TfkdError(
                    f"the added tokens {token.content!r} with the ids {other.id} and {token.id} are the same text, "
                    "maybe after normalisation; remove one of them."
                )
            ends[state] = place
        keys = [(state << _SHIFT) + point for state, point in edges]
        initializer = tf.lookup.KeyValueTensorInitializer(
            tf.constant(keys, tf.int64), tf.constant([*edges.values()], tf.int32)
        )
        self.table = tf.lookup.StaticHashTable(initializer, default_value=-1)
        self._ends = tf.constant([ends.get(state, -1) for state in range(len(edges) + 1)], tf.int32)
        self._numbers = tf.constant([number for number, _ in tokens], tf.int32)
        self._single = tf.constant([token.single_word for _, token in tokens])
        self._left = tf.constant([token.lstrip for _, token in tokens])
        self._right = tf.constant([token.rstrip for _, token in tokens])
        self._looks_around = any(token.single_word or token.lstrip or token.rstrip for _, token in tokens)

    def __call__(self, points: Tensor, word: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Replace the tokens in words.

        Args:
            points: Code points.
            word: Index of the word of each character, ascending.

        Returns:
            The new code points, the index of the old character of each, int32, and whether it stands for a token.
        """
        size = tf.size(points)
        end = tf.searchsorted(word, word, side="right")
        length, token = self._find_longest(points, end)
        start, token = _follow(length, token, word)
        left, right = start, start + tf.gather(length, start)
        if self._looks_around:
            first, last = tf.searchsorted(word, tf.gather(word, start), side="left"), tf.gather(end, start)
            flags = look_up(make_word_table(), points)
            accepted, left, right = self._look_around(flags, token, left, right, first, last)
            start, token = tf.boolean_mask(start, accepted), tf.boolean_mask(token, accepted)
        change = tf.scatter_nd(left[:, tf.newaxis], tf.ones_like(left), [size + 1])
        change -= tf.scatter_nd(right[:, tf.newaxis], tf.ones_like(right), [size + 1])
        value = CODE_POINTS + tf.gather(self._numbers, token)
        points = tf.tensor_scatter_nd_update(points, start[:, tf.newaxis], value)
        is_token = tf.scatter_nd(start[:, tf.newaxis], tf.ones_like(start), [size]) > 0
        source = tf.cast(tf.where((tf.cumsum(change)[:-1] == 0) | is_token)[:, 0], tf.int32)
        return tf.gather(points, source), source, tf.gather(is_token, source)

    def _look_around(
        self, flags: Tensor, token: Tensor, start: Tensor, stop: Tensor, first: Tensor, last: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Reject single words with a word character beside them, and add white space to tokens that strip it.

        Args:
            flags: Flags of all characters.
            token: The token of each match.
            start: Start of each match.
            stop: End of each match.
            first: Start of the word of each match.
            last: End of the word of each match.

        Returns:
            Whether each match is accepted; start and end of those that are, with the white space.
        """
        padded = tf.concat([flags, tf.zeros([1], flags.dtype)], 0)
        word_before = (start > first) & (tf.gather(padded, tf.maximum(start - 1, 0)) == WORD)
        word_after = (stop < last) & (tf.gather(padded, stop) == WORD)
        accepted = ~(tf.gather(self._single, token) & (word_before | word_after))
        solid = tf.cast(tf.where(flags != BLANK)[:, 0], tf.int32)
        after_solid = tf.gather(tf.concat([[0], solid + 1], 0), tf.searchsorted(solid, start))
        next_solid = tf.gather(tf.concat([solid, tf.shape(flags)], 0), tf.searchsorted(solid, stop))
        start = tf.where(tf.gather(self._left, token), tf.maximum(after_solid, first), start)
        stop = tf.where(tf.gather(self._right, token), tf.minimum(next_solid, last), stop)
        return accepted, tf.boolean_mask(start, accepted), tf.boolean_mask(stop, accepted)

    def _find_longest(self, points: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
        """Return the length of the longest token that begins at each character, 0 for none, and the token.

        Args:
            points: Code points.
            end: End of the word of each character.
        """

        def step(offset: Tensor, origin: Tensor, state: Tensor, length: Tensor, token: Tensor) -> tuple[Tensor, ...]:
            inside = origin + offset < tf.gather(end, origin)
            origin, state = tf.boolean_mask(origin, inside), tf.boolean_mask(state, inside)
            point = tf.cast(tf.gather(points, origin + offset), tf.int64)
            state = self.table.lookup(tf.cast(state, tf.int64) * (1 << _SHIFT) + point)
            origin, state = tf.boolean_mask(origin, state >= 0), tf.boolean_mask(state, state >= 0)
            ending = tf.gather(self._ends, state)
            place = tf.boolean_mask(origin, ending >= 0)[:, tf.newaxis]
            token = tf.tensor_scatter_nd_update(token, place, tf.boolean_mask(ending, ending >= 0))
            length = tf.tensor_scatter_nd_update(length, place, tf.fill(tf.shape(place)[:1], offset + 1))
            return offset + 1, origin, state, length, token

        size = tf.size(points)
        zeros = tf.zeros([size], tf.int32)
        vector = tf.TensorShape([None])
        *_, length, token = tf.while_loop(
            lambda _, origin, *__: tf.size(origin) > 0,
            step,
            (0, tf.range(size), zeros, zeros, zeros),
            shape_invariants=(tf.TensorShape([]), vector, vector, vector, vector),
        )
        return length, token


def _follow(length: Tensor, token: Tensor, word: Tensor) -> tuple[Tensor, Tensor]:
    """Return the starts and the tokens of matches that do not overlap: the leftmost one of each word, and so on."""
    start = tf.cast(tf.where(length > 0)[:, 0], tf.int32)
    token = tf.gather(token, start)
    count = tf.size(start)
    owner = tf.gather(word, start)
    following = tf.searchsorted(start, start + tf.gather(length, start))
    padded_owner = tf.concat([owner, tf.cast([-1], owner.dtype)], 0)

    def step(match: Tensor, is_taken: Tensor) -> tuple[Tensor, Tensor]:
        is_taken = tf.tensor_scatter_nd_update(is_taken, match[:, tf.newaxis], tf.ones_like(match, tf.bool))
        after = tf.gather(following, match)
        return tf.boolean_mask(after, tf.gather(padded_owner, after) == tf.gather(owner, match)), is_taken

    first = tf.cast(tf.where(is_first(owner))[:, 0], tf.int32)
    _, is_taken = tf.while_loop(
        lambda match, _: tf.size(match) > 0,
        step,
        (first, tf.zeros([count], tf.bool)),
        shape_invariants=(tf.TensorShape([None]),) * 2,
    )
    return tf.boolean_mask(start, is_taken), tf.boolean_mask(token, is_taken)


def make_matcher(tokens: Sequence[tuple[int, AddedToken]]) -> AddedTokenMatcher | None:
    """Return a matcher of tokens; None if there are none."""
    return AddedTokenMatcher(tokens) if tokens else None
