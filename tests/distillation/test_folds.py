"""Caches with teachers of folds: each sentence has the outputs of the teacher that was trained without it."""

from __future__ import annotations

import re

import keras
import numpy as np
import pytest

from tests.models.small import small_corpus, small_encoder
from tfkd.distillation import FoldTeachers, Need, TeacherCache
from tfkd.distillation.cache import check_cross_fitting
from tfkd.distillation.store_files import content_key
from tfkd.distillation.teachers import LiveTeacher
from tfkd.models import Tagger
from tfkd.text import WordFeatures
from tfkd.training import EncodedSentences
from tfkd_base.corpora import Folds
from tfkd_base.errors import TfkdError

CORPUS = small_corpus()
LABELLED = [sentence.tokens for sentence in CORPUS.train]
NEEDS = [Need("logits")]
OTHERS = [(*sentence.tokens, "x") for sentence in small_corpus(seed=5, sentences=12).train]


def tagger(seed, corpus=CORPUS, head="softmax"):
    keras.utils.set_random_seed(seed)
    made = Tagger(WordFeatures.adapt(corpus), corpus, encoder=small_encoder(4, characters=None), head=head)
    made.head.kernel.assign(np.random.default_rng(seed).normal(size=made.head.kernel.shape) * 3)
    return made


def logits(model, sentences):
    """The emissions of a tagger for each sentence, as a distiller reads them."""
    teacher = LiveTeacher(model)
    encoded = EncodedSentences(sentences, teacher.sources("teacher", NEEDS))
    emissions = teacher.reader("teacher", NEEDS)(encoded.gather(np.arange(len(sentences)))).emissions.numpy()
    return [array[: len(tokens)] for array, tokens in zip(emissions, sentences, strict=True)]


def cached(cache, sentences):
    rows = cache.store.rows([content_key(tokens) for tokens in sentences])
    assert rows.min() >= 0
    arrays = cache.store.read(rows, 12, ["logits"])["logits"]
    return [array[: len(tokens)] for array, tokens in zip(arrays, sentences, strict=True)]


@pytest.fixture(scope="module")
def fitted():
    """The division, the teacher of each fold, whose vocabulary lacks the fold, and the teacher of all sentences."""
    folds = Folds(LABELLED, 3, seed=2)
    without = [tagger(seed, folds.without(seed, {"a": CORPUS})["a"]) for seed in range(3)]
    return FoldTeachers(folds, without), tagger(9)


def test_each_sentence_has_the_outputs_of_the_teacher_that_has_not_seen_it(fitted, tmp_path):
    teachers, teacher = fitted
    done = []
    cache = TeacherCache.write(
        tmp_path / "c", teacher, [*LABELLED, *OTHERS], NEEDS, progress=done.append, folds=teachers
    )
    assert done == sorted(done)
    assert done[-1] == len(LABELLED) + len(OTHERS)
    fold_of = teachers.folds.find([*LABELLED, *OTHERS])
    assert set(fold_of[: len(LABELLED)]) == {0, 1, 2}
    for fold, model in [*enumerate(teachers.teachers), (-1, teacher)]:
        sentences = [tokens for tokens, found in zip([*LABELLED, *OTHERS], fold_of, strict=True) if found == fold]
        assert len(sentences) >= 5
        for stored, expected in zip(cached(cache, sentences), logits(model, sentences), strict=True):
            np.testing.assert_allclose(stored, expected, atol=1e-5)
    live = LiveTeacher(teacher)
    assert cache.identity != live.identity
    cache.require_same(teacher)
    with pytest.raises(TfkdError, match="made by another teacher: the given one has other weights"):
        cache.require_same(tagger(10))


def test_a_cache_with_folds_continues_with_the_same_folds_only(fitted, tmp_path):
    teachers, teacher = fitted
    whole = TeacherCache.write(tmp_path / "whole", teacher, [*LABELLED, *OTHERS], NEEDS, folds=teachers)
    TeacherCache.write(tmp_path / "c", teacher, LABELLED, NEEDS, folds=teachers)
    continued = TeacherCache.write(tmp_path / "c", teacher, [*LABELLED, *OTHERS], NEEDS, folds=teachers)
    assert len(continued.store) == len(whole.store)
    for got, want in zip(cached(continued, LABELLED), cached(whole, LABELLED), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-6)
    assert continued.identity == whole.identity
    other = FoldTeachers(teachers.folds, teachers.teachers[::-1])
    for given, message in ((None, "folds.number was 3 and is now not set"), (other, "folds.teachers was")):
        with pytest.raises(TfkdError, match=message):
            TeacherCache.write(tmp_path / "c", teacher, LABELLED, NEEDS, folds=given)
    TeacherCache.write(tmp_path / "plain", teacher, LABELLED, NEEDS)
    with pytest.raises(TfkdError, match=r"folds\.number was not set and is now 3"):
        TeacherCache.write(tmp_path / "plain", teacher, LABELLED, NEEDS, folds=teachers)


def test_teachers_and_outputs_that_do_not_go_with_folds_are_refused(fitted, tmp_path):
    teachers, teacher = fitted
    folds, two = teachers.folds, teachers.teachers[:2]
    with pytest.raises(TfkdError, match="expected a teacher for each of 3 folds, got 2"):
        FoldTeachers(folds, two)
    for model, message in (
        (tagger(1, small_corpus("B")), "the teacher of fold 3 has the tags ['O', 'B-B', 'I-B'] (iob2), expected"),
        (tagger(1, head="crf"), "expected heads of one kind, softmax or CRF, but the teacher of fold 3"),
    ):
        with pytest.raises(TfkdError, match=re.escape(message)):
            TeacherCache.write(tmp_path / "c", teacher, [], NEEDS, folds=FoldTeachers(folds, [*two, model]))
    with pytest.raises(TfkdError, match=r"teachers of different folds have no common features: .*'encoder'"):
        TeacherCache.write(tmp_path / "c", teacher, [], [Need("features", "encoder")], folds=teachers)
    check_cross_fitting([Need("logits"), Need("posteriors", 1.0), Need("paths", 2)])
    assert not (tmp_path / "c").exists()
