from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfkd.evaluation import score
from tfkd_base.corpora import convert_tags, spans, tag_list
from tfkd_base.errors import TfkdError

TAGS = tag_list(["A", "B"], "iob2")


@st.composite
def two_taggings(draw):
    lengths = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    pair = []
    for _ in range(2):
        rows = []
        for length in lengths:
            row = draw(st.lists(st.sampled_from(TAGS), min_size=length, max_size=length))
            # What no valid sequence holds is made a beginning: an I- after anything but its own entity.
            for i, tag in enumerate(row):
                if tag.startswith("I-") and (i == 0 or row[i - 1][2:] != tag[2:]):
                    row[i] = "B" + tag[1:]
            rows.append(row)
        pair.append(rows)
    return pair


@settings(max_examples=60, deadline=None)
@given(two_taggings())
def test_counts_entities_whose_both_ends_and_type_are_right(pair):
    gold, found = ([{(i, s) for i, row in enumerate(rows) for s in spans(row, "iob2")}] for rows in pair)
    scores = score(*pair)
    for name in ("micro", "A", "B"):
        g, f = (({e for e in x[0] if name in ("micro", e[1].type)}) for x in (gold, found))
        got = scores.micro if name == "micro" else scores.types.get(name)
        if got is None:
            assert not g
            assert not f
            continue
        right = len(g & f)
        assert got.entities == len(g)
        assert got.precision == pytest.approx(right / len(f) if f else 0.0)
        assert got.recall == pytest.approx(right / len(g) if g else 0.0)
        assert got.f1 == pytest.approx(2 * right / (len(g) + len(f)) if g or f else 0.0)


def test_iobes_gives_the_same_figures_as_iob2():
    gold = [["B-A", "I-A", "O", "B-A"], ["B-B", "O"]]
    found = [["B-A", "O", "O", "B-A"], ["B-B", "B-A"]]
    iobes = [[convert_tags(row, "iob2", "iobes") for row in rows] for rows in (gold, found)]
    assert score(*iobes, "iobes").to_dict() == {**score(gold, found).to_dict(), "scheme": "iobes"}


def test_what_cannot_be_scored_is_refused():
    with pytest.raises(TfkdError, match="2 and 1 sentences"):
        score([["O"], ["O"]], [["O"]])
    with pytest.raises(TfkdError, match="cannot be told apart"):
        score([["I-A"]], [["I-A"]], "io")
