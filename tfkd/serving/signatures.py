"""The signatures of an exported model: tagging raw text, tagging tokens, and the model's description."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfkd.models import MultiTaskTagger, Tagger
from tfkd.models.distinct_tokens import prepared
from tfkd.serving.card import ModelDescription, describe_model
from tfkd.text.segmentation import segment
from tfkd_base.errors import TfkdError

PADDED_SIZE = 4096
"""Tokens or subwords, with padding, that go through the network at once; a longer sentence is a group of its own."""


class Signatures(tf.Module):
    """A tagger or a teacher as graph functions of strings, with its vocabulary and weights inside.

    Sentences are sorted by size and tagged in groups of at most `PADDED_SIZE` tokens or subwords: memory is bounded and
    there is little padding, whatever a request holds. The shared layers of a teacher run once for all tasks. A tagger
    has the outputs `tags` and `scores`; a teacher has `tags/TASK` and `scores/TASK` for each task.

    Args:
        model: A trained tagger or teacher. Its weights are shared, not copied: if it is trained further, the answers
            change.

    Raises:
        TfkdError: The model is neither a tagger nor a teacher.

    Example:
        >>> from tfkd_base.corpora import demo_corpora
        >>> from tfkd.models import BiLSTM, Tagger
        >>> from tfkd.text import WordFeatures
        >>> corpus = demo_corpora(seed=1)["gene"]
        >>> signatures = Signatures(Tagger(WordFeatures.adapt(corpus), corpus, encoder=BiLSTM(units=8)))
        >>> answer = signatures.serving_default(tf.constant(["It binds. So.", ""]))
        >>> answer["tokens"].numpy().tolist()
        [[b'It', b'binds', b'.', b'So', b'.'], [b'', b'', b'', b'', b'']]
        >>> answer["sentences"].numpy().tolist()
        [[0, 0, 0, 1, 1], [-1, -1, -1, -1, -1]]
    """

    def __init__(self, model: Tagger | MultiTaskTagger, *, generated: bool = False) -> None:
        super().__init__(name="signatures")
        description = describe_model(_check_kind(model))
        if generated:
            description["generated"] = True
        # As text, because `tf.Module` tracks dictionaries.
        self._description = json.dumps(description, ensure_ascii=False)
        # Only the variables of the graph are tracked: an export has neither optimiser nor metrics.
        self.tracked_weights = [weight.value for weight in model.weights]
        self.tracked_tables = model.text.lookup_tables
        self._names = {suffix: tf.constant(["", *view.tags]) for suffix, view in _views(model).items()}
        # One graph of the network serves both signatures.
        self._tag = _graph(tf.TensorSpec([None], tf.string), tf.TensorSpec([None], tf.int64))(
            lambda tokens, lengths: _tag_by_size(model, tokens, lengths)
        )
        self.serving_default = _graph(tf.TensorSpec([None], tf.string, name="text"))(self._tag_passages)
        self.tag_tokens = _graph(tf.TensorSpec([None, None], tf.string, name="tokens"))(self._tag_sentences)
        self.describe = _graph(tf.TensorSpec([None], tf.string, name="text"))(self._describe)

    @property
    def description(self) -> ModelDescription:
        """The description of the model, see `tfkd.serving.card.describe_model`."""
        return json.loads(self._description)

    def _tag_passages(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.device("/CPU:0"):
            segments = segment(text)
        splits = segments.sentence_splits

        def dense(values: tf.Tensor, padding: str | float) -> tf.Tensor:
            return segments.group_by_passage(values).to_tensor(default_value=tf.cast(padding, values.dtype))

        answer = {
            "tokens": dense(segments.tokens, ""),
            "starts": dense(segments.starts, -1),
            "ends": dense(segments.ends, -1),
            "sentences": dense(segments.sentences, -1),
            "num_tokens": tf.cast(segments.group_by_passage(segments.starts).row_lengths(), tf.int32),
        }
        for suffix, (tags, scores) in self._tag(segments.tokens, splits[1:] - splits[:-1]).items():
            answer[f"tags{suffix}"] = tf.gather(self._names[suffix], dense(tags + 1, 0))
            answer[f"scores{suffix}"] = dense(scores, 0.0)
        return answer

    def _tag_sentences(self, tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        real = tokens != ""
        lengths = tf.reduce_sum(tf.cast(real, tf.int64), axis=1)
        where, shape = tf.where(real), tf.shape(tokens, out_type=tf.int64)
        answer = {}
        for suffix, (tags, scores) in self._tag(tf.boolean_mask(tokens, real), lengths).items():
            answer[f"tags{suffix}"] = tf.gather(self._names[suffix], tf.scatter_nd(where, tags + 1, shape))
            answer[f"scores{suffix}"] = tf.scatter_nd(where, scores, shape)
        return answer

    def _describe(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return the description for each text: a server needs a signature with an input, and answers row by row."""
        return {"model": tf.fill(tf.shape(text), self._description)}


