"""Base of the subword tokenizers: added tokens and normalisation, before words are split into subwords."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace

import tensorflow as tf

from tfkd.tensors import Tensor
from tfkd.text.added_tokens import AddedToken, make_matcher
from tfkd.text.character_rules import ALONE, Step, normalize
from tfkd.text.normalization import Normalization
from tfkd_base.errors import TfkdError


class SubwordTokenizer(ABC):
    """Tokenizer that splits words into subwords.

    It works in the order of Hugging Face's tokenizers: added tokens that are not normalised are found in the word; the
    rest is normalised; normalised added tokens are found in the result; what remains is split into subwords.

    Args:
        unknown: The id of the subword of a word that has no others.
        normalization: Steps of normalisation, see `tfkd.text.character_rules.STEPS`.
        rules: Rules for splitting words, see `tfkd.text.character_rules.RULES`.
        added: The added tokens.

    Attributes:
        table: Lookup table of the subwords or of their merges, which the subclass makes.

    Raises:
        TfkdError: Two added tokens are the same text after normalisation, or one is nothing.
    """

    table: tf.lookup.StaticHashTable

    def __init__(
        self, unknown: int, normalization: Sequence[Step], rules: Sequence[str], added: Sequence[AddedToken]
    ) -> None:
        self._fallback = unknown
        self._normalization = Normalization(normalization, rules)
        numbered = list(enumerate(added))
        self._match = make_matcher([(number, token) for number, token in numbered if not token.normalized])
        self._match_normalized = make_matcher(
            [(number, _normalize_token(token, normalization)) for number, token in numbered if token.normalized]
        )

    @abstractmethod
    def _split(self, points: Tensor, word: Tensor, kinds: Tensor) -> tuple[Tensor, Tensor]:
        """Split normalised words.

        Args:
            points: Code points. Those above U+10FFFF stand for added tokens, see `AddedTokenMatcher`.
            word: Index of the word of each character, ascending.
            kinds: Kind of each character by the rules for splitting words.

        Returns:
            The subword ids of all words, int32, and the index of the word of each.
        """

    @property
    def lookup_tables(self) -> list[tf.lookup.StaticHashTable]:
        """The lookup tables of the tokenizer. An exported model must hold references to them."""
        matchers = [matcher for matcher in (self._match, self._match_normalized) if matcher is not None]
        return [self.table, *(matcher.table for matcher in matchers), *self._normalization.tables]

    def __call__(self, words: Tensor) -> tuple[Tensor, Tensor]:
        """Split words into subwords.

        Args:
            words: Strings `[words]`. Bytes that are not UTF-8 count as the replacement character.

        Returns:
            The subword ids of all words in one tensor, int32, and the number of subwords of each word, at least 1,
            int64 `[words]`.
        """
        decoded = tf.strings.unicode_decode(words, "UTF-8", errors="replace")
        points, word = decoded.flat_values, tf.cast(decoded.value_rowids(), tf.int32)
        if self._match is not None:
            points, source, _ = self._match(points, word)
            word = tf.gather(word, source)
        points, word, kinds = self._normalization(points, word)
        if self._match_normalized is not None:
            points, source, is_token = self._match_normalized(points, word)
            word, kinds = tf.gather(word, source), tf.where(is_token, ALONE, tf.gather(kinds, source))
        ids, word = self._split(points, word, kinds)
        return self._add_empty_words(ids, word, tf.size(words))

    def _add_empty_words(self, ids: Tensor, word: Tensor, number: Tensor) -> tuple[Tensor, Tensor]:
        """Give words without subwords the unknown subword; return all ids and the counts."""
        counts = tf.math.unsorted_segment_sum(tf.ones_like(word, tf.int64), word, number)
        empty = tf.cast(tf.where(counts == 0)[:, 0], tf.int32)
        ids = tf.concat([ids, tf.fill(tf.shape(empty), self._fallback)], 0)
        order = tf.argsort(tf.concat([word, empty], 0), stable=True)
        return tf.gather(ids, order), tf.maximum(counts, 1)


def _normalize_token(token: AddedToken, steps: Sequence[Step]) -> AddedToken:
    """Return a token with a normalised content."""
    content = normalize(token.content, steps)
    if not content:
        raise TfkdError(f"the added token {token.content!r} is nothing after normalisation. Remove it.")
    return replace(token, content=content)
