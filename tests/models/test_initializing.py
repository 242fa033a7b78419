"""Giving a smaller transformer the layers of a larger one."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.models.small import small_tagger, small_teacher
from tests.models.small_transformers import piece_corpus, small_transformer, small_transformer_teacher
from tests.pretrained.tiny import tiny_bert
from tfkd.models import Tagger, Transformer, initialize_from
from tfkd.pretrained import Architecture
from tfkd.text import PieceFeatures
from tfkd_base.errors import TfkdError

CORPUS = piece_corpus()
TASKS = {"a": CORPUS, "b": piece_corpus("B", 1)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_bert(tmp_path_factory.mktemp("pretrained"), num_hidden_layers=4)


@pytest.fixture(scope="module")
def teacher(folder):
    """Of four layers, moved away from where they began."""
    teacher = small_transformer_teacher(folder, TASKS)
    rng = np.random.default_rng(0)
    for weight in teacher.trainable_weights:
        weight.assign_add(rng.normal(size=weight.shape))
    return teacher


@pytest.mark.parametrize(("layers", "chosen"), [(1, [4]), (2, [2, 4]), (3, [1, 3, 4]), (4, [1, 2, 3, 4])])
def test_layers_are_taken_evenly_and_the_head_is_left_alone(folder, teacher, layers, chosen):
    student = small_transformer(folder, CORPUS, "crf", task_encoder=3, layers=layers, frozen_layers=layers % 2)
    above = {w.path: w.numpy() for name in ("task_encoder", "head") for w in student.get_layer(name).weights}
    view = teacher.for_task("a")
    pairs = initialize_from(student, view)
    own = [f"transformer_{number}" for number in range(1, layers + 1)]
    expected = list(zip([f"transformer_{number}" for number in chosen], own, strict=True))
    assert pairs == [("piece_embedding", "piece_embedding"), *expected]
    for theirs, mine in pairs:
        weights = zip(view.get_layer(theirs).weights, student.get_layer(mine).weights, strict=True)
        for one, other in weights:
            if "seed" not in one.path:
                np.testing.assert_array_equal(one, other)
    for name in ("task_encoder", "head"):
        for weight in student.get_layer(name).weights:
            np.testing.assert_array_equal(weight, above[weight.path])
    assert initialize_from(student, teacher) == pairs


def test_a_student_of_as_many_layers_says_what_its_teacher_says(folder, teacher):
    student = small_transformer_teacher(folder, TASKS)
    initialize_from(student, teacher)
    for task in TASKS:
        one, other = (m.for_task(task) for m in (student, teacher))
        x = one.text(tf.constant([["ab", "c"], ["d", ""]]))
        assert not np.allclose(one(x), other(x))
        one.head.set_weights(other.head.get_weights())
        np.testing.assert_allclose(one(x), other(x), atol=1e-5)


def test_what_does_not_go_together_is_refused_and_nothing_is_set(folder, teacher, tmp_path):
    bilstm, view = small_tagger(CORPUS), teacher.for_task("a")
    with pytest.raises(TfkdError, match="expected a student with a transformer as encoder, got BiLSTM"):
        initialize_from(bilstm, view)
    student = small_transformer(folder, CORPUS, layers=2)
    with pytest.raises(TfkdError, match="expected a teacher with a transformer as encoder, got BiLSTM"):
        initialize_from(student, small_teacher(TASKS))
    with pytest.raises(TfkdError, match="at most the 2 layers of the teacher, got a student of 4"):
        initialize_from(view, student)
    narrow = small_transformer(tiny_bert(tmp_path / "narrow", intermediate_size=24), CORPUS)
    before = narrow.get_weights()
    with pytest.raises(TfkdError, match=r"'transformer_2' of the teacher and 'transformer_1' of the student have"):
        initialize_from(narrow, view)
    for one, other in zip(narrow.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    sizes = Architecture(pieces=84, positions=20, units=16, layers=1, heads=2, inner_units=32)
    text = PieceFeatures(view.text.pieces[:60])
    with pytest.raises(TfkdError, match="different vocabularies: give the student the teacher's `text`"):
        initialize_from(Tagger(text, CORPUS, encoder=Transformer(architecture=sizes), head="softmax"), view)


def test_the_same_weights_of_other_heads_are_another_model(folder, teacher, tmp_path):
    """Their shapes say nothing of the heads."""
    other = small_transformer(tiny_bert(tmp_path / "heads", num_attention_heads=4), CORPUS)
    with pytest.raises(TfkdError, match="'transformer_1' of the student have different sizes"):
        initialize_from(other, teacher.for_task("a"))
