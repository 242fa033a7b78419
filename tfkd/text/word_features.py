"""From tokens to numbers, as TensorFlow graph code: the same for training and for serving."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from typing_extensions import override

from tfkd.tensors import Tensor
from tfkd.text.text import Text
from tfkd_base.corpora import Corpus
from tfkd_base.errors import TfkdError

CASINGS = ("padding", "lower", "upper", "title", "mixed", "number", "with_digit", "punctuation", "other")
"""Shapes of a word, by index in the feature `casing`."""


@keras.saving.register_keras_serializable("tfkd")
class WordFeatures(Text):
    """Turn tokens into word ids, casing ids and character ids.

    Calling it is TensorFlow graph code. A token's features depend on that token alone, so that
    training may compute them once for each distinct token.

    - `words`, int32 `[batch, time]`: 0 padding, 1 a word outside the vocabulary, then the vocabulary.
      A word is lower-cased and its digits are read as 0, unless switched off.
    - `casing`, int32 `[batch, time]`: an index into `CASINGS`.
    - `characters`, int32 `[batch, time, max_characters]`: 0 padding, 1 unknown, then the characters. Of a longer
      word the first and the last half of `max_characters` are kept.

    Invalid UTF-8 counts as the replacement character.

    Args:
        words: The vocabulary, most frequent first, as normalised.
        characters: The known characters.
        lowercase: Whether words are lower-cased for the vocabulary.
        normalize_digits: Whether digits of words are read as 0 for the vocabulary.
        max_characters: Characters kept of a word.

    Raises:
        TfkdError: `max_characters` is below 2, or a word stands twice in `words`.

    Example:
        >>> text = WordFeatures(["the", "gene"], ["a", "b"])
        >>> text(tf.constant([["The", "BRCA1", ""]]))["words"].numpy().tolist()
        [[2, 1, 0]]
    """

    def __init__(
        self,
        words: Sequence[str],
        characters: Sequence[str],
        *,
        lowercase: bool = True,
        normalize_digits: bool = True,
        max_characters: int = 20,
    ) -> None:
        if max_characters < 2:
            raise TfkdError(f"max_characters must be at least 2, got {max_characters}.")
        if len(set(words)) < len(words):
            twice = Counter(words).most_common(1)[0][0]
            raise TfkdError(f"the vocabulary holds {twice!r} twice: give each word once.")
        self.words = tuple(words)
        self.characters = tuple(characters)
        self.lowercase = lowercase
        self.normalize_digits = normalize_digits
        self.max_characters = max_characters
        with tf.init_scope():
            self._word_ids = _table(self.words)
            self._character_ids = tf.constant(_character_table(self.characters))

    @classmethod
    def adapt(
        cls,
        corpora: Corpus | Iterable[Corpus],
        *,
        min_count: int = 2,
        extra_words: Iterable[str] = (),
        extra_sentences: Iterable[Sequence[str]] = (),
        **kwargs: Any,
    ) -> WordFeatures:
        """Build the vocabulary from the training splits of corpora.

        Args:
            corpora: One or several corpora.
            min_count: How often a word must occur to be known; the rarer ones train the unknown word's vector.
            extra_words: More words to know, e.g. those that pre-trained vectors have.
            extra_sentences: More token sequences to count, e.g. text without labels that a student learns from.
            **kwargs: As the constructor's.

        Example:
            >>> from tfkd_base.corpora import Corpus, Sentence
            >>> corpus = Corpus("c", "iob2", {"train": (Sentence(("p53", "binds", "p53"), ("B-Gene", "O", "B-Gene")),)})
            >>> WordFeatures.adapt([corpus]).words
            ('p00',)
        """
        if isinstance(corpora, Corpus):
            corpora = [corpora]
        tokens = Counter(token for corpus in corpora for s in corpus.train for token in s.tokens)
        for sentence in extra_sentences:
            tokens.update(sentence)
        self = cls((), (), **kwargs)
        words: Counter[str] = Counter()
        characters: Counter[str] = Counter()
        for token, normalized in zip(tokens, self._normalize_all(list(tokens)), strict=True):
            words[normalized] += tokens[token]
            for character in token:
                characters[character] += tokens[token]
        known = dict.fromkeys(sorted((w for w in words if words[w] >= min_count), key=lambda w: (-words[w], w)))
        known.update(dict.fromkeys(self._normalize_all(list(extra_words))))
        frequent = sorted((c for c in characters if characters[c] >= 2), key=lambda c: (-characters[c], c))
        return cls(list(known), frequent, **kwargs)

    @override
    def __call__(self, tokens: Tensor) -> dict[str, Tensor]:
        tokens = tf.convert_to_tensor(tokens)
        return {
            "words": self._word_ids.lookup(self.normalize(tokens)),
            "casing": _casing(tokens),
            "characters": self._characters(tokens),
        }

    @override
    def of_types(self, types: Tensor) -> dict[str, Tensor]:
        return {name: column[:, 0] for name, column in self(types[:, tf.newaxis]).items()}

    @override
    def table(self, types: Sequence[str]) -> dict[str, Tensor]:
        chunks = [self._traced(tf.constant(types[i : i + 8192])) for i in range(0, len(types), 8192)]
        return {name: tf.concat([chunk[name] for chunk in chunks], axis=0) for name in chunks[0]}

    @override
    def gather(self, table: dict[str, Tensor], ids: Tensor, size: Tensor | None = None) -> dict[str, Tensor]:
        return {name: tf.gather(rows, ids) for name, rows in table.items()}

    @cached_property
    def _traced(self) -> Any:
        return tf.function(self.of_types, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)

    def normalize(self, tokens: Tensor) -> Tensor:
        """Bring tokens into the vocabulary's form, strings of any shape."""
        if self.lowercase:
            tokens = tf.strings.lower(tokens, encoding="utf-8")
        if self.normalize_digits:
            tokens = tf.strings.regex_replace(tokens, r"[0-9]", "0")
        return tokens

    @override
    def inputs(self) -> dict[str, keras.KerasTensor]:
        return {
            "words": keras.Input((None,), dtype="int32", name="words"),
            "casing": keras.Input((None,), dtype="int32", name="casing"),
            "characters": keras.Input((None, None), dtype="int32", name="characters"),
        }

    @staticmethod
    @override
    def mask(features: dict[str, Tensor]) -> Tensor:
        return keras.ops.not_equal(features["words"], 0)

    @property
    @override
    def lookup_tables(self) -> list[tf.lookup.StaticHashTable]:
        return [self._word_ids]

    @override
    def get_config(self) -> dict[str, Any]:
        return {
            "words": list(self.words),
            "characters": list(self.characters),
            "lowercase": self.lowercase,
            "normalize_digits": self.normalize_digits,
            "max_characters": self.max_characters,
        }

    def _normalize_all(self, tokens: list[str]) -> list[str]:
        """Normalise by the graph itself: Python's lower-casing differs from it for some characters."""
        if not tokens:
            return []
        return [w.decode("utf-8", "replace") for w in self.normalize(tf.constant(tokens)).numpy()]

    def _characters(self, tokens: Tensor) -> Tensor:
        points = tf.strings.unicode_decode(tf.reshape(tokens, [-1]), "UTF-8", errors="replace")
        lengths = tf.cast(points.row_lengths(), tf.int32)[:, tf.newaxis]
        position = tf.range(self.max_characters)[tf.newaxis, :]
        from_end = (position >= self.max_characters // 2) & (lengths > self.max_characters)
        position += tf.where(from_end, lengths - self.max_characters, 0)
        starts = tf.cast(points.row_starts(), tf.int32)[:, tf.newaxis]
        values = tf.concat([points.flat_values, [-1]], axis=0)
        taken = tf.gather(values, tf.where(position < lengths, starts + position, tf.shape(values)[0] - 1))
        ids = tf.gather(self._character_ids, tf.minimum(taken + 1, tf.shape(self._character_ids)[0] - 1))
        return tf.reshape(ids, tf.concat([tf.shape(tokens), [self.max_characters]], axis=0))


def _table(words: Sequence[str]) -> tf.lookup.StaticHashTable:
    keys = tf.constant(["", *words], tf.string)
    values = tf.constant([0, *range(2, len(words) + 2)], tf.int32)
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), default_value=1)


