"""Texts in batches of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tfkd.serving.annotator import bounded_batches


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