def _check_kind(model: Tagger | MultiTaskTagger) -> Tagger | MultiTaskTagger:
    if not isinstance(model, Tagger | MultiTaskTagger):
        remedy = (
            "give `distiller.student`" if hasattr(model, "student") else "a run is opened with `tfkd.load_model(path)`"
        )
        raise TfkdError(f"expected a tfkd.models.Tagger or MultiTaskTagger, got a {type(model).__name__}: {remedy}")
    return model


def _views(model: Tagger | MultiTaskTagger) -> dict[str, Tagger]:
    """Return the tagger of each task by the ending of its outputs' names: `/TASK`, or `""` for a single task."""
    if isinstance(model, MultiTaskTagger):
        return {f"/{task}": model.for_task(task) for task in model.tasks}
    return {"": model}


def _graph(*signature: tf.TensorSpec) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that makes a graph. AutoGraph is not needed, and would take most of the time of an export."""
    return functools.partial(tf.function, input_signature=signature, autograph=False)


def _tag_by_size(
    model: Tagger | MultiTaskTagger, tokens: tf.Tensor, lengths: tf.Tensor
) -> dict[str, tuple[tf.Tensor, tf.Tensor]]:
    """Tag sentences in groups of similar size; the features of each distinct token are computed once.

    Args:
        model: The tagger or teacher.
        tokens: string, shape [N]: the tokens of all sentences, one after the other.
        lengths: int64, shape [S]: the number of tokens of each sentence; it may be 0.

    Returns:
        For each task, by `/TASK` (a tagger: by `""`), the indices of the tags of all tokens, int32 of shape [N], and
        their probabilities, float32 of shape [N].
    """
    types, ids = tf.unique(tf.concat([[""], tokens], 0))
    table = model.text.make_table(types)
    of_type = model.text.sizes(table)
    table = prepared(model, table)
    sizes = lengths if of_type is None else _sums(tf.gather(of_type, ids[1:]), lengths)
    order = tf.argsort(sizes, stable=True)
    total = tf.size(tokens, out_type=tf.int64)
    positions = tf.RaggedTensor.from_row_lengths(tf.range(total), lengths, validate=False)
    positions = tf.gather(positions, order).flat_values
    ids, lengths, sizes = tf.gather(ids[1:], positions), tf.gather(lengths, order), tf.gather(sizes, order)
    splits = tf.concat([[0], tf.cumsum(lengths)], 0)
    rows = tf.size(lengths, out_type=tf.int64)

    def more(row: tf.Tensor, *_: tf.Tensor) -> tf.Tensor:
        return row < rows

    def step(row: tf.Tensor, number: tf.Tensor, *found: tf.TensorArray) -> tuple[tf.Tensor | tf.TensorArray, ...]:
        rest = sizes[row:]
        fits = tf.range(1, tf.size(rest, out_type=tf.int64) + 1) * rest <= PADDED_SIZE
        end = row + tf.maximum(tf.reduce_sum(tf.cast(fits, tf.int64)), 1)
        chosen, first = lengths[row:end], splits[row]
        group = tf.RaggedTensor.from_row_lengths(ids[first : splits[end]], chosen, validate=False)
        decoded = model.decode(model.text.gather(table, group.to_tensor()))
        real = tf.sequence_mask(chosen)
        heads = [decoded[task] for task in model.tasks] if isinstance(model, MultiTaskTagger) else [decoded]
        values = [tf.boolean_mask(head[key], real) for head in heads for key in ("tags", "scores")]
        return end, number + 1, *(array.write(number, value) for array, value in zip(found, values, strict=True))

    suffixes = list(_views(model))
    arrays = [
        tf.TensorArray(dtype, 0, dynamic_size=True, infer_shape=False, element_shape=[None])
        for dtype in (tf.int32, tf.float32) * len(suffixes)
    ]
    first_row = tf.reduce_sum(tf.cast(lengths == 0, tf.int64))
    _, _, *arrays = tf.while_loop(more, step, (first_row, tf.constant(0), *arrays), parallel_iterations=1)
    found = [tf.scatter_nd(positions[:, tf.newaxis], array.concat(), [total]) for array in arrays]
    return dict(zip(suffixes, zip(found[::2], found[1::2], strict=True), strict=True))


def _sums(values: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Return the sum of each row of values."""
    ends = tf.concat([[0], tf.cumsum(values)], 0)
    splits = tf.concat([[0], tf.cumsum(lengths)], 0)
    return tf.gather(ends, splits[1:]) - tf.gather(ends, splits[:-1])
