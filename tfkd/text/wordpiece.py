"""WordPiece, the subword tokenizer of BERT, in core TensorFlow operations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import tensorflow as tf
from typing_extensions import override

from tfkd.tensors import Tensor
from tfkd.text.added_tokens import AddedToken
from tfkd.text.character_rules import ALONE, SEPARATES, Step, bert_steps
from tfkd.text.code_points import CODE_POINTS
from tfkd.text.subword_tokenizer import SubwordTokenizer
from tfkd_base.errors import TfkdError

MAX_PART_LENGTH = 100
"""Default length of the longest part of a word that is split into subwords. Longer parts are unknown."""

_MODULUS = 1 << 64
_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, _MODULUS)
_FACTORS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_CONTINUING = 0x5851F42D4C957F2D
"""Distinguishes the hash of a subword within a part from that of the same characters at its start."""


class WordPiece(SubwordTokenizer):
    """Tokenizer that splits words into subwords as BERT does (Wu et al. 2016; Devlin et al. 2019).

    A word is normalised and split into parts at punctuation. Each part is split from the left: the longest subword of
    the vocabulary that matches its start, then the longest one that matches the rest, and so on. A part that cannot be
    split completely is one unknown subword. So is a word without characters after normalisation.

    All words are split at once, without a loop over characters:

    - The hash of a substring is computed from cumulative sums over characters.
    - All substrings that are short enough are looked up in one hash table.
    - A loop then follows the longest matches. It takes as many steps as a word has subwords.

    The hashes of the vocabulary are checked to be different. The probability that the 64-bit hash of some other
    substring equals one of them is 1e-15 for a vocabulary of 30,000 subwords.

    Args:
        pieces: The vocabulary in the order of its ids.
        lowercase: Whether words are converted to lower case.
        strip_accents: Whether accents are removed. Default: the value of `lowercase`.
        unknown: The subword for unknown parts.
        normalization: Steps of normalisation, in place of those of BERT with `lowercase` and `strip_accents`.
        rules: Rules for splitting words into parts.
        prefix: Start of the subwords that do not start a part.
        max_part_length: Length of the longest part that is split into subwords. Longer parts are unknown.
        added: Added tokens. Their ids are places in `pieces`.

    Raises:
        TfkdError: The vocabulary lacks the unknown subword, or holds a subword twice.

    Example:
        >>> tokenizer = WordPiece(["[UNK]", "tumor", "##s", "-", "b"])
        >>> ids, lengths = tokenizer(tf.constant(["Tumors", "B-x"]))
        >>> [row.tolist() for row in tf.RaggedTensor.from_row_lengths(ids, lengths).numpy()]
        [[1, 2], [4, 3, 0]]
    """

    def __init__(
        self,
        pieces: Sequence[str],
        lowercase: bool = True,
        strip_accents: bool | None = None,
        unknown: str = "[UNK]",
        *,
        normalization: Sequence[Step] | None = None,
        rules: Sequence[str] = ("bert",),
        prefix: str = "##",
        max_part_length: int = MAX_PART_LENGTH,
        added: Sequence[AddedToken] = (),
    ) -> None:
        if unknown not in pieces:
            raise TfkdError(f"the vocabulary of {len(pieces):,} subwords lacks {unknown!r}, which unknown words need.")
        if normalization is None:
            normalization = bert_steps(lowercase, strip_accents)
        super().__init__(list(pieces).index(unknown), normalization, rules, added)
        self._limit = max_part_length
        only_added = {token.id for token in added if not token.in_vocabulary}
        hashes: dict[int, int] = {}
        self._longest = 1
        ids: dict[str, int] = {}
        for number, piece in enumerate(pieces):
            if number in only_added:
                continue
            if piece in ids:
                raise TfkdError(f"the vocabulary holds {piece!r} twice, with the ids {ids[piece]} and {number}.")
            ids[piece] = number
            self._longest = max(self._longest, len(piece))
            keys = [_hash(map(ord, piece))]
            if piece.startswith(prefix) and len(piece) > len(prefix):
                keys.append(_hash(map(ord, piece[len(prefix) :])) ^ _CONTINUING)
            for key in keys:
                _add_hash(hashes, key, number)
        for number, token in enumerate(added):
            _add_hash(hashes, _hash([CODE_POINTS + number]), token.id)
        initializer = tf.lookup.KeyValueTensorInitializer(
            tf.constant([_to_signed(key) for key in hashes], tf.int64), tf.constant([*hashes.values()], tf.int32)
        )
        self.table = tf.lookup.StaticHashTable(initializer, default_value=-1)
        self._powers = tf.constant(_compute_powers(_BASE, max_part_length), tf.int64)
        self._inverses = tf.constant(_compute_powers(_INVERSE, max_part_length), tf.int64)

    @override
    def _split(self, points: Tensor, word: Tensor, kinds: Tensor) -> tuple[Tensor, Tensor]:
        joined = (word[1:] == word[:-1]) & (kinds[1:] == kinds[:-1]) & (kinds[1:] != ALONE)
        begins = tf.concat([tf.ones([tf.minimum(tf.size(word), 1)], tf.bool), ~joined], 0)
        keep = kinds != SEPARATES
        points, word, begins = (tf.boolean_mask(x, keep) for x in (points, word, begins))
        part = tf.cumsum(tf.cast(begins, tf.int32)) - 1
        first = tf.cast(tf.where(begins)[:, 0], tf.int32)
        end = tf.gather(tf.concat([first[1:], [tf.size(points)]], 0), part)
        piece, length = self._longest_pieces(points, tf.gather(first, part), end)
        is_start, failed = _follow_matches(first, end, length)
        failed = tf.gather(failed, part)
        is_start = tf.where(failed, begins, is_start)
        ids = tf.boolean_mask(tf.where(failed, self._fallback, piece), is_start)
        return ids, tf.boolean_mask(word, is_start)

    def _longest_pieces(self, points: Tensor, first: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
        """Return the longest subword that starts at each character, and its length (0 for none).

        Args:
            points: The code points.
            first: Start of the part of each character.
            end: End of the part of each character.
        """
        position = tf.range(tf.size(points))
        power = tf.minimum(position - first, self._limit)
        sums = tf.concat([tf.zeros([1], tf.int64), tf.cumsum(_mix(points) * tf.gather(self._powers, power))], 0)
        candidates = tf.where(end - first > self._limit, 0, tf.minimum(end - position, self._longest))
        begin = tf.repeat(position, candidates)
        before = tf.cumsum(candidates, exclusive=True)
        length = tf.range(tf.size(begin)) - tf.gather(before, begin) + 1
        key = (tf.gather(sums, begin + length) - tf.gather(sums, begin)) * tf.gather(
            self._inverses, tf.gather(power, begin)
        )
        within = tf.gather(power, begin) > 0
        key = tf.bitwise.bitwise_xor(key, tf.where(within, tf.constant(_to_signed(_CONTINUING), tf.int64), 0))
        piece = self.table.lookup(key)
        longest = tf.math.unsorted_segment_max(tf.where(piece >= 0, length, 0), begin, tf.size(points))
        longest = tf.maximum(longest, 0)
        # One more entry is needed for the last character, which may have no candidates.
        index = tf.minimum(before + longest - 1, tf.size(piece))
        return tf.gather(tf.concat([piece, [-1]], 0), tf.maximum(index, 0)), longest


def _follow_matches(first: Tensor, end: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
    """Follow the longest matches through all parts at once.

    Args:
        first: Start of each part, `[parts]`.
        end: End of the part of each character, `[characters]`.
        length: Length of the longest subword that starts at each character, 0 for none.

    Returns:
        For each character whether a subword starts there, and for each part whether the matches did not reach its end.
    """
    count = tf.size(first)

    def step(position: Tensor, part: Tensor, is_start: Tensor, failed: Tensor) -> tuple[Tensor, ...]:
        is_start = tf.tensor_scatter_nd_update(is_start, position[:, tf.newaxis], tf.ones_like(position, tf.bool))
        without_match = tf.boolean_mask(part, tf.gather(length, position) == 0)
        updates = tf.ones_like(without_match, tf.bool)
        failed = tf.tensor_scatter_nd_update(failed, without_match[:, tf.newaxis], updates)
        next_position = position + tf.gather(length, position)
        unfinished = (next_position > position) & (next_position < tf.gather(end, position))
        return tf.boolean_mask(next_position, unfinished), tf.boolean_mask(part, unfinished), is_start, failed

    state = (first, tf.range(count), tf.zeros(tf.shape(end), tf.bool), tf.zeros([count], tf.bool))
    _, _, is_start, failed = tf.while_loop(
        lambda position, *_: tf.size(position) > 0, step, state, shape_invariants=(tf.TensorShape([None]),) * 4
    )
    return is_start, failed


def _mix(points: Tensor) -> Tensor:
    """Map code points to well-distributed 64-bit integers, int64."""
    z = (tf.cast(points, tf.int64) + 1) * _to_signed(_FACTORS[0])
    z = tf.bitwise.bitwise_xor(z, _shift_right(z, 29)) * _to_signed(_FACTORS[1])
    return tf.bitwise.bitwise_xor(z, _shift_right(z, 32))


def _shift_right(x: Tensor, by: int) -> Tensor:
    unsigned = tf.bitcast(x, tf.uint64)
    return tf.bitcast(tf.bitwise.right_shift(unsigned, tf.constant(by, tf.uint64)), tf.int64)


def _add_hash(hashes: dict[int, int], key: int, number: int) -> None:
    if key in hashes:
        raise TfkdError(f"the subwords with the ids {hashes[key]} and {number} have the same hash.")
    hashes[key] = number


def _hash(points: Iterable[int]) -> int:
    """Return the sum of the mixed code points, each multiplied by a power of the base for its position."""
    total, power = 0, 1
    for point in points:
        z = (point + 1) * _FACTORS[0] % _MODULUS
        z = (z ^ z >> 29) * _FACTORS[1] % _MODULUS
        total = (total + (z ^ z >> 32) * power) % _MODULUS
        power = power * _BASE % _MODULUS
    return total


def _compute_powers(base: int, count: int) -> list[int]:
    return [_to_signed(pow(base, k, _MODULUS)) for k in range(count + 1)]


def _to_signed(value: int) -> int:
    return value - _MODULUS if value >= _MODULUS >> 1 else value
