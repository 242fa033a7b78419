"""Folds of labelled sentences: equal in size, and without a sentence that another fold or training set has."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tfkd_base.corpora import Corpus, Folds, Sentence, exclude_sentences
from tfkd_base.errors import CorpusError


def tokens(*texts: str) -> list[tuple[str, ...]]:
    return [tuple(text.split()) for text in texts]


def corpus(name: str, **splits: list[str]) -> Corpus:
    def tagged(text: str) -> Sentence:
        words = tuple(text.split())
        return Sentence(words, tuple(f"B-{word}" if word.isupper() else "O" for word in words))

    return Corpus(name, "iob2", {split: tuple(map(tagged, texts)) for split, texts in splits.items()})


def content(sentence: tuple[str, ...]) -> str:
    """What the folds compare: the words without case and punctuation, here by other means."""
    return "".join(re.findall("[a-z0-9]+", " ".join(sentence).lower()))


def test_each_sentence_is_in_one_fold_with_its_duplicates_and_folds_are_equal_in_size() -> None:
    rng = np.random.default_rng(0)
    sentences = [tuple(rng.choice(["wa", "wb", "wc", "wd"], rng.integers(1, 6))) for _ in range(60)]
    sentences += [(*(word.upper() for word in sentence), ".") for sentence in sentences[::3]]
    different = {content(sentence) for sentence in sentences}
    assert 30 < len(different) < len(sentences) - 25
    for number in (2, 3, 7, len(different)):
        folds = Folds(sentences, number, seed=4)
        assert folds.sentences == len(different)
        fold_of: dict[str, set[int]] = {}
        for sentence, fold in zip(sentences, folds.find(sentences), strict=True):
            fold_of.setdefault(content(sentence), set()).add(int(fold))
        assert all(len(found) == 1 for found in fold_of.values())
        sizes = np.bincount([*map(min, fold_of.values())], minlength=number)
        assert sizes.min() >= 1
        assert sizes.max() - sizes.min() <= 1
        assert sizes.tolist() == [len(fold) for fold in folds.hashes]
        again = Folds(sentences[::-1], number, seed=4)
        assert again.fingerprint == folds.fingerprint, "the order of the sentences does not matter"
    assert len({Folds(sentences, 3, seed).fingerprint for seed in range(4)}) == 4
    assert len({Folds(sentences, number).fingerprint for number in (2, 3)}) == 2


def test_a_part_of_a_labelled_sentence_belongs_to_its_fold_and_other_text_to_none() -> None:
    folds = Folds(tokens("one two three four five six seven eight", "lung", "man"), 3)
    long, lung, man = folds.find(tokens("One two three, four five six seven eight", "lung .", "man"))
    assert sorted((long, lung, man)) == [0, 1, 2]
    others = tokens("two three four five six seven", "so one two three four five six seven eight nine", "lung of man")
    assert folds.find(others).tolist() == [long, long, -1]
    assert folds.find([]).tolist() == []
    variants = [*zip(tokens("colon", "woman", "lung"), tokens("lung", "man", "man"), strict=True)]
    with_variants = Folds(tokens("one two three four five six seven eight", "lung", "man"), 3, variants=variants)
    assert with_variants.find(tokens("colon", "woman", "lung", "woman colon")).tolist() == [lung, man, lung, -1]
    assert with_variants.fingerprint == folds.fingerprint


@pytest.mark.parametrize(
    ("number", "texts", "message"),
    [
        (1, ["a", "b"], "expected at least 2 folds, got 1: .* Without folds the teacher itself labels all"),
        (0, ["a", "b"], "expected at least 2 folds, got 0"),
        (3, ["a", "b", "A ."], "cannot divide 2 different labelled sentences into 3 folds: expected 2 to 2 folds"),
        (
            2,
            ["a", "A"],
            "cannot divide 1 different labelled sentences into 2 folds: expected the sentences of a corpus",
        ),
        (2, [], "cannot divide 0 different labelled sentences into 2 folds"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(number: int, texts: list[str], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        Folds(tokens(*texts), number)


def test_a_fold_is_excluded_from_every_corpus_by_content_and_the_tags_stay() -> None:
    long = "one two three four five six seven eight"
    around = f"begins and {long} ends"
    one = corpus("one", train=[long, "RARE", "left"], test=["left over", "RARE"])
    two = corpus("two", train=[around, "rare .", "ONLY", "other"])
    labelled = tokens(long, "rare", "left", "only")
    folds = Folds(labelled, 2)
    for fold in range(2):
        kept = folds.without(fold, {"one": one, "two": two})
        remaining = [content(sentence.tokens) for name in kept for sentence in kept[name].train]
        inside = {content(sentence) for sentence in labelled if folds.find([sentence])[0] == fold}
        assert len(inside) == 2
        if content(labelled[0]) in inside:
            inside.add(content((around,)))
        everything = [content(sentence.tokens) for corpus in (one, two) for sentence in corpus.train]
        assert remaining == [text for text in everything if text not in inside]
        assert {name: corpus.tags for name, corpus in kept.items()} == {"one": one.tags, "two": two.tags}
        assert kept["two"].convert("iobes").types == two.types
        assert kept["one"].test == one.test
        assert kept["one"].report.splits["train"].sentences == len(kept["one"].train)
    assert "ONLY" in two.types, "a type that only one of the folds has"
    assert exclude_sentences({"t": corpus("t", test=["left"])}, folds.hashes[0])["t"].splits.keys() == {"test"}
    small = {"small": corpus("small", train=["left"])}
    with pytest.raises(CorpusError, match=r"all 1 training sentences of 'small' are excluded.*take more folds"):
        folds.without(int(folds.find(tokens("left"))[0]), small)
