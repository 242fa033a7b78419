"""Distillers with a transformer as teacher: into a BiLSTM, and into a smaller transformer."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tests.models.small import small_tagger
from tests.models.small_transformers import piece_corpus, small_transformer
from tfkd.distillation import (
    AttentionDistillation,
    Distiller,
    FeatureDistillation,
    HiddenStateDistillation,
    LogitsDistillation,
    Need,
    TeacherCache,
)

CORPUS = piece_corpus(sentences=24)


def bilstm_student():
    keras.utils.set_random_seed(2)
    return small_tagger(CORPUS, units=4, dropout=0.0, word_dropout=0.0)


def losses():
    return [LogitsDistillation(2.0), FeatureDistillation("transformer_1", "encoder")]


@pytest.fixture(scope="module")
def distilled(deep_teacher):
    """A BiLSTM that has learnt from the transformer that runs."""
    distiller = Distiller(deep_teacher, bilstm_student(), losses(), [1.0, 3.0])
    distiller.compile(keras.optimizers.Adam(0.02))
    data = distiller.batches(CORPUS.train, batch_size=8)
    fixed = deep_teacher.get_weights()
    history = distiller.fit(data, epochs=6, verbose=0).history
    assert all(np.array_equal(a, b) for a, b in zip(fixed, deep_teacher.get_weights(), strict=True))
    return distiller, data, history


def test_a_bilstm_learns_from_a_transformer(distilled):
    distiller, _, history = distilled
    assert history["distillation_loss"][-1] < 0.7 * history["distillation_loss"][0]
    assert [d.kernel.shape for d in distiller.projections] == [(8, 16)]
    found = distiller.evaluate(distiller.batches(CORPUS.test, batch_size=5, shuffle=False), verbose=0)
    again = distiller.evaluate(distiller.batches(CORPUS.test, batch_size=16, shuffle=False), verbose=0)
    np.testing.assert_allclose(found, again, rtol=1e-4)


@pytest.mark.slow
def test_a_saved_distiller_goes_on_with_the_transformer(distilled, deep_teacher, tmp_path):
    distiller, data, _ = distilled
    distiller.save(tmp_path / "distiller.keras")
    again = keras.models.load_model(tmp_path / "distiller.keras")
    again.teacher = deep_teacher
    np.testing.assert_allclose(again.evaluate(data, verbose=0), distiller.evaluate(data, verbose=0), rtol=1e-5)
    for one, other in zip(again.optimizer.variables, distiller.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, other)
    history = again.fit(data, epochs=2, verbose=0).history
    assert history["loss"][-1] < history["loss"][0] * 1.05


@pytest.mark.slow
def test_a_cache_of_a_transformer_makes_the_same_student(distilled, deep_teacher, tmp_path):
    live, _, _ = distilled
    needs = [Need("logits"), Need("features", "transformer_1")]
    TeacherCache.write(tmp_path / "cache", deep_teacher, [s.tokens for s in CORPUS.train], needs)
    cached = Distiller(TeacherCache(tmp_path / "cache"), bilstm_student(), losses(), [1.0, 3.0])
    cached.compile(keras.optimizers.Adam(0.02))
    cached.fit(cached.batches(CORPUS.train, batch_size=8), epochs=6, verbose=0)
    moved = 0.0
    for one, other, begun in zip(
        live.student.get_weights(), cached.student.get_weights(), bilstm_student().get_weights(), strict=True
    ):
        if begun.dtype == np.float32:
            np.testing.assert_allclose(one, other, atol=2e-3)
            moved = max(moved, float(np.abs(one - begun).max()))
    assert moved > 0.05


@pytest.mark.slow
def test_a_smaller_transformer_learns_layer_by_layer(deep_teacher, folders, tmp_path):
    keras.utils.set_random_seed(4)
    student = small_transformer(folders["narrow"], CORPUS, dropout=0.0)
    kinds = [LogitsDistillation(2.0), HiddenStateDistillation(), AttentionDistillation()]
    distiller = Distiller(deep_teacher, student, kinds, [0.5, 1.0, 1.0])
    distiller.compile(keras.optimizers.Adam(0.01))
    assert len(distiller.projections) == 3
    data = distiller.batches(CORPUS.train, batch_size=8)
    before = [w.numpy() for w in distiller.trainable_variables]
    history = distiller.fit(data, epochs=5, verbose=0).history
    assert history["distillation_loss"][-1] < 0.7 * history["distillation_loss"][0]
    same = [
        v.path for v, old in zip(distiller.trainable_variables, before, strict=True) if np.array_equal(v.numpy(), old)
    ]
    assert not same
    distiller.save(tmp_path / "distiller.keras")
    again = keras.models.load_model(tmp_path / "distiller.keras")
    again.teacher = deep_teacher
    np.testing.assert_allclose(again.evaluate(data, verbose=0), distiller.evaluate(data, verbose=0), rtol=1e-5)
    again.fit(data, verbose=0)
