"""Labelled entities of one task as negatives for another."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.models.small import small_corpus, small_encoder
from tfkd.distillation import Distiller, LogitsDistillation
from tfkd.models import MultiTaskTagger
from tfkd.models.negatives import Negatives
from tfkd.text import WordFeatures
from tfkd.training import batches, multitask_batches
from tfkd_base.errors import TfkdError

TASKS = {"a": small_corpus("A", 0), "b": small_corpus("B", 1), "c": small_corpus("C", 2)}


def teacher_with(negatives, head="softmax", task_encoder=None):
    keras.utils.set_random_seed(1)
    text = WordFeatures.adapt(TASKS.values())
    return MultiTaskTagger(
        text,
        TASKS,
        encoder=small_encoder(dropout=0.0, word_dropout=0.0),
        head=head,
        task_encoder=task_encoder,
        negatives=negatives,
    )


def one_batch(teacher, task):
    x, y = next(iter(batches(TASKS[task].train, teacher.text, teacher.for_task(task).tags, batch_size=40)))
    return {**x, "task": tf.fill([y.shape[0]], teacher.tasks.index(task))}, y


@pytest.mark.parametrize("head", ["softmax", "crf"])
def test_a_step_has_the_gradient_of_the_gold_loss_and_of_the_log_probability_of_no_entity(head):
    teacher = teacher_with({"c": ["a"]}, head)
    teacher.compile(keras.optimizers.SGD(1.0))
    x, y = one_batch(teacher, "a")
    views, mask = teacher.task_views(), teacher.text.mask(x)
    variables = [v for v in teacher.trainable_variables if not v.path.startswith("b_")]
    with tf.GradientTape() as tape:
        emissions = teacher(x)
        gold = views["a"].head.summed_loss(emissions["a"], y, mask)
        negative = views["c"].head.summed_negative_loss(emissions["c"], mask & (y > 0), mask)
        expected = (gold + negative) / tf.reduce_sum(tf.cast(mask, tf.float32))
    gradients = tape.gradient(expected, [v.value for v in variables])
    before = [v.numpy() for v in variables]
    untouched = [v.numpy() for v in teacher.get_layer("b_head").weights]
    history = teacher.fit(tf.data.Dataset.from_tensors((x, y)), verbose=0).history
    assert history["loss"] == [pytest.approx(float(expected), rel=1e-5)]
    for old, variable, gradient in zip(before, variables, gradients, strict=True):
        np.testing.assert_allclose(old - variable.numpy(), tf.convert_to_tensor(gradient), atol=2e-6)
    for old, variable in zip(untouched, teacher.get_layer("b_head").weights, strict=True):
        np.testing.assert_array_equal(old, variable.numpy())


def test_entities_of_a_source_are_no_entities_of_the_target():
    """The same words are entities of all tasks here; those of `a` are negatives for `c`."""
    outside = []
    for negatives in ({"c": ["a"]}, None):
        teacher = teacher_with(negatives)
        teacher.compile(keras.optimizers.Adam(0.05))
        teacher.fit(multitask_batches(TASKS, teacher.text, batch_size=8), epochs=4, verbose=0)
        x, y = one_batch(teacher, "a")
        outside.append(keras.ops.softmax(teacher(x)["c"])[..., 0].numpy()[y.numpy() > 0].mean())
    assert outside[0] > outside[1] + 0.2


def test_a_distilled_student_has_the_negatives_in_its_gold_loss():
    student, plain = teacher_with({"c": ["a"]}, "crf"), teacher_with(None, "crf")
    plain.set_weights(student.get_weights())
    losses = []
    for model in (student, plain):
        distiller = Distiller(plain, model, LogitsDistillation())
        distiller.compile("adam")
        data = distiller.batches({"a": TASKS["a"].train}, batch_size=40, shuffle=False)
        losses.append(distiller.evaluate(data, return_dict=True, verbose=0)["student_loss"])
    x, y = one_batch(student, "a")
    mask = student.text.mask(x)
    head = student.for_task("c").head
    negative = head.summed_negative_loss(student(x)["c"], mask & (y > 0), mask)
    tokens = float(tf.reduce_sum(tf.cast(mask, tf.float32)))
    assert losses[0] - losses[1] == pytest.approx(float(negative) / tokens, rel=1e-3)


def test_they_are_saved_and_kept_for_some_of_the_tasks(tmp_path):
    teacher = teacher_with({"c": ["a", "b"], "a": ["b"]})
    teacher.save(tmp_path / "teacher.keras")
    loaded = keras.saving.load_model(tmp_path / "teacher.keras")
    assert loaded.negatives.sources == {"c": ("a", "b"), "a": ("b",)}
    assert teacher.with_tasks(["c", "b"]).negatives.sources == {"c": ("b",)}


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        ({"gene": ["d"]}, "there is no task 'gene'"),
        ({"a": ["bb"]}, "there is no task 'bb', which the negatives name: did you mean 'b'"),
        ({"a": "b"}, r"expected a list of tasks whose entities are negatives, got 'b': \['b'\]"),
        ({"a": ["a"]}, "the entities of the task 'a' cannot be negatives for itself"),
    ],
)
def test_wrong_tasks_are_refused(sources, message):
    with pytest.raises(TfkdError, match=message):
        Negatives(sources, ["a", "b"])
