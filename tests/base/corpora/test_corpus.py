"""Corpora in memory."""

from __future__ import annotations

import numpy as np
import pytest

from tfkd_base.corpora import Corpus, CorpusError, Scheme, Sentence

GENES = (
    Sentence(("GH1", "GH2", "bind"), ("B-Gene", "B-Gene", "O")),
    Sentence(("tumor", "cells"), ("O", "B-Cell")),
)


def numbered(count: int) -> Corpus:
    train = tuple(Sentence((str(number),), ("O",)) for number in range(count))
    return Corpus("numbers", "iob2", {"train": train, "test": GENES})


def test_contents_are_counted() -> None:
    corpus = Corpus("genes", "iob2", {"test": GENES, "train": list(GENES)})  # type: ignore[dict-item]
    assert list(corpus.splits) == ["train", "test"]
    assert corpus.train == corpus.test == GENES
    assert corpus.types == ("Cell", "Gene")
    assert corpus.tags == ("O", "B-Cell", "I-Cell", "B-Gene", "I-Gene")
    counts = corpus.report.splits["test"]
    assert (counts.sentences, counts.tokens, counts.longest, counts.adjacent) == (2, 5, 3, 1)
    assert counts.entities == {"Cell": 1, "Gene": 2}
    assert repr(corpus) == "Corpus('genes', iob2, train 2, test 2, types Cell, Gene)"
    same = Corpus("genes", "iob2", {"train": GENES, "test": GENES})
    assert corpus == same
    assert hash(corpus) == hash(same)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Corpus("x", "iob2", {}), "no split"),
        (lambda: Corpus("x", "iob2", {"dev": GENES}), "no split 'dev': did you mean 'devel'"),
        (lambda: Corpus("x", "iob", {"train": GENES}), "no tag scheme 'iob'"),
        (lambda: Corpus("x", "io", {"train": GENES}), "'B-Gene' is outside the scheme io"),
        (lambda: Corpus("x", "io", {"train": (Sentence(("a", "b"), ("O",)),)}), "sentence 1 has 2 tokens but 1 tags"),
        (lambda: Corpus("x", "iob2", {"train": GENES}).devel, "'x' has no devel split, only train"),
        (lambda: numbered(5).sample(6, seed=1), "cannot draw 6 training sentences.*expected 1 to 5"),
        (lambda: numbered(5).sample(0, seed=1), "cannot draw 0"),
        (lambda: numbered(5).convert("bioes"), "no tag scheme 'bioes'"),
    ],
)
def test_mistakes_are_named(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(CorpusError, match=message):
        make()


def test_conversion_counts_what_it_loses() -> None:
    corpus = Corpus("genes", "iob2", {"train": GENES})
    io = corpus.convert("io")
    assert io.report.merged == 1
    assert io.train[0].tags == ("I-Gene", "I-Gene", "O")
    assert io.report.splits["train"].entities == {"Cell": 1, "Gene": 1}
    assert corpus.convert("iobes").report.merged == 0
    assert corpus.convert("iobes").convert("iob1").convert("iob2") == corpus
    assert corpus.convert("iob2") is corpus
    assert corpus.report.merged == 0


def test_tags_of_bilou_are_those_of_iobes() -> None:
    rows = (Sentence(("a", "b", "c", "d"), ("U-X", "B-Y", "L-Y", "O")),)
    corpus = Corpus("x", "bilou", {"train": rows})  # type: ignore[arg-type]
    assert (corpus.scheme, corpus.train[0].tags) == ("iobes", ("S-X", "B-Y", "E-Y", "O"))
    assert corpus.convert("iob2").train[0].tags == ("B-X", "B-Y", "I-Y", "O")
    assert Corpus("x", "iobes", {"train": rows}) == corpus
    assert corpus.convert("bilou") is corpus  # type: ignore[arg-type]


def test_types_are_mapped_joined_and_dropped() -> None:
    tags = ("B-Modifier", "I-Modifier", "B-SpecificDisease", "O", "B-Gene", "B-Human")
    row = Sentence(tuple("abcdef"), tags)
    corpus = Corpus("x", "iob2", {"train": (row,), "test": (row, Sentence(("a",), ("O",)))})
    mapped = corpus.map_types({"Modifier": "Disease", "SpecificDisease": "Disease", "Human": "O"})
    assert mapped.test[0].tags == ("B-Disease", "I-Disease", "B-Disease", "O", "B-Gene", "O")
    assert mapped.types == ("Disease", "Gene")
    assert mapped.report.splits["test"].entities == {"Disease": 2, "Gene": 1}
    assert mapped.report.splits["test"].changes == {"entities dropped whose type is mapped to O": 1}
    assert (mapped.report.splits["test"].adjacent, mapped.report.merged) == (1, 0)
    assert corpus.map_types({"Gene": "Gene"}) is corpus
    swapped = corpus.map_types({"Gene": "Human", "Human": "Gene"})
    assert swapped.train[0].tags[4:] == ("B-Human", "B-Gene")


@pytest.mark.parametrize(
    ("scheme", "expected", "merged"),
    [
        ("iob1", ("I-X", "I-X", "B-X"), 0),
        ("iob2", ("B-X", "I-X", "B-X"), 0),
        ("iobes", ("B-X", "E-X", "S-X"), 0),
        ("io", ("I-X", "I-X", "I-X"), 1),
    ],
)
def test_mapped_types_that_become_neighbours(scheme: Scheme, expected: tuple[str, ...], merged: int) -> None:
    corpus = Corpus("x", "iob2", {"train": (Sentence(tuple("abc"), ("B-X", "I-X", "B-Y")),)}).convert(scheme)
    mapped = corpus.map_types({"Y": "X"})
    assert (mapped.train[0].tags, mapped.report.merged) == (expected, merged)


def test_wrong_mappings_are_refused() -> None:
    corpus = Corpus("x", "iob2", {"train": GENES})
    with pytest.raises(CorpusError, match="'x' has no entity of type 'Gen': did you mean 'Gene'"):
        corpus.map_types({"Gen": "Disease"})
    for name in ("", " A", "a\tb"):
        with pytest.raises(CorpusError, match="expected the new type of 'Gene' to be a name, or O to drop it"):
            corpus.map_types({"Gene": name})


def test_sample() -> None:
    corpus = numbered(1000)
    sample = corpus.sample(100, seed=7)
    numbers = [int(sentence.tokens[0]) for sentence in sample.train]
    assert len(set(numbers)) == 100
    assert numbers == sorted(numbers)
    drawn = np.random.default_rng(7).choice(1000, size=100, replace=False)
    assert numbers == sorted(drawn.tolist())
    assert sample.test is corpus.test
    assert sample.report.splits["train"].sentences == 100
    assert sample == corpus.sample(100, seed=7)
    assert sample != corpus.sample(100, seed=8)
    assert corpus.sample(1000, seed=1) == corpus
