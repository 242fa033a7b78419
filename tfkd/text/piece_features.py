"""Featurizer of subwords: tokens to the inputs of a pre-trained transformer, as TensorFlow graph code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import keras
import tensorflow as tf
from typing_extensions import override

from tfkd.tensors import Tensor
from tfkd.text.added_tokens import AddedToken
from tfkd.text.bpe import BytePairs
from tfkd.text.character_rules import Step
from tfkd.text.text import Text
from tfkd.text.wordpiece import MAX_PART_LENGTH, WordPiece
from tfkd_base.errors import TfkdError, nearest

_CHUNK = 8192
"""Number of tokens that are split at once, to bound the memory."""


@keras.saving.register_keras_serializable("tfkd")
class PieceFeatures(Text):
    """Featurizer that turns tokens into subwords of the vocabulary of a pre-trained encoder.

    - `pieces`, int32 `[batch, pieces]`: the subword ids of each sentence, -1 in the padding.
    - `counts`, int32 `[batch, time]`: the number of subwords of each token, at least 1; 0 in the padding.

    The subwords of a token are those of the encoder's own tokenizer for text that is already split into words. A token
    without subwords, such as a single control character, becomes one unknown subword, so that every token has a
    vector. Invalid UTF-8 counts as the replacement character. The features contain no special tokens before or after a
    sentence: the encoder adds them.

    Args:
        pieces: The vocabulary in the order of its ids.
        begin: The special token before a sentence.
        end: The special token after a sentence.
        padding: The special token for padding.
        unknown: The special token for unknown subwords.
        merges: The merges of byte-pair encoding (RoBERTa) in their order, `"a b"`. Default: None, for WordPiece (BERT).
        lowercase: Whether WordPiece converts words to lower case.
        strip_accents: Whether WordPiece removes accents. Default: the value of `lowercase`.
        normalization: Steps of normalisation, see `tfkd.text.character_rules.STEPS`. Default: those of BERT with
            `lowercase` and `strip_accents`; none for byte-pair encoding.
        rules: Rules by which WordPiece splits a word into parts, see `tfkd.text.character_rules.RULES`.
        prefix: Start of the subwords of WordPiece that do not start a part.
        max_part_length: Length of the longest part that WordPiece splits. Longer parts are unknown.
        added: Tokens that are found in the text before words are split, such as `[MASK]` or new drug names. Their ids
            are places in `pieces`.

    Raises:
        TfkdError: The vocabulary lacks one of the special tokens, or does not fit its tokenizer.

    Example:
        >>> text = PieceFeatures(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "tumor", "##s"])
        >>> features = text(tf.constant([["Tumors", "x", ""]]))
        >>> features["pieces"].numpy().tolist(), features["counts"].numpy().tolist()
        ([[4, 5, 1]], [[2, 1, 0]])
    """

    def __init__(
        self,
        pieces: Sequence[str],
        *,
        begin: str = "[CLS]",
        end: str = "[SEP]",
        padding: str = "[PAD]",
        unknown: str = "[UNK]",
        merges: Sequence[str] | None = None,
        lowercase: bool = True,
        strip_accents: bool | None = None,
        normalization: Sequence[Step] | None = None,
        rules: Sequence[str] = ("bert",),
        prefix: str = "##",
        max_part_length: int = MAX_PART_LENGTH,
        added: Sequence[AddedToken | Mapping[str, Any]] = (),
    ) -> None:
        self.pieces = tuple(pieces)
        self.added = tuple(map(AddedToken.from_config, added))
        self.normalization = None if normalization is None else tuple(map(_to_step, normalization))
        self.rules, self.prefix, self.max_part_length = tuple(rules), prefix, max_part_length
        self.merges = None if merges is None else tuple(merges)
        self.lowercase, self.strip_accents = lowercase, strip_accents
        self._special_tokens = {"begin": begin, "end": end, "padding": padding, "unknown": unknown}
        ids = {piece: number for number, piece in enumerate(self.pieces)}
        for name, piece in self._special_tokens.items():
            if piece not in ids:
                near = nearest(piece, [p for p in ids if p.startswith(("[", "<"))])
                raise TfkdError(f"the vocabulary of {len(ids):,} subwords lacks the {name} token {piece!r}: {near}")
        self.begin, self.end, self.padding = ids[begin], ids[end], ids[padding]
        self._tokenizer: WordPiece | BytePairs
        with tf.init_scope():
            if self.merges is None:
                self._tokenizer = WordPiece(
                    self.pieces, lowercase, strip_accents, unknown, normalization=self.normalization, rules=self.rules,
                    prefix=prefix, max_part_length=max_part_length, added=self.added,
                )  # fmt: skip
            else:
                self._tokenizer = BytePairs(
                    self.pieces, self.merges, unknown, normalization=self.normalization or (), added=self.added
                )

    @override
    def __call__(self, tokens: Tensor) -> dict[str, Tensor]:
        tokens = tf.convert_to_tensor(tokens)
        real = tokens != ""
        types, number = tf.unique(tf.boolean_mask(tokens, real))
        ids, lengths = self._tokenizer(types)
        counts = tf.scatter_nd(tf.where(real), tf.gather(lengths, number), tf.shape(tokens, tf.int64))
        by_type = tf.RaggedTensor.from_row_lengths(ids, lengths, validate=False)
        return self._make_features(tf.gather(by_type, number).flat_values, counts)

    @override
    def make_table(self, types: Tensor) -> dict[str, Tensor]:
        return _join([self._tokenizer(types[1:])])

    @override
    def make_large_table(self, types: Sequence[str]) -> dict[str, Tensor]:
        return _join([self._traced(tf.constant(types[i : i + _CHUNK])) for i in range(1, len(types), _CHUNK)])

    @override
    def gather(self, table: dict[str, Tensor], ids: Tensor, size: Tensor | None = None) -> dict[str, Tensor]:
        by_type = tf.RaggedTensor.from_row_splits(table["pieces"], table["splits"], validate=False)
        counts = tf.gather(table["splits"], ids + 1) - tf.gather(table["splits"], ids)
        return self._make_features(tf.gather(by_type, tf.reshape(ids, [-1])).flat_values, counts, size)

    @override
    def sizes(self, table: dict[str, Tensor]) -> Tensor:
        return table["splits"][1:] - table["splits"][:-1]

    @override
    def inputs(self) -> dict[str, keras.KerasTensor]:
        return {
            "pieces": keras.Input((None,), dtype="int32", name="pieces"),
            "counts": keras.Input((None,), dtype="int32", name="counts"),
        }

    @staticmethod
    @override
    def mask(features: dict[str, Tensor]) -> Tensor:
        return keras.ops.greater(features["counts"], 0)

    @property
    @override
    def lookup_tables(self) -> list[tf.lookup.StaticHashTable]:
        return self._tokenizer.lookup_tables

    @override
    def get_config(self) -> dict[str, Any]:
        return {
            "pieces": list(self.pieces),
            **self._special_tokens,
            "merges": None if self.merges is None else list(self.merges),
            "lowercase": self.lowercase,
            "strip_accents": self.strip_accents,
            **self._get_further_settings(),
        }

    def _get_further_settings(self) -> dict[str, Any]:
        """Return the settings that differ from their defaults, so that the fingerprints of older models stay."""
        settings: dict[str, tuple[Any, Any]] = {
            "normalization": (None if self.normalization is None else [*map(_to_plain, self.normalization)], None),
            "rules": (list(self.rules), ["bert"]),
            "prefix": (self.prefix, "##"),
            "max_part_length": (self.max_part_length, MAX_PART_LENGTH),
            "added": ([token.get_config() for token in self.added], []),
        }
        return {name: value for name, (value, default) in settings.items() if value != default}

    @cached_property
    def _traced(self) -> Any:
        return tf.function(
            self._tokenizer.__call__, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False
        )

    @staticmethod
    def _make_features(pieces: Tensor, counts: Tensor, size: Tensor | None = None) -> dict[str, Tensor]:
        """Return the features of a batch from its subwords and the number of subwords of each token."""
        rows = tf.RaggedTensor.from_row_lengths(pieces, tf.reduce_sum(counts, axis=1), validate=False)
        dense = rows.to_tensor(-1)
        if size is not None:
            dense = tf.pad(dense, [[0, 0], [0, tf.cast(size, tf.int32) - tf.shape(dense)[1]]], constant_values=-1)
        return {"pieces": dense, "counts": tf.cast(counts, tf.int32)}


def _to_step(step: Step | Sequence[str]) -> Step:
    return step if isinstance(step, str) else (step[0], step[1], step[2])


def _to_plain(step: Step) -> str | list[str]:
    return step if isinstance(step, str) else list(step)


def _join(chunks: Sequence[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    """Return one table of the subwords of all chunks. The first token, the padding, has none."""
    ids, lengths = zip(*chunks, strict=True) if chunks else ((), ())
    splits = tf.cumsum(tf.concat([tf.zeros([2], tf.int64), *lengths], axis=0))
    return {"pieces": tf.concat([tf.zeros([0], tf.int32), *ids], axis=0), "splits": splits}
