"""The two functions that an exported model answers to: raw text, and tokens."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from tfkd.preprocessing.segmentation import segment

if TYPE_CHECKING:
    from tfkd.models import Tagger

PADDED_TOKENS = 4096
"""Tokens, padding counted, that go through the network at once; a longer sentence goes alone and whole."""


class Signatures(tf.Module):
    """A tagger as graph functions of strings, with its vocabulary and weights inside.

    Sentences are sorted by length and tagged in groups of at most `PADDED_TOKENS` tokens, so that memory is bounded
    and little is padded, whatever came in one request.

    Args:
        tagger: A trained tagger. Its weights are shared, not copied: what it learns later holds here too.

    Example:
        >>> from tfkd.corpora import demo_corpora
        >>> from tfkd.models import BiLSTM, Tagger
        >>> from tfkd.preprocessing import WordFeatures
        >>> corpus = demo_corpora(seed=1)["gene"]
        >>> signatures = Signatures(Tagger(WordFeatures.adapt(corpus), corpus, encoder=BiLSTM(8)))
        >>> answer = signatures.serving_default(tf.constant(["It binds. So.", ""]))
        >>> answer["tokens"].numpy().tolist()
        [[b'It', b'binds', b'.', b'So', b'.'], [b'', b'', b'', b'', b'']]
        >>> answer["sentences"].numpy().tolist()
        [[0, 0, 0, 1, 1], [-1, -1, -1, -1, -1]]
    """

    def __init__(self, tagger: Tagger) -> None:
        super().__init__(name="signatures")
        # Only what the graph reads is tracked, so that an export holds neither optimiser nor metrics.
        self.tracked_weights = [weight.value for weight in tagger.weights]
        self.tracked_tables = [v for v in vars(tagger.text).values() if isinstance(v, tf.lookup.StaticHashTable)]
        self._names = tf.constant(["", *tagger.tags])
        # One graph of the network serves both signatures.
        self._tag = _graph(tf.TensorSpec([None], tf.string), tf.TensorSpec([None], tf.int64))(
            lambda tokens, lengths: _tag_by_length(tagger, tokens, lengths)
        )
        self.serving_default = _graph(tf.TensorSpec([None], tf.string, name="text"))(self._tag_passages)
        self.tag_tokens = _graph(tf.TensorSpec([None, None], tf.string, name="tokens"))(self._tag_sentences)

    def _tag_passages(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.device("/CPU:0"):
            segments = segment(text)
        splits = segments.sentence_splits
        tags, scores = self._tag(segments.tokens, splits[1:] - splits[:-1])

        def dense(values: tf.Tensor, padding: str | float) -> tf.Tensor:
            return segments.by_passage(values).to_tensor(default_value=tf.cast(padding, values.dtype))

        return {
            "tokens": dense(segments.tokens, ""),
            "tags": tf.gather(self._names, dense(tags + 1, 0)),
            "scores": dense(scores, 0.0),
            "starts": dense(segments.starts, -1),
            "ends": dense(segments.ends, -1),
            "sentences": dense(segments.sentences, -1),
            "num_tokens": tf.cast(segments.by_passage(tags).row_lengths(), tf.int32),
        }

    def _tag_sentences(self, tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        real = tokens != ""
        lengths = tf.reduce_sum(tf.cast(real, tf.int64), axis=1)
        tags, scores = self._tag(tf.boolean_mask(tokens, real), lengths)
        where, shape = tf.where(real), tf.shape(tokens, out_type=tf.int64)
        return {
            "tags": tf.gather(self._names, tf.scatter_nd(where, tags + 1, shape)),
            "scores": tf.scatter_nd(where, scores, shape),
        }


def _graph(*signature: tf.TensorSpec) -> Callable[[Callable[..., Any]], Any]:
    """Make a function a graph. AutoGraph, which nothing here needs, would take most of the time of an export."""
    return functools.partial(tf.function, input_signature=signature, autograph=False)


def _tag_by_length(tagger: Tagger, tokens: tf.Tensor, lengths: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Tag sentences in groups of similar length.

    Args:
        tagger: The tagger.
        tokens: string, shape [N]: the tokens of all sentences, one after the other.
        lengths: int64, shape [S]: how many tokens each sentence has; 0 is allowed.

    Returns:
        For all tokens in their order the index of the tag, int32 of shape [N], and its probability, float32.
    """
    order = tf.argsort(lengths, stable=True)
    total = tf.size(tokens, out_type=tf.int64)
    positions = tf.RaggedTensor.from_row_lengths(tf.range(total), lengths, validate=False)
    positions = tf.gather(positions, order).flat_values
    tokens, lengths = tf.gather(tokens, positions), tf.gather(lengths, order)
    splits = tf.concat([[0], tf.cumsum(lengths)], 0)
    rows = tf.size(lengths, out_type=tf.int64)

    def more(row: tf.Tensor, *_: tf.Tensor) -> tf.Tensor:
        return row < rows

    def step(row: tf.Tensor, number: tf.Tensor, *found: tf.TensorArray) -> tuple[tf.Tensor | tf.TensorArray, ...]:
        rest = lengths[row:]
        fits = tf.range(1, tf.size(rest, out_type=tf.int64) + 1) * rest <= PADDED_TOKENS
        end = row + tf.maximum(tf.reduce_sum(tf.cast(fits, tf.int64)), 1)
        chosen, first = lengths[row:end], splits[row]
        group = tf.RaggedTensor.from_row_lengths(tokens[first : splits[end]], chosen, validate=False)
        decoded = tagger.decode(tagger.text(group.to_tensor(default_value="")))
        real = tf.sequence_mask(chosen)
        values = (tf.boolean_mask(decoded[key], real) for key in ("tags", "scores"))
        return end, number + 1, *(array.write(number, value) for array, value in zip(found, values, strict=True))

    arrays = [
        tf.TensorArray(dtype, 0, dynamic_size=True, infer_shape=False, element_shape=[None])
        for dtype in (tf.int32, tf.float32)
    ]
    first_row = tf.reduce_sum(tf.cast(lengths == 0, tf.int64))
    _, _, *arrays = tf.while_loop(more, step, (first_row, tf.constant(0), *arrays), parallel_iterations=1)
    tags, scores = (tf.scatter_nd(positions[:, tf.newaxis], array.concat(), [total]) for array in arrays)
    return tags, scores
