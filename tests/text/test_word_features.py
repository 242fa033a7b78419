"""Featurizer of words."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfkd.text import CASINGS, WordFeatures
from tfkd_base.corpora import Corpus, Sentence
from tfkd_base.errors import TfkdError

TOKENS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


def corpus_of(*tokens):
    return Corpus("c", "iob2", {"train": (Sentence(tuple(tokens), ("O",) * len(tokens)),)})


def test_vocabulary_is_selected_and_ordered_by_frequency():
    text = WordFeatures.adapt(corpus_of("The", "the", "IL-2", "IL-6", "once", "THE"), min_count=2)
    assert text.words == ("the", "il-0")
    assert WordFeatures.adapt(corpus_of("b", "a", "a", "b", "a"), min_count=1).words == ("a", "b")
    cased = WordFeatures.adapt(corpus_of("The", "the", "IL-2"), min_count=1, lowercase=False, normalize_digits=False)
    assert set(cased.words) == {"The", "the", "IL-2"}
    assert WordFeatures.adapt(corpus_of("a", "a"), extra_words=["B", "a"]).words == ("a", "b")


def test_words_are_normalised_as_in_the_vocabulary():
    text = WordFeatures(["the", "il-0"], [])
    ids = text(tf.constant([["THE", "Il-9", "new", ""]]))["words"]
    assert ids.numpy().tolist() == [[2, 3, 1, 0]]


@pytest.mark.parametrize(
    ("token", "casing"),
    [
        ("cells", "lower"), ("DNA", "upper"), ("Cells", "title"), ("mRNA", "mixed"), ("pH", "mixed"), ("A", "upper"),
        ("12", "number"), ("0.5", "number"), ("p53", "with_digit"), ("IL2", "with_digit"), ("-", "punctuation"),
        ("(", "punctuation"), ("", "padding"), ("Ärzte", "title"), ("β", "lower"), ("Δ", "upper"), ("中", "other"),
        ("NF-κB", "mixed"), ("≥", "punctuation"), (".", "punctuation"),
    ],
)  # fmt: skip
def test_casing(token, casing):
    text = WordFeatures([], [])
    assert CASINGS[int(text(tf.constant([[token]]))["casing"][0, 0])] == casing


@settings(max_examples=30, deadline=None)
@given(tokens=st.lists(TOKENS, min_size=1, max_size=5), limit=st.integers(2, 9))
def test_characters_match_python_and_long_words_lose_their_middle(tokens, limit):
    vocabulary = sorted({c for t in tokens for c in t})[::2]
    text = WordFeatures([], vocabulary, max_characters=limit)
    ids = text(tf.constant([tokens]))["characters"].numpy()[0]
    for token, row in zip(tokens, ids, strict=True):
        kept = token if len(token) <= limit else token[: limit // 2] + token[len(token) - (limit - limit // 2) :]
        expected = [vocabulary.index(c) + 2 if c in vocabulary else 1 for c in kept]
        assert row.tolist() == expected + [0] * (limit - len(kept))


def test_invalid_utf8_counts_as_the_replacement_character():
    text = WordFeatures([], ["a", "\ufffd"])
    assert text(tf.constant([[b"a\xffa"]]))["characters"].numpy()[0, 0, :4].tolist() == [2, 3, 2, 0]


def test_features_of_a_token_do_not_depend_on_other_tokens():
    text = WordFeatures(["a", "bc"], list("abc"))
    row = ["a", "Bc", "zz9", ""]
    together = text(tf.constant([row, row[::-1]]))
    for i, token in enumerate(row):
        alone = text(tf.constant([[token]]))
        for name, value in alone.items():
            np.testing.assert_array_equal(together[name][0, i], value[0, 0])
            np.testing.assert_array_equal(together[name][1, 3 - i], value[0, 0])


def test_serialization():
    text = WordFeatures.adapt(corpus_of("β", "β", "IL-2"), max_characters=7, lowercase=False)
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(text))
    assert copy == text
    assert hash(copy) == hash(text)
    assert copy != WordFeatures.adapt(corpus_of("β", "β"))


def test_wrong_arguments_are_refused():
    with pytest.raises(TfkdError, match="expected each word of the vocabulary once, got 'a' twice"):
        WordFeatures(["a", "b", "a"], [])
    with pytest.raises(TfkdError, match="at least 2, got 1"):
        WordFeatures([], [], max_characters=1)
