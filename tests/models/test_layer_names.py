"""Tasks of any name: layers, training, saving, distillation and exports; names of models."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.models.small import small_corpus, small_tagger, small_teacher
from tfkd.distillation import Distiller, FeatureDistillation
from tfkd.models import MultiTaskTagger, load_model
from tfkd.models.layer_names import task_prefix
from tfkd.optimizers import TaskOptimizer
from tfkd.serving import Annotator, export
from tfkd.training import multitask_batches
from tfkd_base.errors import TfkdError

NAMES = ["shared", "breast cancer", "Brüche/Öl", "gene", "Gene"]
"""`shared_encoder` is a layer of every teacher; the last two differ by case alone."""


def test_tasks_may_have_any_name(tmp_path: Path) -> None:
    corpora = {name: small_corpus("A", seed=number, sentences=6) for number, name in enumerate(NAMES)}
    teacher = small_teacher(corpora, units=3, head="softmax", task_encoder=2, characters=None)
    teacher.compile(keras.optimizers.SGD(0.1, gradient_accumulation_steps=2))
    data = multitask_batches(corpora, teacher.text, batch_size=6)
    assert np.isfinite(teacher.fit(data, verbose=0).history["loss"][0])
    optimizer = teacher.optimizer
    assert isinstance(optimizer, TaskOptimizer)
    assert {task: len(part.variables) > 3 for task, part in optimizer.tasks.items()} == dict.fromkeys(NAMES, True)

    views = [teacher.for_task(name) for name in NAMES]
    assert len({view.head.name for view in views}) == len(NAMES)
    assert (views[3].head.name, views[4].head.name) == ("gene_head", "Gene_head")
    assert views[1].layer_named("breast cancer_head") is views[1].head
    assert views[0].layer_named("shared_encoder") is teacher.get_layer("shared_encoder")
    assert views[0].layer_named("task_encoder") is not teacher.get_layer("shared_encoder")

    sentences = [["wa", "wf", "wk"], ["wb"]]
    tags = [view.tag(sentences) for view in views]
    teacher.save(tmp_path / "m.keras")
    loaded = load_model(tmp_path / "m.keras")
    assert isinstance(loaded, MultiTaskTagger)
    for own, other in zip(teacher.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(own, other)
    few = loaded.with_tasks(["Brüche/Öl", "shared"])
    for number, name in ((2, "Brüche/Öl"), (0, "shared")):
        for own, other in zip(views[number].get_weights(), few.for_task(name).get_weights(), strict=True):
            np.testing.assert_array_equal(own, other)
    distiller = Distiller(views[1], small_tagger(corpora["gene"]), FeatureDistillation("breast cancer_encoder"))
    assert distiller.teacher is not None
    assert distiller.teacher.width("breast cancer_encoder") == 4

    folder = export(teacher, tmp_path / "export")
    answer = tf.saved_model.load(str(folder)).signatures["tag_tokens"](tokens=tf.constant(sentences[:1]))
    for name, expected in zip(NAMES, tags, strict=True):
        assert [tag.decode() for tag in answer[f"tags/{name}"][0].numpy()] == expected[0]
    assert Annotator(folder, tasks=["Brüche/Öl"]).types == ("A",)


def test_a_prefix_depends_on_the_task_and_the_encoder_alone() -> None:
    assert task_prefix("gene", ["shared_encoder"]) == "gene"
    assert task_prefix("gene", ["gene_head"]) == task_prefix("gene", ["gene_encoder", "x"]) != "gene"
    assert len({task_prefix(name, []) for name in ("a b", "a_b", "a/b", "a-b", "A b")}) == 5


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ({"": ["O"]}, "expected the name of each task as a text that is not empty, got ''"),
        ({3: ["O"]}, "got 3: name the task"),
        (["gene"], r"expected the corpus or the tags of each task, \{'gene': corpus\}, got a list"),
        ({}, "needs at least one task"),
    ],
)
def test_wrong_tasks_are_refused(tasks: object, message: str) -> None:
    text = small_tagger(small_corpus()).text
    with pytest.raises(TfkdError, match=message):
        MultiTaskTagger(text, tasks)  # type: ignore[arg-type]


def test_a_model_with_a_name_that_cannot_be_trained_is_refused() -> None:
    tagger = small_tagger(small_corpus())
    for name in ("my tagger", "größe", "_x", ""):
        with pytest.raises(TfkdError, match="expected a model's name of ASCII letters, digits"):
            type(tagger)(tagger.text, tagger.tags, encoder=tagger.encoder, name=name)
