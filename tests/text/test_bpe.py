from __future__ import annotations

import functools
import itertools
import json

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pretrained.golden_files import GOLDEN, arrays, rows, words
from tfkd.text import BytePairs
from tfkd.text.bpe import byte_characters
from tfkd_base.errors import TfkdError

BYTES = list(byte_characters())


def cut(with_, given_words):
    """Cut words; give a list of ids for each."""
    ids, lengths = with_(tf.constant([w if isinstance(w, bytes) else w.encode() for w in given_words], tf.string))
    assert (ids.dtype, lengths.dtype) == (tf.int32, tf.int64)
    return tf.RaggedTensor.from_row_lengths(ids, lengths).to_list()


def merged(merges, word):
    """Put the letters of one word together pair by pair, in plain Python."""
    parts = ["Ġ", *word]
    rank = {tuple(merge.split(" ")): number for number, merge in enumerate(merges)}
    while True:
        pairs = [pair for pair in itertools.pairwise(parts) if pair in rank]
        if not pairs:
            return parts
        best, made, at = min(pairs, key=lambda pair: rank[pair]), [], 0
        while at < len(parts):
            both = tuple(parts[at : at + 2]) == best
            made.append("".join(best) if both else parts[at])
            at += 2 if both else 1
        parts = made


@functools.cache
def of_golden():
    folder = GOLDEN / "byte_pairs"
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    merges = (folder / "merges.txt").read_text(encoding="utf-8").split("\n")[1:-1]
    return graph(BytePairs(sorted(vocabulary, key=vocabulary.get), merges))


@functools.cache
def of_bytes():
    return graph(BytePairs(BYTES, []))


def graph(with_):
    """Make a graph that takes any number of words."""
    return tf.function(with_.__call__, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)


def test_words_are_cut_as_tokenizers_cuts_them():
    expected = rows(arrays("pieces"), "byte_pairs")
    found = cut(of_golden(), words())
    assert [(w, a, b) for w, a, b in zip(words(), found, expected, strict=True) if a != b] == []
    assert min(map(len, expected)) == 1
    assert max(map(len, expected)) > 100


@settings(max_examples=10)
@given(data=st.data(), given_words=st.lists(st.text("ab", min_size=1, max_size=9), min_size=10, max_size=30))
def test_pairs_are_put_together_in_the_order_of_the_merges(data, given_words):
    known, merges = ["a", "b", "Ġ"], []
    for _ in range(data.draw(st.integers(0, 6))):
        pair = (data.draw(st.sampled_from(known)), data.draw(st.sampled_from(known)))
        if "Ġ" not in pair[1] and "".join(pair) not in known:
            merges.append(" ".join(pair))
            known.append("".join(pair))
    pieces = [*BYTES, *known[3:]]
    found = cut(BytePairs(pieces, merges), given_words)
    assert [[pieces[i] for i in row] for row in found] == [merged(merges, word) for word in given_words]


def test_runs_are_put_together_from_the_left():
    pieces = [*BYTES, "aa", "aaa", "Ġa"]
    found = cut(BytePairs(pieces, ["a a"]), ["a", "aa", "aaa", "aaaaa"])
    assert [[pieces[i] for i in row] for row in found] == [
        ["Ġ", "a"], ["Ġ", "aa"], ["Ġ", "aa", "a"], ["Ġ", "aa", "aa", "a"],
    ]  # fmt: skip
    # The earlier merge goes first, wherever it stands.
    found = cut(BytePairs(pieces, ["Ġ a", "a a", "aa a"]), ["aaaa", "aaaaaa"])
    assert [[pieces[i] for i in row] for row in found] == [["Ġa", "aaa"], ["Ġa", "aa", "aaa"]]


@pytest.mark.parametrize("letter", ["\u03b1", "\u65e5", "\U0001f600"])
def test_characters_are_read_as_their_bytes(letter):
    found = cut(of_bytes(), [letter])[0]
    assert bytes(found) == f" {letter}".encode()


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6), min_size=1, max_size=4))
def test_without_merges_a_word_is_its_bytes(given_words):
    found = cut(of_bytes(), given_words)
    expected = [word if word.startswith(" ") else f" {word}" for word in given_words]
    assert [bytes(row).decode() for row in found] == expected


def test_invalid_utf8_counts_as_the_replacement_character():
    with_ = of_golden()
    assert cut(with_, [b"a\xffb", b"\xc3", b"\xe4\xb8"]) == cut(with_, ["a\ufffdb", "\ufffd", "\ufffd"])


@pytest.mark.parametrize("given_words", [[], [""], [" "]])
def test_few_words(given_words):
    assert cut(of_bytes(), given_words) == [[32]] * len(given_words)


def test_words_do_not_depend_on_what_stands_beside_them():
    every = words()[::25]
    together = cut(of_golden(), every)
    assert together[::4] == [cut(of_golden(), [word])[0] for word in every[::4]]
    assert cut(of_golden(), every[::-1]) == together[::-1]


def test_without_a_graph_it_is_the_same():
    with_ = BytePairs([*BYTES, "re", "th"], ["r e", "t h"])
    for number in (0, 1, 30):
        for one, other in zip(
            *(f(tf.constant(words()[:number], tf.string)) for f in (with_, graph(with_))), strict=True
        ):
            np.testing.assert_array_equal(one, other)


def test_characters_that_stand_for_bytes():
    assert len(set(BYTES)) == 256
    assert [BYTES[b] for b in b" a\n\xad"] == ["Ġ", "a", "Ċ", "Ń"]
    assert not any(character.isspace() for character in BYTES)


def test_wrong_vocabularies_are_refused():
    with pytest.raises(TfkdError, match="the vocabulary of 254 pieces lacks 2 bytes, such as 'Ā'"):
        BytePairs(BYTES[1:-1], [])
    with pytest.raises(TfkdError, match="lacks 'ab', a part of merge 2, 'a b'"):
        BytePairs([*BYTES, "bc"], ["b c", "a b"])
    with pytest.raises(TfkdError, match="lacks '', a part of merge 1, 'ab'"):
        BytePairs([*BYTES, "ab"], ["ab"])