def _character_table(characters: Sequence[str]) -> np.ndarray:
    """Map code point + 1 to a character's id; -1 is padding, and the last entry stands for all above."""
    highest = max((ord(c) for c in characters), default=0)
    table = np.ones(highest + 3, np.int32)
    table[0] = 0
    for index, character in enumerate(characters):
        table[ord(character) + 1] = index + 2
    return table


def _casing(tokens: Tensor) -> Tensor:
    """Compute the index into `CASINGS` of each token."""

    def match(pattern: str) -> Tensor:
        return tf.strings.regex_full_match(tokens, pattern)

    casing = tf.fill(tf.shape(tokens), CASINGS.index("other"))
    # From the most general to the most special: the last that matches is taken.
    for name, pattern in (
        ("punctuation", r"[^\p{L}\p{N}]*"),
        ("mixed", r"[^\p{N}]*[\p{Lu}\p{Ll}][^\p{N}]*"),
        ("with_digit", r".*\p{N}.*"),
        ("number", r"[\p{N}.,]*\p{N}[\p{N}.,]*"),
        ("title", r"\p{Lu}[^\p{Lu}\p{N}]*"),
        ("lower", r"[^\p{Lu}\p{N}]*\p{Ll}[^\p{Lu}\p{N}]*"),
        ("upper", r"[^\p{Ll}\p{N}]*\p{Lu}[^\p{Ll}\p{N}]*"),
        ("padding", ""),
    ):
        casing = tf.where(match(pattern), CASINGS.index(name), casing)
    return casing
