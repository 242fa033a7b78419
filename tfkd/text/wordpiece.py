"""WordPiece, BERT's cutting of words into pieces of a vocabulary, in core TensorFlow operations."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from tfkd.tensors import Tensor
from tfkd.text.bert_forms import ALONE, SEPARATES, bert_forms
from tfkd.text.characters import BLOCK
from tfkd_base.errors import TfkdError

LONGEST_WORD = 100
"""Characters of the longest sub-word that is cut into pieces; a longer one is unknown."""

_MODULUS = 1 << 64
_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, _MODULUS)
_FACTORS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_CONTINUING = 0x5851F42D4C957F2D
"""Tells a piece within a sub-word from the same characters at its beginning."""


class WordPiece:
    """Cut words into pieces, as the tokenizers of BERT do (Wu et al. 2016; Devlin et al. 2019).

    A word is brought to BERT's form, parted at punctuation, and of each part the longest piece that it begins with is
    taken, then the longest of the rest, and so on. A part that cannot be cut so is one unknown piece, and so is a word
    of which nothing is left.

    All words are cut at once, without a loop over characters: a substring is known by a hash that comes of the sums
    over its characters, all substrings short enough to be a piece are looked up in one table, and what remains is to
    follow the longest from one to the next, in as many steps as a word has pieces. The hashes of the pieces are checked
    to be different; one of 64 bits meets another substring's with a probability of 1e-15 in a vocabulary of 30,000.

    Args:
        pieces: The vocabulary in the order of its ids; within a sub-word pieces begin with `##`.
        lowercase: Whether words are brought to lower case.
        strip_accents: Whether accents are taken off; as `lowercase` by default.
        unknown: The piece for what is unknown.

    Raises:
        TfkdError: The vocabulary lacks the unknown piece, or holds one twice.

    Example:
        >>> cut = WordPiece(["[UNK]", "tumor", "##s", "-", "b"])
        >>> [row.tolist() for row in tf.RaggedTensor.from_row_lengths(*cut(tf.constant(["Tumors", "B-x"]))).numpy()]
        [[1, 2], [4, 3, 0]]
    """

    def __init__(
        self,
        pieces: Sequence[str],
        lowercase: bool = True,
        strip_accents: bool | None = None,
        unknown: str = "[UNK]",
    ) -> None:
        if unknown not in pieces:
            raise TfkdError(f"the vocabulary of {len(pieces):,} pieces has no {unknown!r}, which unknown words need.")
        forms = bert_forms(lowercase, lowercase if strip_accents is None else strip_accents)
        self._index, self._ends = tf.constant(forms.index), tf.constant(forms.ends)
        self._differences, self._kinds = tf.constant(forms.differences), tf.constant(forms.kinds)
        self._unknown = list(pieces).index(unknown)
        hashes: dict[int, int] = {}
        self._longest = 1
        for number, piece in enumerate(pieces):
            within = piece.startswith("##") and len(piece) > 2
            characters = piece[2:] if within else piece
            key = _hash(characters) ^ (_CONTINUING if within else 0)
            if key in hashes:
                raise TfkdError(f"the vocabulary holds {piece!r} twice, as pieces {hashes[key]} and {number}.")
            hashes[key] = number
            self._longest = max(self._longest, len(characters))
        keys = tf.constant([_signed(key) for key in hashes], tf.int64)
        initializer = tf.lookup.KeyValueTensorInitializer(keys, tf.constant([*hashes.values()], tf.int32))
        self.table = tf.lookup.StaticHashTable(initializer, default_value=-1)
        self._powers = tf.constant([_signed(pow(_BASE, k, _MODULUS)) for k in range(LONGEST_WORD + 1)], tf.int64)
        self._inverses = tf.constant([_signed(pow(_INVERSE, k, _MODULUS)) for k in range(LONGEST_WORD + 1)], tf.int64)

    def __call__(self, words: Tensor) -> tuple[Tensor, Tensor]:
        """Cut words.

        Args:
            words: Strings `[words]`; bytes that are not UTF-8 count as the replacement character.

        Returns:
            The ids of all pieces one after another, int32, and how many each word has, at least 1, int64 `[words]`.
        """
        points, word, begins = self._sub_words(words)
        sub_word = tf.cumsum(tf.cast(begins, tf.int32)) - 1
        first = tf.cast(tf.where(begins)[:, 0], tf.int32)
        end = tf.gather(tf.concat([first[1:], [tf.size(points)]], 0), sub_word)
        piece, length = self._longest_pieces(points, tf.gather(first, sub_word), end)
        taken, failed = _followed(first, end, length)
        failed = tf.gather(failed, sub_word)
        taken = tf.where(failed, begins, taken)
        ids = tf.boolean_mask(tf.where(failed, self._unknown, piece), taken)
        return self._with_empty_words(ids, tf.boolean_mask(word, taken), tf.size(words, tf.int64))

    def _sub_words(self, words: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Bring words to BERT's form.

        Returns:
            Of every character its code point, the number of its word, and whether a sub-word begins with it.
        """
        decoded = tf.strings.unicode_decode(words, "UTF-8", errors="replace")
        points = decoded.flat_values
        row = tf.gather(self._index, tf.bitwise.right_shift(points, 8)) * BLOCK + tf.bitwise.bitwise_and(points, 255)
        start = tf.gather(self._ends, row)
        count = tf.gather(self._ends, row + 1) - start
        source = tf.repeat(tf.range(tf.size(points)), count)
        place = tf.range(tf.size(source)) + tf.gather(start - tf.cumsum(count, exclusive=True), source)
        points = tf.gather(points, source) + tf.gather(self._differences, place)
        kind, word = tf.gather(self._kinds, place), tf.gather(decoded.value_rowids(), source)
        joined = (word[1:] == word[:-1]) & (kind[:-1] == 0) & (kind[1:] != ALONE)
        begins = tf.concat([tf.ones([tf.minimum(tf.size(word), 1)], tf.bool), ~joined], 0)
        kept = kind != SEPARATES
        return tf.boolean_mask(points, kept), tf.boolean_mask(word, kept), tf.boolean_mask(begins, kept)

    def _longest_pieces(self, points: Tensor, first: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
        """Find the longest piece that begins with each character, if there is one, and its length, or 0.

        Args:
            points: The code points.
            first: Where each one's sub-word begins.
            end: Where it ends.
        """
        here = tf.range(tf.size(points))
        power = tf.minimum(here - first, LONGEST_WORD)
        sums = tf.concat([tf.zeros([1], tf.int64), tf.cumsum(_mixed(points) * tf.gather(self._powers, power))], 0)
        tried = tf.where(end - first > LONGEST_WORD, 0, tf.minimum(end - here, self._longest))
        begin = tf.repeat(here, tried)
        before = tf.cumsum(tried, exclusive=True)
        length = tf.range(tf.size(begin)) - tf.gather(before, begin) + 1
        key = (tf.gather(sums, begin + length) - tf.gather(sums, begin)) * tf.gather(
            self._inverses, tf.gather(power, begin)
        )
        within = tf.gather(power, begin) > 0
        key = tf.bitwise.bitwise_xor(key, tf.where(within, tf.constant(_signed(_CONTINUING), tf.int64), 0))
        found = self.table.lookup(key)
        longest = tf.math.unsorted_segment_max(tf.where(found >= 0, length, 0), begin, tf.size(points))
        longest = tf.maximum(longest, 0)
        # One more stands for the last character, of which nothing may have been tried.
        at = tf.minimum(before + longest - 1, tf.size(found))
        return tf.gather(tf.concat([found, [-1]], 0), tf.maximum(at, 0)), longest

    def _with_empty_words(self, ids: Tensor, word: Tensor, number: Tensor) -> tuple[Tensor, Tensor]:
        counts = tf.math.unsorted_segment_sum(tf.ones_like(word), word, number)
        empty = tf.where(counts == 0)[:, 0]
        ids = tf.concat([ids, tf.fill(tf.shape(empty), self._unknown)], 0)
        order = tf.argsort(tf.concat([word, empty], 0), stable=True)
        return tf.gather(ids, order), tf.maximum(counts, 1)


def _followed(first: Tensor, end: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
    """Go through all sub-words at once, from each piece to the next.

    Args:
        first: Where each sub-word begins, `[sub-words]`.
        end: Where the sub-word of each character ends, `[characters]`.
        length: The length of the longest piece that begins with each character, 0 for none.

    Returns:
        Whether a piece begins with each character, and for each sub-word whether there was no way on.
    """
    count = tf.size(first)

    def step(here: Tensor, number: Tensor, taken: Tensor, failed: Tensor) -> tuple[Tensor, ...]:
        taken = tf.tensor_scatter_nd_update(taken, here[:, tf.newaxis], tf.ones_like(here, tf.bool))
        lost = tf.boolean_mask(number, tf.gather(length, here) == 0)
        failed = tf.tensor_scatter_nd_update(failed, lost[:, tf.newaxis], tf.ones_like(lost, tf.bool))
        following = here + tf.gather(length, here)
        on = (following > here) & (following < tf.gather(end, here))
        return tf.boolean_mask(following, on), tf.boolean_mask(number, on), taken, failed

    state = (first, tf.range(count), tf.zeros(tf.shape(end), tf.bool), tf.zeros([count], tf.bool))
    _, _, taken, failed = tf.while_loop(
        lambda here, *_: tf.size(here) > 0, step, state, shape_invariants=(tf.TensorShape([None]),) * 4
    )
    return taken, failed


def _mixed(points: Tensor) -> Tensor:
    """Spread code points over 64 bits, int64."""
    z = (tf.cast(points, tf.int64) + 1) * _signed(_FACTORS[0])
    z = tf.bitwise.bitwise_xor(z, _shifted(z, 29)) * _signed(_FACTORS[1])
    return tf.bitwise.bitwise_xor(z, _shifted(z, 32))


def _shifted(x: Tensor, by: int) -> Tensor:
    unsigned = tf.bitcast(x, tf.uint64)
    return tf.bitcast(tf.bitwise.right_shift(unsigned, tf.constant(by, tf.uint64)), tf.int64)


def _hash(characters: str) -> int:
    """Return the sum of the mixed code points, each times a power of the base by its place."""
    total, power = 0, 1
    for character in characters:
        z = (ord(character) + 1) * _FACTORS[0] % _MODULUS
        z = (z ^ z >> 29) * _FACTORS[1] % _MODULUS
        total = (total + (z ^ z >> 32) * power) % _MODULUS
        power = power * _BASE % _MODULUS
    return total


def _signed(value: int) -> int:
    return value - _MODULUS if value >= _MODULUS >> 1 else value
