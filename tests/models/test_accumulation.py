"""Gradients accumulated over batches, against their mean taken by hand."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfkd.optimizers
from tests.models.small import small_corpus, small_tagger, small_teacher
from tfkd.distillation import Distiller, FeatureDistillation, LogitsDistillation
from tfkd.distillation.teachers import Extractor
from tfkd.training import batches

CORPORA = {"a": small_corpus("A", 1, 8), "b": small_corpus("B", 2, 8)}
RATE = 0.5


def make(kind):
    """Build what is trained, the view that trains on batches of task a, and two such batches."""
    keras.utils.set_random_seed(3)
    plain = {"dropout": 0.0, "word_dropout": 0.0}
    if kind == "teacher":
        model = small_teacher(CORPORA, head="crf", **plain)
        view, text = model.for_task("a"), model.text
    else:
        student = small_tagger(CORPORA["a"], head="crf", **plain)
        teacher = small_teacher({"a": CORPORA["a"]}, units=7).for_task("a")
        # Another vocabulary's size does not matter: both were adapted to the same corpus.
        view = model = Distiller(teacher, student, [LogitsDistillation(2.0), FeatureDistillation("encoder", "encoder")])
        text = student.text
    tags = model.for_task("a").tags if kind == "teacher" else model.student.tags
    data = [*batches(CORPORA["a"].train, text, tags, batch_size=4, seed=1)]
    return model, view, [({**x, "task": tf.zeros([4], tf.int32)} if kind == "teacher" else x, y) for x, y in data]


@pytest.mark.parametrize("kind", ["teacher", "distiller"])
@pytest.mark.parametrize("optimizer", [keras.optimizers.SGD, tfkd.optimizers.Adam])
def test_two_batches_make_one_update_by_the_mean_of_their_gradients(kind, optimizer):
    model, view, data = make(kind)
    model.compile(optimizer(RATE, gradient_accumulation_steps=2))
    for batch in data:
        model.train_step(batch)
    got = model.get_weights()

    model, view, data = make(kind)
    gradients = []
    for x, y in data:
        with tf.GradientTape() as tape:
            if kind == "teacher":
                loss = view.token_loss(x, y, None, view(x, training=True))
            else:
                student = Extractor({"": view.student}, ["encoder"])(x, training=True)[""]
                taught = Extractor({"": view.teacher.tagger}, ["encoder"])(x, training=False)[""]
                own = view.student.token_loss(x, y, None, student.emissions)
                loss = 0.5 * own + tf.add_n([each(taught, student) for each in view.distillation_losses])
        sources = [v.value for v in view.trainable_variables]
        gradients.append([tf.convert_to_tensor(g).numpy() for g in tape.gradient(loss, sources)])
    alone = optimizer(RATE)
    before = model.get_weights()
    alone.apply([(a + b) / 2 for a, b in zip(*gradients, strict=True)], view.trainable_variables)
    moved = 0.0
    for mine, wanted, start in zip(got, model.get_weights(), before, strict=True):
        np.testing.assert_allclose(mine, wanted, atol=2e-5)
        moved = max(moved, float(np.abs(np.asarray(wanted, float) - start).max()))
    assert moved > 0.01
