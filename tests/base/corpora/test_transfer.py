"""Sentences to learn from without labels: none that is scored on, none twice."""

from __future__ import annotations

import pytest

from tests.base.corpora.test_overlap import corpus, sentence
from tfkd_base.corpora import TransferSentences, held_out_hashes
from tfkd_base.errors import CorpusError

HELD = [
    corpus("one", train=["t r a i n e d"], devel=["g h i j k l"], test=["IL - 2 binds to cells .", "s h o r t"]),
    corpus("two", test=["the β - Catenin is a gene"]),
]
TEXT = [
    "a b c d e f",
    "il-2 binds to CELLS.",
    "g hi jkl",
    "s h o r t",
    "A bc def",
    "The Β-catenin is a gene",
    "m n o p q r",
    "",
    "t r a i n e d",
]


def tokens(*texts: str) -> list[tuple[str, ...]]:
    return [tuple(text.split()) for text in texts]


def test_what_is_scored_on_is_left_out_by_content_and_so_are_repetitions() -> None:
    found = TransferSentences([tokens(*TEXT)], HELD)
    # A training sentence may be learnt from.
    kept = tokens("a b c d e f", "m n o p q r", "t r a i n e d")
    assert list(found) == kept
    assert len(found) == 3
    assert (found.report.read, found.report.held_out, found.report.repeated, found.report.kept) == (9, 4, 2, 3)
    assert str(found.report) == (
        "3 of 9 sentences, 4 dropped that are in a development or test set, 2 that are labelled or repeated"
    )


TEST, NEXT = tokens(
    "mutations of the BRCA1 gene raise the risk of breast and ovarian cancer in carriers of both sexes .",
    "patients with a stable weight were asked to keep a diary for three months .",
)


@pytest.mark.parametrize(
    ("variant", "parts"),
    [
        (TEST[:-1], 0),
        ([*TEST[:-1], *NEXT], 1),
        ([*NEXT, *TEST], 1),
        (TEST[:9], 1),
        (TEST[9:], 1),
        ([*TEST[9:], *NEXT], 1),
        ([*TEST[:3], "BR\u00adCA1", *TEST[4:]], 0),
        ([token.title() for token in TEST], 0),
        (["“", *TEST[:-1], "”", "!"], 0),
        ([*TEST[:3], "BRCA", "-", "1", *TEST[4:]], 0),
    ],
)
def test_parts_and_variants_of_test_sentences_are_dropped_and_counted(variant: list[str], parts: int) -> None:
    held_out = corpus("c", test=[" ".join(TEST)], devel=["a b"])
    found = TransferSentences([[variant, NEXT]], [held_out])
    assert list(found) == [NEXT]
    assert (found.report.held_out, found.report.held_out_parts) == (1, parts)


def test_a_common_phrase_drops_nothing() -> None:
    held_out = corpus("c", test=["the aim of this study was to measure the weight of patients"])
    text = tokens("the aim of this study was the opposite", "the weight of patients rose", "this study was small")
    assert list(TransferSentences([text], [held_out])) == text


def test_hashes_of_held_out_sentences_replace_corpora() -> None:
    hashes = held_out_hashes(HELD)
    text = tokens(*TEXT)
    assert list(TransferSentences([text], [hashes])) == list(TransferSentences([text], HELD))
    assert list(TransferSentences([text], [], further=[hashes])) == list(TransferSentences([text], HELD))


def test_labelled_sentences_are_left_out_in_any_tokenisation() -> None:
    labelled = [sentence("mn OPQR"), sentence("trained")]
    found = TransferSentences([tokens(*TEXT)], HELD, labelled)
    assert list(found) == tokens("a b c d e f")
    assert (found.report.held_out, found.report.repeated) == (4, 4)


def test_sources_follow_each_other_and_share_their_repetitions() -> None:
    found = TransferSentences([tokens("b c", "a"), tokens("B C", "d"), tokens("A", "e")], [])
    assert list(found) == tokens("b c", "a", "d", "e")


class Anew:
    """Text that counts how often it is read, and of which nothing is kept."""

    def __init__(self, count: int) -> None:
        self.count, self.times = count, 0

    def __iter__(self):
        self.times += 1
        return ((f"w{i}", "x") for i in range(self.count))


def test_a_draw_is_that_of_its_seed_in_the_order_of_the_text() -> None:
    def drawn(sentences: int | None, seed: int = 1) -> list[int]:
        found = TransferSentences([Anew(1000)], [], (), sentences, seed)
        numbers = [int(tokens[0][1:]) for tokens in found]
        assert len(found) == found.report.kept == len(numbers)
        return numbers

    some = drawn(300)
    assert some == sorted(set(some))
    assert len(some) == 300
    assert drawn(300) == some
    assert len({*drawn(300, seed=2)} & {*some}) < 150
    # Drawn from all of the text, not from its beginning.
    assert 60 < sum(number >= 700 for number in some) < 120
    assert drawn(1000) == drawn(5000) == drawn(None) == [*range(1000)]


def test_each_iteration_reads_the_sources_anew() -> None:
    source = Anew(5)
    found = TransferSentences([source], [], (), 3)
    assert source.times == 1
    assert list(found) == list(found)
    assert source.times == 3
    two = zip(found, found, strict=True)
    assert all(one == other for one, other in two)


def test_nothing_left_is_refused_with_the_counts() -> None:
    text = tokens("g hi jkl", "mn o", "")
    with pytest.raises(CorpusError, match="3 were read, 1 of which are in a development or test set and 2 are label"):
        TransferSentences([text], HELD, [sentence("m no")])
    with pytest.raises(CorpusError, match="no sentence to transfer: 0 were read"):
        TransferSentences([], HELD)


def test_a_source_that_changes_between_two_readings_is_told() -> None:
    source = tokens("a b", "c d")
    found = TransferSentences([source], [])
    source.append(("e", "f"))
    with pytest.raises(ValueError, match="zip"):
        list(found)


def test_further_corpora_are_kept_apart_after_the_draw_which_does_not_depend_on_them() -> None:
    text = [f"w{i} x" for i in range(200)]
    further = [corpus("three", test=["w3 x", "w5x", "w150 x", "elsewhere"])]
    alone = TransferSentences([tokens(*text)], [], (), 80, seed=4)
    found = TransferSentences([tokens(*text)], [], (), 80, seed=4, further=further)
    gone = {("w3", "x"), ("w5", "x"), ("w150", "x")}
    assert list(found.drawn) == list(alone) == list(alone.drawn)
    assert list(found) == [sentence for sentence in alone if sentence not in gone]
    assert 0 < found.report.held_out == 80 - len(found) <= 3
