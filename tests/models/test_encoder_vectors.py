"""Word vectors from a transformer: the states of single words, against NumPy, and their principal components."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from tests.pretrained.tiny import tiny_bert
from tfkd.models import BiLSTM, MultiTaskTagger, Tagger, Transformer, make_encoder_vectors
from tfkd.models.encoder_vectors import ROOT_MEAN_SQUARE
from tfkd.pretrained import open_pretrained
from tfkd.text import WordFeatures
from tfkd_base.errors import TfkdError

WORDS = ["wa", "abc", "wawb", "q", "wz", "zq", "hello", "wbx", "Wa"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("encoder") / "tiny")


def states_by_hand(folder: Path, words: list[str]) -> np.ndarray:
    """Run each word alone, and take the mean of its subwords' states."""
    text = open_pretrained(folder).text()
    model = Tagger(text, ["O"], encoder=Transformer(transformer=str(folder), dropout=0.0), head="softmax")
    pieces = keras.Model(model.inputs, model.get_layer("transformer_2").output[0])
    rows = []
    for word in words:
        (states,) = pieces(text([[word]])).numpy()
        rows.append(states[1:-1].mean(axis=0))  # without the two special tokens
    return np.array(rows, np.float64)


def test_vectors_are_the_scaled_principal_components(folder: Path) -> None:
    vectors = make_encoder_vectors(folder, [*WORDS, "abc", ""], units=3)
    assert list(vectors.words) == WORDS
    assert vectors.matrix.shape == (9, 3)
    assert np.sqrt(np.mean(vectors.matrix**2)) == pytest.approx(ROOT_MEAN_SQUARE, rel=1e-5)
    states = states_by_hand(folder, WORDS)
    left, values, _ = np.linalg.svd(states - states.mean(axis=0), full_matrices=False)
    expected = left[:, :3] * values[:3]
    expected *= ROOT_MEAN_SQUARE / np.sqrt(np.mean(expected**2))
    # The sign of a component is free in NumPy's decomposition.
    signs = np.sign((expected * vectors.matrix).sum(axis=0))
    np.testing.assert_allclose(vectors.matrix, expected * signs, atol=1e-5)
    # "Wa" has the subwords of "wa".
    np.testing.assert_allclose(vectors.matrix[0], vectors.matrix[8], atol=1e-6)


def test_the_same_words_give_the_same_vectors_in_any_order(folder: Path) -> None:
    first, second = make_encoder_vectors(folder, WORDS, units=4), make_encoder_vectors(folder, WORDS[::-1], units=4)
    np.testing.assert_allclose(first.matrix, second.matrix[::-1], atol=1e-5)


def test_a_trained_teacher_gives_its_own_states(folder: Path) -> None:
    text = open_pretrained(folder).text()
    encoder = Transformer(transformer=str(folder), pooling="mean")
    teacher = MultiTaskTagger(text, {"a": ["O", "B-A", "I-A"]}, encoder=encoder, task_encoder=None)
    np.testing.assert_allclose(
        make_encoder_vectors(teacher, WORDS, units=2).matrix,
        make_encoder_vectors(folder, WORDS, units=2).matrix,
        atol=1e-5,
    )


def test_what_cannot_work_is_refused(folder: Path) -> None:
    with pytest.raises(TfkdError, match=r"its states have 16 numbers: expected 1 to 16 units, got 17"):
        make_encoder_vectors(folder, WORDS, units=17)
    with pytest.raises(TfkdError, match=r"2 different words are too few for vectors of 2 numbers"):
        make_encoder_vectors(folder, ["wa", "wb", "wa"], units=2)
    with pytest.raises(TfkdError, match="all words have the same state"):
        make_encoder_vectors(folder, ["wa", "Wa", "WA"], units=1)
    tagger = Tagger(WordFeatures(["wa"], ["w"]), ["O"], encoder=BiLSTM(2), head="softmax")
    with pytest.raises(TfkdError, match="made from a transformer, but the encoder of tagger reads words"):
        make_encoder_vectors(tagger, WORDS)
