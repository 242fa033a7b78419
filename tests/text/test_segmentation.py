"""Tokens and sentences of the graph against the same rules in plain Python, and against real corpora."""

from __future__ import annotations

import itertools
import re
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.results.sentence_ends import FILES, count_sentence_ends
from tfkd.text.code_points import (
    BLOCK,
    CODE_POINTS,
    INVISIBLE_SEPARATORS,
    SEPARATOR,
    SINGLE,
    TERMINALS,
    make_flag_table,
)
from tfkd.text.segmentation import NEVER_LAST, OPENERS, SELDOM_LAST, segment
from tfkd_base.documents.pubtator import read_pubtator

graph = tf.function(segment, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)

SEPARATORS = {"Cc", "Zs", "Zl", "Zp"}


def is_separator(character: str) -> bool:
    return unicodedata.category(character) in SEPARATORS or character in INVISIBLE_SEPARATORS


def reference_tokens(text: str) -> list[tuple[int, int]]:
    tokens: list[tuple[int, int]] = []
    start = None
    for position, character in enumerate([*text, " "]):
        single = unicodedata.category(character)[0] in "PS"
        if start is not None and (single or is_separator(character)):
            tokens.append((start, position))
            start = None
        if single:
            tokens.append((position, position + 1))
        elif start is None and not is_separator(character):
            start = position
    return tokens


def reference_ends(text: str, tokens: list[tuple[int, int]]) -> list[bool]:
    words = [text[a:b] for a, b in tokens]
    ends = []
    for i, ((_, end), (start, _)) in enumerate(itertools.pairwise(tokens)):
        gap = text[end:start]
        if len(re.findall("\r\n|[\n\r\u0085\u2028\u2029]", gap)) >= 2:
            ends.append(True)
            continue
        index = i
        while closes(words[index]) and index > 0 and tokens[index - 1][1] == tokens[index][0]:
            index -= 1
        if not gap or words[index] not in TERMINALS or not begins(words[i + 1]):
            ends.append(False)
        elif words[index] == "." and index > 0:
            word = words[index - 1]
            letter = len(word) == 1 and unicodedata.category(word)[0] == "L"
            seldom = letter or re.fullmatch(SELDOM_LAST.removesuffix(r"|\p{L}"), word)
            never = re.fullmatch(NEVER_LAST, word)
            ends.append(not (never or (seldom and not re.fullmatch(OPENERS, words[i + 1]))))
        else:
            ends.append(True)
    return [*ends, True] if tokens else []


def closes(word: str) -> bool:
    return word in "\"'" or unicodedata.category(word[0]) in ("Pe", "Pf")


def begins(word: str) -> bool:
    return word in "\"'" or unicodedata.category(word[0]) in ("Lu", "Lt", "Lo", "Nd", "Ps", "Pi")


def check(texts: list[bytes]) -> None:
    segments = graph(tf.constant(texts, tf.string))
    tokens, starts, ends = (
        segments.group_by_passage(v).to_list() for v in (segments.tokens, segments.starts, segments.ends)
    )
    numbers = segments.group_by_passage(segments.sentences).to_list()
    sentences = 0
    for i, raw in enumerate(texts):
        text = raw.decode("utf-8", errors="replace")
        expected = reference_tokens(text)
        assert list(zip(starts[i], ends[i], strict=True)) == expected
        assert [t.decode() for t in tokens[i]] == [text[a:b] for a, b in expected]
        last = reference_ends(text, expected)
        assert numbers[i] == [sum(last[:k]) for k in range(len(last))], repr(text)
        sentences += sum(last)
    splits = segments.sentence_splits.numpy()
    assert len(splits) == sentences + 1
    assert splits[0] == 0
    assert splits[-1] == len(segments.tokens)
    assert (np.diff(splits) > 0).all()


PROSE = st.lists(
    st.sampled_from(
        [".", "!", "?", "\u2026", ")", '"', "'", "(", "\u201d", "\u201c", "]", " ", " ", " ", "\n", "\r\n", "\r", "\t",
         "\u2029", "\u00a0", "\u200b", "\ufeff", "\x00", "Fig", "al", "spp", "E", "B", "\u03b1", "The", "We", "It's",
         "cancer", "BRCA1", "p53", "5", "0.35", "i.e", "No", "\u00ad", "\u0301", "\U0001d6fc", "\U0001f9ec", "\u4e2d",
         "CF", "cf", "et", "\u0661", "\u01c5"]
    ),
    max_size=30,
).map("".join)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(PROSE, st.text()), max_size=4))
@example([])
@example([""])
@example(["", " ", "\n\n"])
@example(["One. \n\n", "two. Three", "\n\nfour"])
@example(["Fig", '. "'])
def test_any_text_is_split_by_the_rules(texts: list[str]) -> None:
    check([text.encode() for text in texts])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.binary(), PROSE.map(lambda t: t.encode()[:-1])), max_size=3))
