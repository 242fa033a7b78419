"""Sentences that are learnt from and scored on."""

from __future__ import annotations

import pytest

from tfkd_base.corpora import Corpus, Overlap, Sentence, overlap, without_held_out


def sentence(text: str) -> Sentence:
    tokens = tuple(text.split())
    return Sentence(tokens, ("O",) * len(tokens))


def corpus(name: str, **splits: list[str]) -> Corpus:
    return Corpus(name, "iob2", {split: tuple(map(sentence, texts)) for split, texts in splits.items()})


ONE = corpus(
    "one",
    train=["a b c d e f", "g h i j k l", "m n o p q r", "s t u v"],
    devel=["g h i j k l", "1 2 3 4 5 6"],
    test=["x x x x x x", "s t u v"],
)
TWO = corpus(
    "two", train=["X XX xxx", "2 2 2 2 2 2"], test=["ab cd e f - g", "M N O P Q R", "M n o p q r", "a b c def"]
)


def test_overlap() -> None:
    assert overlap({"one": ONE, "two": TWO}) == [
        Overlap("one", "train", "one", "devel", 1, 2),
        Overlap("one", "train", "two", "test", 2, 3),
        Overlap("two", "train", "one", "test", 1, 1),
    ]


def test_development_sets_count_where_asked() -> None:
    two = corpus("two", test=["1 2 3 45 6 7"], devel=["1 2 3 4 5 6"])
    three = corpus("three", test=["1 2 3 4 5 6", "7 8 9 7 8 9"])
    found = overlap({"two": two, "three": three}, splits=("train", "devel"))
    assert found == [Overlap("two", "devel", "three", "test", 1, 2)]


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("IL - 2 binds to cells .", "IL-2 binds to cells.", True),
        ("the β - Catenin is a gene", "The Β-catenin is a gene", True),
        ("the ﬁrst of all the genes", "The first of all the genes", True),
        ("the first of all the genes", "The first of all these genes", False),
        ("BRCA1 binds to DNA in cells .", "BRCA1 binds to DNA in cells", True),
        ("the mu\u00adta\u200btion of a human gene", "the mutation of a human gene", True),
        ("the mu \u00ad tation of a gene", "the mutation of a gene", True),
        ("“ TNF-α ” (p < 0.05) falls", "TNF α p 0 05 falls", True),
        ("the mutation of a gene falls", "the mutations of a gene fall", False),
    ],
)
def test_what_counts_as_the_same(one: str, two: str, same: bool) -> None:
    assert bool(overlap({"a": corpus("a", test=[one]), "b": corpus("b", train=[two])}, least_tokens=4)) == same


def test_short_sentences_by_choice() -> None:
    assert not overlap({"one": corpus("one", train=["s t u v"], test=["s t u v"])})
    assert overlap({"one": corpus("one", train=["s t u v"], test=["s t u v"])}, least_tokens=4)


def test_without_held_out() -> None:
    kept, dropped = without_held_out({"one": ONE, "two": TWO})
    assert dropped == {"one": 2, "two": 1}
    assert [s.tokens[0] for s in kept["one"].train] == ["a", "s"]
    assert [s.tokens[0] for s in kept["two"].train] == ["2"]
    assert kept["one"].test == ONE.test
    assert kept["one"].report.splits["train"].sentences == 2
    assert not overlap(kept)
    assert without_held_out({"one": ONE})[1] == {"one": 1}


def test_without_held_out_leaves_corpora_without_training_sets() -> None:
    only_test = corpus("test", test=["a b c d e f"])
    kept, dropped = without_held_out({"test": only_test, "one": ONE})
    assert kept["test"] is only_test
    assert dropped == {"test": 0, "one": 2}
