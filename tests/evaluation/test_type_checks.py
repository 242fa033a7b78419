from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from tfkd.evaluation import EntityF1, evaluate, score
from tfkd_base.corpora import Corpus, Sentence
from tfkd_base.errors import TfkdWarning

ROW = Sentence(("flu", "in", "mice"), ("B-SpecificDisease", "O", "B-Modifier"))
PLAIN = Sentence(("flu", "in", "mice"), ("B-Disease", "O", "O"))
EMPTY = Sentence(("flu",), ("O",))
DISEASE = ("O", "B-Disease", "I-Disease")


class Constant(keras.Model):
    """A tagger that gives all tokens the tag O."""

    scheme = "iob2"
    tags = DISEASE

    def __init__(self) -> None:
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def call(self, x: Any) -> Any:
        return self.dense(x)

    def tag(self, sentences: Any) -> list[list[str]]:
        return [["O"] * len(sentence.tokens) for sentence in sentences]


class Teacher(Constant):
    """A teacher whose tasks are itself."""

    def for_task(self, task: str) -> Constant:
        return self


def texts_of(call: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [str(warning.message) for warning in caught if issubclass(warning.category, TfkdWarning)]


def fit(corpora: Corpus | dict[str, Corpus], epochs: int = 2, **options: Any) -> list[str]:
    model = Constant() if isinstance(corpora, Corpus) else Teacher()
    model.compile(loss="mse")
    x = np.zeros((4, 1), "float32")
    return texts_of(
        lambda: model.fit(x, x, batch_size=2, epochs=epochs, verbose=0, callbacks=[EntityF1(corpora, **options)])
    )


def test_no_type_in_common_is_a_warning_with_both_lists_and_the_remedy() -> None:
    corpus = Corpus("gold", "iob2", {"test": (ROW, ROW), "devel": (PLAIN,)})
    tagger = Constant()
    (text,) = texts_of(lambda: evaluate(tagger, corpus))
    assert text == (
        "the model has the types Disease, and the test set of 'gold' has Modifier (2), SpecificDisease (2): no type in "
        "common, so all scores are 0. If types mean the same, map them, as with --map Modifier=Disease "
        "--map SpecificDisease=Disease; `map: {Modifier: Disease}` in a configuration; or "
        "corpus.map_types({'Modifier': 'Disease'})"
    )
    assert texts_of(lambda: evaluate(tagger, corpus, "devel")) == []
    assert texts_of(lambda: evaluate(tagger, corpus.map_types({"Modifier": "Disease"}))) == []
    with pytest.warns(TfkdWarning, match="no type in common") as caught:
        evaluate(tagger, corpus)
    assert caught[0].filename == __file__


def test_a_set_without_entities_is_a_warning() -> None:
    (text,) = texts_of(lambda: evaluate(Constant(), Corpus("gold", "iob2", {"test": (EMPTY,)})))
    assert text == "the test set of 'gold' has no entity, so all scores are 0; check the tag column of its file"


def test_a_tagger_without_tags_is_not_checked() -> None:
    tagger = SimpleNamespace(scheme="iob2", tag=lambda sentences: [["O"] * len(s.tokens) for s in sentences])
    assert texts_of(lambda: evaluate(tagger, Corpus("gold", "iob2", {"test": (ROW,)}))) == []


def test_a_training_that_ends_near_zero_says_why() -> None:
    short = Corpus("x", "iob2", {"train": (PLAIN, PLAIN), "devel": (PLAIN,)})
    assert fit(short) == [
        "the training ended with an F1 of 0.00 on the development set of 'x': 2 epochs of 2 batches may be too few, or "
        "the learning rate too low or too high; the training sentences have 2 entities"
    ]
    untagged = Corpus("x", "iob2", {"train": (EMPTY,), "devel": (PLAIN,)})
    assert fit(untagged, 1) == [
        "the training ended with an F1 of 0.00 on the development set of 'x': its training sentences have no entity: "
        "check the tag column of its file"
    ]
    other = Corpus("x", "iob2", {"train": (ROW,), "devel": (PLAIN,)})
    (text,) = fit(other)
    assert text.endswith("have the types Modifier, SpecificDisease, and this set has Disease: map the types")
    differ = Corpus("x", "iob2", {"train": (PLAIN,), "devel": (ROW,)})
    (text,) = fit(differ)  # at the beginning, and not again at the end
    assert "no type in common" in text
    assert len(fit({"a": short, "b": Corpus("b", "iob2", {"devel": (PLAIN,)})})) == 2
    assert fit(Corpus("x", "iob2", {"devel": (PLAIN,), "test": (PLAIN,)}), split="test")[0].startswith(
        "the training ended with an F1 of 0.00 on the test set"
    )


def test_a_training_that_finds_entities_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Constant, "tag", lambda self, sentences: [list(sentence.tags) for sentence in sentences])
    assert fit(Corpus("x", "iob2", {"train": (PLAIN,), "devel": (PLAIN,)})) == []


def test_gold_and_predicted_tags_without_a_type_in_common_are_a_warning() -> None:
    (text,) = texts_of(lambda: score([["B-SpecificDisease", "O"]], [["B-Disease", "B-Gene"]]))
    assert text == (
        "the gold tags have the types SpecificDisease, and the predicted tags Disease, Gene: no type in common, so all "
        "scores are 0"
    )
    assert texts_of(lambda: score([["B-A", "O"]], [["O", "O"]])) == []
    assert texts_of(lambda: score([["B-A", "B-B"]], [["O", "B-A"]])) == []
