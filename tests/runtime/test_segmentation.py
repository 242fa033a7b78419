"""Tokens, sentences and word features of the runtime against the graph of a SavedModel."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tfkd.text import WordFeatures
from tfkd.text.character_tables import make_character_tables
from tfkd.text.segmentation import NEVER_LAST, OPENERS, SELDOM_LAST, traced_segment
from tfkd_base.corpora import demo_corpora
from tfkd_runtime.segmentation import SentenceRules
from tfkd_runtime.word_features import WordReader

FRAGMENTS = (
    *(
        ". ",
        ".\n",
        ".) ",
        " (",
        "e.g.",
        "Fig. ",
        "FIG. ",
        "et al. ",
        "E. coli",
        "The ",
        "the ",
        "vs. ",
        "St. ",
        "!",
        '"',
    ),
    *("\r\n", "\n\n", "\u2028", "\u200b", "\ufeff", "\0", "\x85", "'", "\u2026", "\u2019s", "\u3002", "-", "\u00ad"),
    *("\u03b1", "\u03a3", "\u03c2", "\u0391\u03a3", "\u03a3.\u0391", "\u0130", "\u01c5", "e\u0301", "\u0345", "\u2c2f"),
    *("A", "bc", "TNF", "1.5", "25,000", "\u2167", "\u00aa", "\u02b0", "\u4e2d", "\U0001f600", "\U0010ffff"),
)
TEXT = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=3), max_size=12).map("".join)


@pytest.fixture(scope="module")
def rules() -> SentenceRules:
    return SentenceRules(make_character_tables(), NEVER_LAST, SELDOM_LAST, OPENERS)


def check_segments(rules: SentenceRules, passages: list[bytes]) -> None:
    expected = traced_segment()(tf.constant(passages, tf.string, shape=[len(passages)]))
    segments = rules.segment([passage.decode("utf-8", "replace") for passage in passages])
    assert segments.tokens == [token.decode() for token in expected.tokens.numpy().tolist()]
    for name in ("starts", "ends", "sentences", "sentence_splits", "passage_splits"):
        assert getattr(segments, name).tolist() == getattr(expected, name).numpy().tolist(), name


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXT.map(str.encode) | st.binary(max_size=9), max_size=8))
@example([])
@example([b"", b" ", b"\xff\xfe.\xc3", b"(It falls.) It rises.\r\n\r\nx"])
def test_text_is_split_as_in_the_graph(rules: SentenceRules, passages: list[bytes]) -> None:
    check_segments(rules, passages)


def test_corpora_are_split_as_in_the_graph(rules: SentenceRules) -> None:
    sentences = [" ".join(s.tokens).encode() for corpus in demo_corpora(seed=1).values() for s in corpus.test]
    check_segments(rules, sentences)
    check_segments(rules, [b" ".join(sentences), b"x" * 5000, b"A b. " * 2000])


@pytest.mark.parametrize("normalized", [True, False])
def test_words_have_the_features_of_the_graph(normalized: bool) -> None:
    settings_of = {"lowercase": normalized, "normalize_digits": normalized, "max_characters": 5 if normalized else 20}
    text = WordFeatures(["tnf", "TNF", "0.0", "ας", "α"], list("abcTN0Σα.1"), **settings_of)
    reader = WordReader(text.words, text.characters, **settings_of, tables=make_character_tables())
    starts = ["", "a", "A", "aΣ", "Σ", "1.", "-", "\n", "x\0Y", "Abcdefghijklmnopqrstuvwxyz"]
    words = [start + end for start in starts for end in (*FRAGMENTS, "Σ", "aΣ", "σΣ\u0301", ".,", "TNF", "Aa", "aA")]
    words = [word for word in dict.fromkeys(words) if word]
    expected = {name: values.numpy()[:, 0] for name, values in text(tf.constant(words)[:, tf.newaxis]).items()}
    assert [reader.word_id(word) for word in words] == expected["words"].tolist()
    assert [reader.casing_id(word) for word in words] == expected["casing"].tolist()
    assert [reader.character_ids(word) for word in words] == expected["characters"].tolist()
    assert len(np.unique(expected["casing"])) == 8
