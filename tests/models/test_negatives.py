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


def teacher_with(negatives, head="softmax", task_encoder=None, dtype=None):
    keras.utils.set_random_seed(1)
    text = WordFeatures.adapt(TASKS.values())
    return MultiTaskTagger(
        text,
        TASKS,
        encoder=small_encoder(dropout=0.0, word_dropout=0.0),
        head=head,
        task_encoder=task_encoder,
        negatives=negatives,
        dtype=dtype,
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


@pytest.mark.parametrize(("head", "per_token"), [("softmax", False), ("softmax", True), ("crf", False)])
def test_sample_weights_apply_to_negatives_in_training_and_in_evaluation(head, per_token):
    teacher = teacher_with({"c": ["a"]}, head)
    x, y = one_batch(teacher, "a")
    mask = teacher.text.mask(x).numpy().astype(bool)
    rng = np.random.default_rng(1)
    weight = (rng.random(y.shape) if per_token else rng.random(y.shape[0])).astype("float32")
    emissions = {task: scores.numpy() for task, scores in teacher(x).items()}
    # Each sentence alone has the loss of its weight, each token of a softmax head too.
    gold, negative = 0.0, 0.0
    for i, length in enumerate(mask.sum(1)):
        real, row = tf.ones([1, length], tf.bool), y.numpy()[i : i + 1, :length]
        own = weight[i, :length] if per_token else np.full(length, weight[i])
        if head == "crf":
            scores = {task: tf.constant(values[i : i + 1, :length]) for task, values in emissions.items()}
            gold += own[0] * float(teacher.for_task("a").head.summed_loss(scores["a"], tf.constant(row), real))
            outside = teacher.for_task("c").head.summed_negative_loss(scores["c"], tf.constant(row > 0), real)
            negative += own[0] * float(outside)
        else:
            logs = {task: np.log(keras.ops.softmax(values[i, :length])) for task, values in emissions.items()}
            gold -= (own * logs["a"][np.arange(length), row[0]]).sum()
            negative -= (own * logs["c"][:, 0])[row[0] > 0].sum()
    expected = (gold + negative) / mask.sum()
    data = tf.data.Dataset.from_tensors((x, y, tf.constant(weight)))
    teacher.compile(keras.optimizers.SGD(0.0))
    assert teacher.fit(data, verbose=0).history["loss"] == [pytest.approx(expected, rel=1e-5)]
    assert teacher.evaluate(data, verbose=0) == pytest.approx(expected, rel=1e-5)
    assert teacher.test_on_batch(x, y, sample_weight=tf.constant(weight)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("setting", [{"jit_compile": True}, {"run_eagerly": True}])
def test_a_step_is_the_same_however_it_is_run(setting):
    weights = []
    for settings in ({}, setting):
        teacher = teacher_with({"c": ["a"]}, "crf")
        teacher.compile(keras.optimizers.SGD(0.5), **settings)
        teacher.fit(tf.data.Dataset.from_tensors(one_batch(teacher, "a")), verbose=0)
        weights.append(teacher.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_step_in_float16_is_close_to_that_in_float32():
    weights = []
    for dtype in ("float32", "mixed_float16"):
        keras.utils.set_random_seed(1)
        teacher = teacher_with({"c": ["a"]}, "crf", dtype=dtype)
        teacher.compile(keras.optimizers.SGD(0.5))
        teacher.fit(tf.data.Dataset.from_tensors(one_batch(teacher, "a")), verbose=0)
        weights.append(teacher.get_layer("c_head").get_weights())
    before = teacher_with({"c": ["a"]}, "crf").get_layer("c_head").get_weights()
    moved = [np.abs(one - old).max() for one, old in zip(weights[0], before, strict=True)]
    assert min(moved) > 1e-3
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, atol=0.05 * max(moved))


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
