"""Runs of students with several tasks: training, distillation, caches, what is excluded, and what is exported."""

from __future__ import annotations

import json

import numpy as np
import pytest

import tfkd
from tests.models.small import small_corpus
from tfkd.config import ConfigError, parse_config
from tfkd.distillation import MultiTaskCache
from tfkd.models import MultiTaskTagger, Tagger
from tfkd.runs import RunFolder, cache_teacher, distill, evaluate_run, train
from tfkd.runs.distilling import read_teacher, student_updates
from tfkd.serving.exported_tagger import ExportedTagger
from tfkd_base.corpora import Sentence, write_corpus
from tfkd_base.errors import TfkdError

SMALL = """
seed: 3
text: {word_units: 6, casing_units: 2, characters: {kind: none}}
encoder: {units: 6, dropout: 0.3}
training: {epochs: 2, batch_size: 8, learning_rate: 0.02}
head: softmax
"""
LOSSES = "distillation.losses=[{logits: {}}, {features: {}}]"
LONG = tuple(f"token{number}" for number in range(8))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Three corpora and unlabelled text; a teacher of a and b, and a teacher of b and c.

    A test sentence of b is also a training sentence of a and a line of the text.
    """
    folder = tmp_path_factory.mktemp("students")
    for name, seed in (("a", 0), ("b", 1), ("c", 2)):
        corpus = small_corpus(name.upper(), seed, sentences=24)
        same = Sentence(LONG, ("O",) * len(LONG))
        split = {"a": "train", "b": "test"}.get(name)
        if split is not None:
            corpus = corpus.with_split(split, [*corpus.split(split), same])
        write_corpus(corpus, folder / name)
    (folder / "text.txt").write_text(" ".join(LONG) + ".\n" + "".join(f"wa w{i} binds.\n" for i in range(12)))
    for tasks in ("ab", "bc"):
        named = ", ".join(f"{name}: {{path: {folder}/{name}}}" for name in tasks)
        train(parse_config(f"kind: teacher\ntasks: {{{named}}}\n{SMALL}"), folder / tasks)
    return folder


def student(place, *settings, tasks="ab"):
    named = ", ".join(f"{name}: {{path: {place}/{name}}}" for name in tasks)
    text = f"kind: student\ntasks: {{{named}}}\n{SMALL}distillation: {{}}\n"
    return parse_config(text, [LOSSES, f"transfer.texts=[{place}/text.txt]", *settings])


def weights(run):
    return [w for w in RunFolder(run).model().get_weights() if w.dtype == np.float32]


def test_a_student_learns_several_tasks_is_cached_scored_and_exported(place, tmp_path):
    config = student(place)
    live = distill(config, place / "ab", tmp_path / "live")
    assert isinstance(live.model, MultiTaskTagger)
    assert set(live.scores) == {"a", "b"}
    facts = json.loads((tmp_path / "live" / "run.json").read_text())
    # The test sentence of b is in no training text of any task.
    assert facts["overlap"]["training"]["a"]["excluded"] == 1
    assert facts["transfer"]["held_out"] == 1
    made = cache_teacher(place / "ab", [], tmp_path / "cache", student=config)
    assert made.sentences == len(MultiTaskCache(tmp_path / "cache").store)
    distill(config, place / "ab", tmp_path / "cached", cache=tmp_path / "cache")
    for own, other in zip(weights(tmp_path / "live"), weights(tmp_path / "cached"), strict=True):
        np.testing.assert_allclose(own, other, atol=2e-4)
    scores = evaluate_run(tmp_path / "live", task="b")
    assert scores.micro == live.scores["b"]["test"].micro
    with pytest.raises(TfkdError, match="has several tasks: say which with --task, one of a, b"):
        evaluate_run(tmp_path / "live")
    folder = tfkd.export(live.model, tmp_path / "exported")
    sentences = live.corpora["b"].test[:9]
    for task in "ab":
        assert ExportedTagger(folder, task).tag(sentences) == live.model.for_task(task).tag(sentences)
    # A student with one task learns from its part of the cache.
    single = student(place, tasks="b")
    teachers = read_teacher(single.model_copy(update={"distillation": _with(single, cache=str(tmp_path / "cache"))}))
    assert teachers.by_task[""].tags == ("O", "B-B", "I-B")


def _with(config, **update):
    return config.distillation.model_copy(update=update)


def test_the_baseline_has_the_same_weights_vocabulary_and_batches(place, tmp_path):
    config = student(place, "transfer=null", "training.epochs=1")
    alone = train(config, tmp_path / "alone")
    assert isinstance(alone.model, MultiTaskTagger)
    # Without a teacher's weight, and one optimizer for all layers, the first step has the same loss.
    taught = distill(
        config.model_copy(update={"distillation": _with(config, student_loss_weight=1.0)}),
        place / "ab",
        tmp_path / "taught",
    )
    assert taught.model.text.words == alone.model.text.words
    assert student_updates(config, 23, 24) == 3 + 3
    one_task = [
        train(student(place, "training.epochs=1", f"kind={kind}", "distillation=null", tasks="a"), tmp_path / kind)
        for kind in ("student", "tagger")
    ]
    assert all(isinstance(run.model, Tagger) for run in one_task)
    for own, other in zip(weights(tmp_path / "student"), weights(tmp_path / "tagger"), strict=True):
        np.testing.assert_array_equal(own, other)


def test_each_task_takes_the_teachers_that_know_it(place):
    runs = (str(place / "ab"), str(place / "bc"))

    def read(config, **update):
        return read_teacher(config.model_copy(update={"distillation": _with(config, **update)}))

    config = student(place, tasks="abc")
    teachers = read(config, teacher=runs, teacher_weights=(1.0, 3.0))
    assert [len(getattr(teacher, "members", "1")) for teacher in teachers.by_task.values()] == [1, 2, 1]
    assert teachers.by_task["b"].weights == (0.25, 0.75)
    with pytest.raises(TfkdError, match="no teacher knows the task 'c' of the student"):
        read(config, teacher=runs[0])
    with pytest.raises(TfkdError, match="knows none of the student's tasks: it has b, c, expected at least one of a"):
        read(student(place, tasks="ad"), teacher=runs[1])
    renamed = read(config, teacher=runs[0], task={"c": "b"})
    assert renamed.by_task["c"].tags == ("O", "B-B", "I-B")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["kind=tagger"], "a tagger has one task, got 2; 'kind: student' takes several"),
        (["kind=teacher"], "only a student learns from a teacher"),
        (["distillation.task=a"], r"the student has several tasks: say which learns from it, \{a: a\}"),
        (["distillation.task={A: a}"], "the student has no task 'A'; expected one of 'a', 'b'"),
    ],
)
def test_settings_that_do_not_fit_are_refused(place, settings, message):
    with pytest.raises(ConfigError, match=message):
        student(place, *settings)
