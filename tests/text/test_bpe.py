"""Byte-pair encoding against plain Python and against the tokenizers library."""

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


def split(tokenizer, given_words):
    """Return the list of ids of each word."""
    ids, lengths = tokenizer(tf.constant([w if isinstance(w, bytes) else w.encode() for w in given_words], tf.string))
    assert (ids.dtype, lengths.dtype) == (tf.int32, tf.int64)
    return tf.RaggedTensor.from_row_lengths(ids, lengths).to_list()


def merge_letters(merges, word):
    """Merge the letters of one word pair by pair, in plain Python."""
    parts = ["Ġ", *word]
    rank = {tuple(merge.split(" ")): number for number, merge in enumerate(merges)}
    while True:
        pairs = [pair for pair in itertools.pairwise(parts) if pair in rank]
        if not pairs:
            return parts
        best, merged, position = min(pairs, key=lambda pair: rank[pair]), [], 0
        while position < len(parts):
            is_pair = tuple(parts[position : position + 2]) == best
            merged.append("".join(best) if is_pair else parts[position])
            position += 2 if is_pair else 1
        parts = merged


@functools.cache
def golden_tokenizer():
    folder = GOLDEN / "byte_pairs"
    vocabulary = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    merges = (folder / "merges.txt").read_text(encoding="utf-8").split("\n")[1:-1]
    return trace(BytePairs(sorted(vocabulary, key=vocabulary.get), merges))


@functools.cache
def byte_tokenizer():
    return trace(BytePairs(BYTES, []))


def trace(tokenizer):
    """Return a traced function for any number of words."""
    return tf.function(tokenizer.__call__, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)


def test_words_match_the_tokenizers_library():
    expected = rows(arrays("pieces"), "byte_pairs")
    ids = split(golden_tokenizer(), words())
    assert [(w, a, b) for w, a, b in zip(words(), ids, expected, strict=True) if a != b] == []
    assert min(map(len, expected)) == 1
    assert max(map(len, expected)) > 100


@settings(max_examples=10)
@given(data=st.data(), given_words=st.lists(st.text("ab", min_size=1, max_size=9), min_size=10, max_size=30))
def test_pairs_are_merged_in_the_order_of_the_merges(data, given_words):
    vocabulary, merges = ["a", "b", "Ġ"], []
    for _ in range(data.draw(st.integers(0, 6))):
        pair = (data.draw(st.sampled_from(vocabulary)), data.draw(st.sampled_from(vocabulary)))
        if "Ġ" not in pair[1] and "".join(pair) not in vocabulary:
            merges.append(" ".join(pair))
            vocabulary.append("".join(pair))
    pieces = [*BYTES, *vocabulary[3:]]
    ids = split(BytePairs(pieces, merges), given_words)
    assert [[pieces[i] for i in row] for row in ids] == [merge_letters(merges, word) for word in given_words]


def test_overlapping_pairs_are_merged_from_the_left():
    pieces = [*BYTES, "aa", "aaa", "Ġa"]
    ids = split(BytePairs(pieces, ["a a"]), ["a", "aa", "aaa", "aaaaa"])
    assert [[pieces[i] for i in row] for row in ids] == [
        ["Ġ", "a"], ["Ġ", "aa"], ["Ġ", "aa", "a"], ["Ġ", "aa", "aa", "a"],
    ]  # fmt: skip
    # The earlier merge is applied first, at any position.
    ids = split(BytePairs(pieces, ["Ġ a", "a a", "aa a"]), ["aaaa", "aaaaaa"])
    assert [[pieces[i] for i in row] for row in ids] == [["Ġa", "aaa"], ["Ġa", "aa", "aaa"]]


@pytest.mark.parametrize("letter", ["\u03b1", "\u65e5", "\U0001f600"])
def test_characters_are_split_into_bytes(letter):
    ids = split(byte_tokenizer(), [letter])[0]
    assert bytes(ids) == f" {letter}".encode()


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6), min_size=1, max_size=4))
def test_without_merges_a_word_is_its_bytes(given_words):
    ids = split(byte_tokenizer(), given_words)
    expected = [word if word.startswith(" ") else f" {word}" for word in given_words]
    assert [bytes(row).decode() for row in ids] == expected


def test_invalid_utf8_counts_as_the_replacement_character():
    tokenizer = golden_tokenizer()
    assert split(tokenizer, [b"a\xffb", b"\xc3", b"\xe4\xb8"]) == split(tokenizer, ["a\ufffdb", "\ufffd", "\ufffd"])


@pytest.mark.parametrize("given_words", [[], [""], [" "]])
def test_few_words(given_words):
    assert split(byte_tokenizer(), given_words) == [[32]] * len(given_words)


def test_words_do_not_depend_on_their_neighbours():
    selection = words()[::25]
    together = split(golden_tokenizer(), selection)
    assert together[::4] == [split(golden_tokenizer(), [word])[0] for word in selection[::4]]
    assert split(golden_tokenizer(), selection[::-1]) == together[::-1]


def test_eager_and_traced_results_are_equal():
    tokenizer = BytePairs([*BYTES, "re", "th"], ["r e", "t h"])
    for number in (0, 1, 30):
        for eager, traced in zip(
            *(f(tf.constant(words()[:number], tf.string)) for f in (tokenizer, trace(tokenizer))), strict=True
        ):
            np.testing.assert_array_equal(eager, traced)


def test_characters_that_represent_bytes():
    assert len(set(BYTES)) == 256
    assert [BYTES[b] for b in b" a\n\xad"] == ["Ġ", "a", "Ċ", "Ń"]
    assert not any(character.isspace() for character in BYTES)


def test_wrong_vocabularies_are_refused():
    with pytest.raises(TfkdError, match="the vocabulary of 254 subwords lacks 2 bytes, such as 'Ā'"):
        BytePairs(BYTES[1:-1], [])
    with pytest.raises(TfkdError, match="lacks 'ab', a part of merge 2, 'a b'"):
        BytePairs([*BYTES, "bc"], ["b c", "a b"])
    with pytest.raises(TfkdError, match="lacks '', a part of merge 1, 'ab'"):
        BytePairs([*BYTES, "ab"], ["ab"])
