"""Sentences are found again by their words: as wholes, in part, and in any tokenisation."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tfkd_base.corpora import Match, SentenceHashes, normalized_words

KNOWN, SHORT, OTHER = (
    text.split()
    for text in (
        "mutations of the BRCA1 gene raise the risk of breast and ovarian cancer in carriers of both sexes .",
        "Materials and methods .",
        "patients with a stable weight were asked to keep a diary for three months",
    )
)
HASHES = SentenceHashes.of([KNOWN, SHORT])


def brute_force(sentence: list[str], known: list[list[str]]) -> Match:
    """Compare all pairs of windows of words, as plain strings."""
    words, best = normalized_words(sentence), Match.NONE
    for other in map(normalized_words, known):
        if words == other:
            return Match.WHOLE
        text, of_other = f" {' '.join(words)} ", f" {' '.join(other)} "
        if (len(words) >= 6 and text in of_other) or (len(other) >= 6 and of_other in text):
            best = Match.CONTAINED
        if any(f" {' '.join(words[i : i + 8])} " in of_other for i in range(len(words) - 7)):
            best = max(best, Match.RUN)
    return best


@pytest.mark.parametrize(
    ("sentence", "match"),
    [
        (KNOWN, Match.WHOLE),
        (KNOWN[:-1], Match.WHOLE),
        ([token.upper() for token in KNOWN], Match.WHOLE),
        ("".join(KNOWN[:3]).split() + KNOWN[3:], Match.WHOLE),
        ([*KNOWN[:3], "BR", "\u00ad", "CA1", *KNOWN[4:]], Match.WHOLE),
        (["\ufeff", *KNOWN[:12], "can\u200bcer", *KNOWN[13:]], Match.WHOLE),
        ([*KNOWN[:3], "ＢＲＣＡ１", *KNOWN[4:]], Match.WHOLE),
        (KNOWN[:9], Match.CONTAINED),
        (KNOWN[9:], Match.CONTAINED),
        (KNOWN[:6], Match.CONTAINED),
        (KNOWN[:5], Match.NONE),
        (KNOWN + OTHER, Match.CONTAINED),
        (OTHER + KNOWN + OTHER, Match.CONTAINED),
        (KNOWN[5:13] + OTHER, Match.RUN),
        (KNOWN[5:12] + OTHER, Match.NONE),
        (KNOWN[9:] + KNOWN[:9], Match.RUN),
        (SHORT, Match.WHOLE),
        (["METHODS"], Match.NONE),
        (SHORT + OTHER, Match.NONE),
        (OTHER, Match.NONE),
        ([], Match.NONE),
    ],
)
def test_match(sentence: list[str], match: Match) -> None:
    assert HASHES.match([sentence]).tolist() == [match]


def test_a_random_text_is_matched_as_by_comparing_all_pairs() -> None:
    rng = random.Random(1)

    def sentence(longest: int) -> list[str]:
        return [rng.choice("abcdefgh") for _ in range(rng.randint(0, longest))]

    def query() -> list[str]:
        one, other = rng.choice(known), rng.choice(known)
        cut = rng.randint(0, len(one))
        return rng.choice([one, one[cut:], one[:cut], one + sentence(9), one[cut:] + sentence(9), other + one[:cut]])

    known = [sentence(16) for _ in range(60)]
    queries = [query() for _ in range(600)]
    expected = [brute_force(query, known) for query in queries]
    assert SentenceHashes.of(known).match(queries).tolist() == expected
    assert min(expected.count(match) for match in Match) > 10


def test_sets_are_joined_and_count_each_sentence_once() -> None:
    one, two = SentenceHashes.of([KNOWN, KNOWN[:-1]]), SentenceHashes.of([OTHER])
    both = SentenceHashes.union([one, two, SentenceHashes.of([])])
    assert (len(one), len(two), len(both), len(SentenceHashes.union([]))) == (1, 1, 2, 0)
    assert both.match([OTHER, KNOWN, SHORT]).tolist() == [3, 3, 0]
    assert SentenceHashes.of([]).match([OTHER]).tolist() == [0]


def test_punctuation_alone_is_compared_as_it_is() -> None:
    hashes = SentenceHashes.of([["*", "*"], ["…"]])
    assert hashes.match([["**"], ["*"], ["."], [".", ".", "."]]).tolist() == [3, 0, 0, 3]


def test_size_is_eight_bytes_for_each_sentence_and_window() -> None:
    assert (HASHES.wholes.nbytes, HASHES.windows.nbytes) == (16, 8 * (len(KNOWN) - 1 - 5))
    assert HASHES.windows.dtype == HASHES.wholes.dtype == np.uint64


def test_hashes_are_the_same_in_every_version_since_runs_keep_them() -> None:
    assert [f"{x:016x}" for x in HASHES.wholes.tolist()] == ["023be54a4e628968", "9e9dac012c2d1e8f"]
    assert f"{int(HASHES.windows[0]):016x}" == "007b1f27a41f0012"
