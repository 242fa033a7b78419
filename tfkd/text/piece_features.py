"""Featurizer of subwords: tokens to the inputs of a pre-trained transformer, as TensorFlow graph code."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import keras
import tensorflow as tf
from typing_extensions import override

from tfkd.tensors import Tensor
from tfkd.text.bpe import BytePairs
from tfkd.text.text import Text
from tfkd.text.wordpiece import WordPiece
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
    ) -> None:
        self.pieces = tuple(pieces)
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
                self._tokenizer = WordPiece(self.pieces, lowercase, strip_accents, unknown)
            else:
                self._tokenizer = BytePairs(self.pieces, self.merges)

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
        return [self._tokenizer.table]

    @override
    def get_config(self) -> dict[str, Any]:
        return {
            "pieces": list(self.pieces),
            **self._special_tokens,
            "merges": None if self.merges is None else list(self.merges),
            "lowercase": self.lowercase,
            "strip_accents": self.strip_accents,
        }

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


def _join(chunks: Sequence[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    """Return one table of the subwords of all chunks. The first token, the padding, has none."""
    ids, lengths = zip(*chunks, strict=True) if chunks else ((), ())
    splits = tf.cumsum(tf.concat([tf.zeros([2], tf.int64), *lengths], axis=0))
    return {"pieces": tf.concat([tf.zeros([0], tf.int32), *ids], axis=0), "splits": splits}
