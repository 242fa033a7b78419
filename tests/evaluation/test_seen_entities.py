from __future__ import annotations

import pytest

from tfkd.evaluation import PartScore, mentions, score, seen_scores
from tfkd_base.corpora import Sentence, demo_corpora, tag_list
from tfkd_base.errors import TfkdError


def sentence(text: str, tags: str) -> Sentence:
    names = {"O": "O", "b": "B-A", "i": "I-A", "c": "B-B"}
    return Sentence(tuple(text.split()), tuple(names[tag] for tag in tags))


def test_text_counts_whatever_its_case_and_type_does():
    training = mentions([sentence("Wilson disease is old", "biOO"), sentence("p53", "c")])
    test = [sentence("wilson Disease and p53", "biOb"), sentence("P53", "c"), sentence("old Wilson", "bb")]
    found = seen_scores(test, [["B-A", "I-A", "O", "B-A"], ["O"], ["O", "B-A"]], training)
    assert found.seen == PartScore(entities=2, predicted=1, correct=1)  # wilson disease; P53 as B
    assert found.unseen == PartScore(entities=3, predicted=2, correct=2)  # p53 as A, old, Wilson alone
    assert (found.seen.recall, found.seen.precision, found.seen.f1) == (0.5, 1.0, pytest.approx(2 / 3))
    assert found.to_dict()["unseen"] == {"entities": 3, "predicted": 2, "correct": 2}


def test_what_is_of_nothing_is_none():
    found = seen_scores([sentence("a", "O")], [["O"]], frozenset())
    assert (found.seen.recall, found.seen.precision, found.seen.f1) == (None, None, None)


def test_both_parts_add_up_to_the_whole():
    corpus = demo_corpora(seed=1)["disease"]
    test, shifted = corpus.test, [s.tags for s in corpus.test[1:]] + [corpus.test[0].tags]
    predicted = [
        tuple(other[: len(s.tokens)]) + ("O",) * (len(s.tokens) - len(other)) if i % 2 else s.tags
        for i, (s, other) in enumerate(zip(test, shifted, strict=True))
    ]
    assert tag_list(corpus.types, "iob2")
    found = seen_scores(test, predicted, mentions(corpus.train))
    micro = score([s.tags for s in test], predicted).micro
    assert found.seen.entities > 0 < found.unseen.entities
    assert found.seen.entities + found.unseen.entities == micro.entities
    assert (found.seen.correct + found.unseen.correct) / micro.entities == pytest.approx(micro.recall)


def test_other_sentences_are_refused():
    with pytest.raises(TfkdError, match="sentence 1 has 1 gold and 2 predicted"):
        seen_scores([sentence("a", "O")], [["O", "O"]], frozenset())
