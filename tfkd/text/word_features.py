"""Featurizer of words: tokens to word, casing and character ids, as TensorFlow graph code."""

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
from tfkd_runtime.word_features import CASINGS


@keras.saving.register_keras_serializable("tfkd")
class WordFeatures(Text):
    """Featurizer that turns tokens into word ids, casing ids and character ids.

    - `words`, int32 `[batch, time]`: 0 for padding, 1 for words outside the vocabulary, then the vocabulary. Words are
      converted to lower case and their digits to 0, unless this is switched off.
    - `casing`, int32 `[batch, time]`: an index into `CASINGS`.
    - `characters`, int32 `[batch, time, max_characters]`: 0 for padding, 1 for unknown characters, then the known
      ones. Longer words keep their first and last characters, half of `max_characters` each.

    Invalid UTF-8 counts as the replacement character.

    Args:
        words: The vocabulary in normalised form, most frequent word first.
        characters: The known characters.
        lowercase: Whether words are converted to lower case for the vocabulary.
        normalize_digits: Whether digits are replaced by 0 for the vocabulary.
        max_characters: Number of characters that are kept of each word.

    Raises:
        TfkdError: `max_characters` is below 2, or `words` contains a word twice.

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
            duplicate = Counter(words).most_common(1)[0][0]
            raise TfkdError(f"expected each word of the vocabulary once, got {duplicate!r} twice.")
        self.words = tuple(words)
        self.characters = tuple(characters)
        self.lowercase = lowercase
        self.normalize_digits = normalize_digits
        self.max_characters = max_characters
        with tf.init_scope():
            self._word_ids = _make_word_table(self.words)
            self._character_ids = tf.constant(_make_character_table(self.characters))

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
            min_count: Minimum number of occurrences of a word. Rarer words train the vector of the unknown word.
            extra_words: Additional words of the vocabulary, for example those with pre-trained vectors.
            extra_sentences: Additional token sequences to count, for example the unlabelled text of a student.
            **kwargs: Further arguments of the constructor.

        Example:
            >>> from tfkd_base.corpora import Corpus, Sentence
            >>> corpus = Corpus("c", "iob2", {"train": (Sentence(("p53", "binds", "p53"), ("B-Gene", "O", "B-Gene")),)})
            >>> WordFeatures.adapt([corpus]).words
            ('p00',)
        """
        corpora = [corpora] if isinstance(corpora, Corpus) else list(corpora)
        for corpus in corpora:
            if not isinstance(corpus, Corpus):
                raise TfkdError(
                    f"expected a corpus or several, got a {type(corpus).__name__} among them: give whole corpora, "
                    "whose training splits are read; of a dictionary its `values()`."
                )
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
        vocabulary = dict.fromkeys(sorted((w for w in words if words[w] >= min_count), key=lambda w: (-words[w], w)))
        vocabulary.update(dict.fromkeys(self._normalize_all(list(extra_words))))
        frequent = sorted((c for c in characters if characters[c] >= 2), key=lambda c: (-characters[c], c))
        return cls(list(vocabulary), frequent, **kwargs)

    @override
    def __call__(self, tokens: Tensor) -> dict[str, Tensor]:
        tokens = tf.convert_to_tensor(tokens)
        return {
            "words": self._word_ids.lookup(self.normalize(tokens)),
            "casing": _casing(tokens),
            "characters": self._characters(tokens),
        }

    @override
    def make_table(self, types: Tensor) -> dict[str, Tensor]:
        return {name: column[:, 0] for name, column in self(types[:, tf.newaxis]).items()}

    @override
    def make_large_table(self, types: Sequence[str]) -> dict[str, Tensor]:
        chunks = [self._traced(tf.constant(types[i : i + 8192])) for i in range(0, len(types), 8192)]
        return {name: tf.concat([chunk[name] for chunk in chunks], axis=0) for name in chunks[0]}

    @override
    def gather(self, table: dict[str, Tensor], ids: Tensor, size: Tensor | None = None) -> dict[str, Tensor]:
        return {name: tf.gather(rows, ids) for name, rows in table.items()}

    @cached_property
    def _traced(self) -> Any:
        return tf.function(self.make_table, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)

    def normalize(self, tokens: Tensor) -> Tensor:
        """Return tokens, strings of any shape, in the form of the vocabulary."""
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
        """Normalise tokens with the graph, because Python lower-cases some characters differently."""
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
        chosen = tf.gather(values, tf.where(position < lengths, starts + position, tf.shape(values)[0] - 1))
        ids = tf.gather(self._character_ids, tf.minimum(chosen + 1, tf.shape(self._character_ids)[0] - 1))
        return tf.reshape(ids, tf.concat([tf.shape(tokens), [self.max_characters]], axis=0))


def _make_word_table(words: Sequence[str]) -> tf.lookup.StaticHashTable:
    keys = tf.constant(["", *words], tf.string)
    values = tf.constant([0, *range(2, len(words) + 2)], tf.int32)
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), default_value=1)


def _make_character_table(characters: Sequence[str]) -> np.ndarray:
    """Return the ids of code points, shifted by 1: the first entry is the padding, the last all higher points."""
    highest = max((ord(c) for c in characters), default=0)
    table = np.ones(highest + 3, np.int32)
    table[0] = 0
    for index, character in enumerate(characters):
        table[ord(character) + 1] = index + 2
    return table


def _casing(tokens: Tensor) -> Tensor:
    """Return the index into `CASINGS` of each token."""

    def match(pattern: str) -> Tensor:
        return tf.strings.regex_full_match(tokens, pattern)

    casing = tf.fill(tf.shape(tokens), CASINGS.index("other"))
    # From the most general to the most specific pattern: the last match wins.
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
