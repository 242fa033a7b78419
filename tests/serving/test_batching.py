"""Texts in batches of bounded size, and a server that joins requests in one batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tests.models.small import draw_strong_weights, small_corpus, small_tagger
from tfkd.serving import Annotator
from tfkd.serving.signatures import Signatures
from tfkd_runtime.annotator import bounded_batches


@given(st.lists(st.integers(0, 30)), st.integers(1, 8), st.integers(1, 60))
def test_batches_are_bounded_full_and_in_order(lengths: list[int], size: int, limit: int) -> None:
    texts = ["x" * length for length in lengths]
    found = list(bounded_batches(texts, size, limit))
    assert [text for batch in found for text in batch] == texts
    for batch in found:
        assert 1 <= len(batch) <= size
        assert len(batch) == 1 or len(batch) * max(map(len, batch)) <= limit
    for batch, after in pairwise(found):
        one_more = [*batch, after[0]]
        assert len(one_more) > size or len(one_more) * max(map(len, one_more)) > limit


def test_no_more_than_one_is_read_ahead() -> None:
    taken = []

    def texts() -> Iterator[str]:
        for number in range(10):
            taken.append(number)
            yield "x" * 10

    assert len(next(bounded_batches(texts(), 4))) == 4
    assert len(taken) == 4


def answer_in_one_batch(signatures: Signatures, requests: Sequence[np.ndarray]) -> list[dict[str, np.ndarray]]:
    """Answer as TensorFlow Serving with `pad_variable_length_inputs`: a request is padded with its first value."""
    width = max(request.shape[1] for request in requests)
    padded = [
        np.pad(request, [(0, 0), (0, width - request.shape[1])], constant_values=request.flat[0])
        for request in requests
    ]
    answer = signatures.tag_tokens(tf.constant(np.concatenate(padded)))
    ends = np.cumsum([len(request) for request in requests])
    return [
        {name: value.numpy()[end - len(request) : end] for name, value in answer.items()}
        for request, end in zip(requests, ends, strict=True)
    ]


def test_tokens_after_an_empty_first_column_are_tagged_alike_in_every_batch() -> None:
    tagger = draw_strong_weights(small_tagger(small_corpus(), head="crf"))
    signatures = Signatures(tagger)
    rows = [["wa", "wf", "wk"], ["wb"], ["wl", "wk", "wc", "wf", "wf", "wd", "we"]]
    alone = [signatures.tag_tokens(tf.constant([row])) for row in rows]
    joined = answer_in_one_batch(signatures, [np.array([["", *row]], object) for row in rows])
    for row, one, other in zip(rows, alone, joined, strict=True):
        own = slice(1, len(row) + 1)
        assert other["tags"][0, own].tolist() == one["tags"][0].numpy().tolist()
        np.testing.assert_allclose(other["scores"][0, own], one["scores"][0], atol=1e-6)
        assert set(other["tags"][0, len(row) + 1 :]) <= {b""}
    # Without that column the padding is taken for tokens.
    without = answer_in_one_batch(signatures, [np.array([row], object) for row in rows])
    assert b"" not in without[0]["tags"]

    class Batching:
        def answer_tokens(self, sentences: Any) -> dict[str, np.ndarray]:
            return answer_in_one_batch(
                signatures, [np.array(sentences, object), np.array([["", *rows[2] * 2]], object)]
            )[0]

    annotator = Annotator(tagger)
    text, spans = "wa wf wk wb", [[(0, 2), (3, 5)], [(6, 8), (9, 11)]]
    expected = next(annotator.annotate_tokens([(text, spans)]))
    assert expected.entities
    annotator._models = [replace(model, backend=Batching()) for model in annotator._models]  # type: ignore[arg-type]
    found = next(annotator.annotate_tokens([(text, spans)]))
    assert [(e.start, e.end, e.type) for e in found.entities] == [(e.start, e.end, e.type) for e in expected.entities]
    np.testing.assert_allclose([e.score for e in found.entities], [e.score for e in expected.entities], atol=1e-5)