@example([b"\xe2\x82"])
@example([b"a\xed\xa0\x80b", b"\xf0\x9f\x98", b"\xc0\x80", b"\xf5\x80\x80\x80"])
def test_invalid_utf8_counts_as_in_python(texts: list[bytes]) -> None:
    check(texts)


def test_every_code_point_has_its_unicode_class() -> None:
    index, blocks = make_flag_table()
    points = np.arange(CODE_POINTS)
    flags = blocks[index[points // BLOCK] * BLOCK + points % BLOCK]
    characters = [chr(point) for point in points]
    singles = [unicodedata.category(character)[0] in "PS" for character in characters]
    np.testing.assert_array_equal((flags & SINGLE) > 0, singles)
    np.testing.assert_array_equal((flags & SEPARATOR) > 0, [is_separator(character) for character in characters])
    assert all(flags[ord(character)] & SEPARATOR for character in characters if character.isspace())


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It fell. We saw it.", ["It fell.", "We saw it."]),
        ("It fell (by half.) We saw it.", ["It fell (by half.)", "We saw it."]),
        ('He said "no!" "Why?" she asked.', ['He said "no!"', '"Why?" she asked.']),
        ("As in Fig. 2 and by Smith et al. (1993) here.", ["As in Fig. 2 and by Smith et al. (1993) here."]),
        ("Shown by Smith et al. The rest is new.", ["Shown by Smith et al.", "The rest is new."]),
        ("In E. Coli, i.e. Escherichia.", ["In E. Coli, i.e. Escherichia."]),
        ("It is hepatitis B. The virus spreads.", ["It is hepatitis B.", "The virus spreads."]),
        ("Many have CF. Mutations differ.", ["Many have CF.", "Mutations differ."]),
        ("Smokers vs. Others, cf. Table 2.", ["Smokers vs. Others, cf. Table 2."]),
        ("It rose 0.5 mg/ml. 12 died.", ["It rose 0.5 mg/ml.", "12 died."]),
        ("It was p53. mutant cells", ["It was p53. mutant cells"]),
        ("A title\n\nof two lines", ["A title", "of two lines"]),
        ("wrapped\r\nline\r\n\r\nnext", ["wrapped\r\nline", "next"]),
        ("Wait ... Now.", ["Wait ...", "Now."]),
    ],
)  # fmt: skip
def test_sentences(text: str, sentences: list[str]) -> None:
    segments = segment(tf.constant([text]))
    splits = segments.sentence_splits.numpy()
    spans = zip(segments.starts.numpy()[splits[:-1]], segments.ends.numpy()[splits[1:] - 1], strict=True)
    assert [text[a:b] for a, b in spans] == sentences


def test_long_passages() -> None:
    text = "p53-α " * 100_000
    segments = graph(tf.constant([text, "x"]))
    assert segments.group_by_passage(segments.tokens).row_lengths().numpy().tolist() == [300_000, 1]
    assert segments.sentence_splits.numpy().tolist() == [0, 300_000, 300_001]
    assert int(segments.ends[-2]) == len(text) - 1


@pytest.mark.parametrize(("split", "mentions"), [("devel", 787), ("test", 960)])
def test_every_gold_mention_lies_on_token_boundaries(real_corpora: Path, split: str, mentions: int) -> None:
    documents = read_pubtator(real_corpora / "NCBI-disease-pubtator" / FILES[split])
    segments = graph(tf.constant([document.text for document in documents]))
    starts, ends = (
        segments.group_by_passage(segments.starts).to_list(),
        segments.group_by_passage(segments.ends).to_list(),
    )
    fits = [
        mention.start in starts[i] and mention.end in ends[i]
        for i, document in enumerate(documents)
        for mention in document.entities
    ]
    assert len(fits) == mentions
    assert all(fits)


def test_sentences_match_the_column_files(real_corpora: Path) -> None:
    predicted, gold, both = count_sentence_ends(real_corpora, "test")
    assert (round(both / gold, 3), round(both / predicted, 3)) == (0.989, 0.965)  # the figures of docs/serving.md
