"""What is made once for each distinct token gives what the whole network gives."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.models.small import small_corpus, small_encoder
from tfkd.models import MultiTaskTagger, Tagger
from tfkd.models.distinct_tokens import DistinctTokens, are_prepared, prepared
from tfkd.text import WordFeatures

CORPUS = small_corpus("A", 0)
TEXT = WordFeatures.adapt(CORPUS)
TYPES = ["", *dict.fromkeys(token for sentence in CORPUS.train for token in sentence.tokens), "unheard-of", "𝛼"]
IDS = tf.constant(np.random.default_rng(3).integers(1, len(TYPES), (4, 9)) * (np.arange(9) < [[9], [4], [1], [7]]))


def tagger(characters: str | None, **settings: Any) -> Tagger:
    keras.utils.set_random_seed(1)
    return Tagger(TEXT, CORPUS, encoder=small_encoder(6, characters=characters, character_units=4), **settings)


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("characters", ["cnn", "bilstm", None])
def test_a_tagger_gives_the_same(characters: str | None, dtype: str) -> None:
    model = tagger(characters, dtype=dtype)
    table = TEXT.make_table(tf.constant(TYPES))
    plain, short = TEXT.gather(table, IDS), TEXT.gather(prepared(model, table), IDS)
    assert are_prepared(short) is (characters is not None)
    expected = model(plain, training=False)
    # A product of fewer rows may round otherwise.
    np.testing.assert_allclose(model.emissions(short), expected, atol=1e-6 if dtype == "float32" else 2e-2)
    np.testing.assert_array_equal(model.emissions(plain), expected)


def test_a_teacher_and_its_views_give_the_same() -> None:
    tasks = {"a": CORPUS, "b": small_corpus("B", 1)}
    encoder = small_encoder(6, characters="cnn", character_units=4)
    model = MultiTaskTagger(TEXT, tasks, encoder=encoder, head="crf", task_encoder=3)
    table = TEXT.make_table(tf.constant(TYPES))
    plain, short = TEXT.gather(table, IDS), TEXT.gather(prepared(model, table), IDS)
    expected = model(plain, training=False)
    for task, emissions in model.emissions(short).items():
        np.testing.assert_allclose(emissions, expected[task], atol=1e-6)
        view = model.for_task(task)
        np.testing.assert_allclose(view.emissions(short), expected[task], atol=1e-6)
        decoded = view.decode(plain)
        for name, values in model.decode(short)[task].items():
            np.testing.assert_allclose(values, decoded[name], atol=1e-6)


def test_it_follows_the_weights_and_is_no_part_of_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tfkd.models.distinct_tokens.PART", 7)
    model = tagger("cnn")
    weights, layers = [w.path for w in model.weights], [layer.name for layer in model.layers]
    before = model.tag(CORPUS.train)
    rng = np.random.default_rng(2)
    model.set_weights([rng.normal(0, 1, w.shape) for w in model.get_weights()])
    after = model.tag(CORPUS.train)
    assert after != before
    table = TEXT.make_large_table(TYPES)
    whole = prepared(model, table)["characters"]
    np.testing.assert_allclose(DistinctTokens().prepared(model, table)["characters"], whole, atol=1e-6)
    for sentence, tags in zip(CORPUS.train, after, strict=True):
        decoded = model.decode(TEXT(tf.constant([sentence.tokens])))["tags"][0].numpy()
        assert [model.tags[tag] for tag in decoded] == tags
    assert ([w.path for w in model.weights], [layer.name for layer in model.layers]) == (weights, layers)


def test_a_teacher_of_many_tasks_gives_no_warning_of_retracing(caplog: pytest.LogCaptureFixture) -> None:
    tasks = {letter: small_corpus(letter.upper(), 0) for letter in "abcdef"}
    encoder = small_encoder(6, characters="cnn", character_units=4)
    model = MultiTaskTagger(TEXT, tasks, encoder=encoder, task_encoder=3, head="softmax")
    with caplog.at_level("WARNING", logger="tensorflow"):
        for task in tasks:
            assert len(model.for_task(task).tag(CORPUS.train)) == len(CORPUS.train)
    assert "retracing" not in caplog.text
