"""`tfkd distill` by its configuration: every loss, several teachers, caches, and sentences without labels."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest

import tfkd
from tests.models.small import small_corpus, weight_changes
from tfkd.config import parse_config
from tfkd.distillation import Distiller, LogitsDistillation, TeacherCache
from tfkd.models import Tagger
from tfkd.runs import RunFolder, cache_teacher, distill, train
from tfkd.runs.distilling import make_distiller, make_losses, student_updates
from tfkd_base.corpora import write_corpus
from tfkd_base.errors import TfkdError, TfkdWarning
from tfkd_base.progress import Progress

SMALL = """
seed: 3
text: {word_units: 6, casing_units: 2, characters: {kind: none}}
encoder: {units: 6, dropout: 0.3}
training: {epochs: 2, batch_size: 8, learning_rate: 0.02}
"""
LOSSES = """[
  {logits: {temperature: {start: 4, end: 1}}}, {logits_regression: {}},
  {decoupled: {temperature: 3, target_weight: 0.5, other_weight: 4}},
  {correlation: {temperature: 3, between_weight: 0.5, within_weight: 4}},
  {features: {teacher_layer: embedding, student_layer: embedding}}, {cosine_features: {teacher_layer: task_encoder}},
  {patient_features: {project: true}}, {posteriors: {temperature: 2}}, {sequences: {}},
  {paths: {number: 2, weighted: false}}, {hidden_states: {}}, {attention: {}}]"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Corpora, two teachers with other heads, and the configuration of a student."""
    folder = tmp_path_factory.mktemp("distilling")
    for name, seed in (("a", 0), ("b", 1), ("c", 2)):
        write_corpus(small_corpus(name.upper(), seed), folder / name)
    tasks = "".join(f"  {name}: {{path: {folder}/{name}}}\n" for name in "ab")
    for number, head in enumerate(("softmax", "crf"), 1):
        text = f"kind: teacher\ntasks:\n{tasks}task_encoder: {{units: 4}}\nhead: {head}\n{SMALL}"
        train(parse_config(text, [f"seed={number}"]), folder / head)
    return folder


class Recorded(Progress):
    """Keeps the messages."""

    def __init__(self):
        self.messages = []

    def message(self, text):
        self.messages.append(text)


def student(place, *settings):
    text = f"kind: tagger\ntasks: {{a: {{path: {place}/a}}}}\nhead: softmax\n{SMALL}"
    return parse_config(text + "distillation: {}\n", settings)


def weights(run):
    return [w for w in RunFolder(run).model().get_weights() if w.dtype == np.float32]


def largest_difference(run, other):
    return max(weight_changes(weights(run), weights(other)))


def test_every_loss_is_reached_by_its_name_with_its_settings(place):
    losses = make_losses(student(place, f"distillation.losses={LOSSES}"), steps=10)
    assert {type(loss) for loss in losses} == {
        getattr(tfkd.distillation, name) for name in tfkd.distillation.__all__ if name.endswith("Distillation")
    } | {tfkd.distillation.LogitsRegression}
    found = [loss.get_config() for loss in losses[1:]]
    layers = {"weight": 1.0, "projection": None}
    assert found == [
        {"weight": 1.0},
        {"weight": 1.0, "temperature": 3.0, "target_weight": 0.5, "other_weight": 4.0},
        {"weight": 1.0, "temperature": 3.0, "between_weight": 0.5, "within_weight": 4.0},
        {**layers, "teacher_layer": "embedding", "student_layer": "embedding", "project": None},
        {**layers, "teacher_layer": "task_encoder", "student_layer": "encoder", "project": None},
        {**layers, "teacher_layer": "shared_encoder", "student_layer": "encoder", "project": True},
        {"weight": 1.0, "temperature": 2.0},
        {"weight": 1.0, "temperature": 1.0},
        {"weight": 1.0, "number": 2, "weighted": False},
        {"weight": 1.0, "pairs": None, "projections": None},
        {"weight": 1.0, "pairs": None},
    ]
    assert [float(losses[0].temperature(step)) for step in (0, 10)] == [4.0, 1.0]


@pytest.mark.slow
def test_a_cache_takes_the_teachers_place(place, tmp_path):
    config = student(place, "distillation.losses=[{posteriors: {temperature: 2}}, {features: {}}]")
    made = cache_teacher(place / "crf", [], tmp_path / "cache", student=config)
    assert made.sentences == len(TeacherCache(tmp_path / "cache").store)
    distill(config, place / "crf", tmp_path / "live")
    distill(config, None, tmp_path / "cached", cache=tmp_path / "cache")
    assert largest_difference(tmp_path / "live", tmp_path / "cached") < 1e-5
    moved = json.loads((tmp_path / "live" / "history.json").read_text())
    assert moved["distillation_loss"][1] < moved["distillation_loss"][0]


@pytest.mark.slow
def test_several_teachers_are_averaged_by_their_weights(place, tmp_path):
    runs = [place / "softmax", place / "crf"]
    posteriors = ["distillation.losses=[{posteriors: {}}]", "transfer=null"]
    distill(student(place, *posteriors), runs[1], tmp_path / "crf-alone")
    distill(student(place, *posteriors, "distillation.teacher_weights=[0, 1]"), runs, tmp_path / "crf-of-two")
    assert largest_difference(tmp_path / "crf-alone", tmp_path / "crf-of-two") < 1e-5
    distill(student(place, *posteriors), runs, tmp_path / "both")
    assert largest_difference(tmp_path / "both", tmp_path / "crf-alone") > 1e-3
    assert RunFolder(tmp_path / "both").config().distillation.teacher == tuple(map(str, runs))
    for run in runs:
        cache_teacher(run, [place / "a"], tmp_path / f"{run.name}.cache", task="a", outputs=["posteriors@1"])
    caches = [tmp_path / f"{run.name}.cache" for run in runs]
    distill(student(place, *posteriors), runs, tmp_path / "cached", cache=caches)
    assert largest_difference(tmp_path / "both", tmp_path / "cached") < 1e-5


def teacher_without_corpus(place, folder):
    """A copy of a teacher's run of an earlier version, whose second corpus has been removed."""
    run = shutil.copytree(place / "softmax", folder / "moved")
    config = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(config.replace(f"{place}/b", f"{place}/gone"))
    (run / "sentences.npz").unlink()  # earlier versions did not write it
    return run


@pytest.mark.slow
def test_unlabelled_text_excludes_test_sentences_and_a_missing_corpus_is_warned_about(place, tmp_path):
    held_out = small_corpus("A").test[0].tokens
    text = tmp_path / "text.txt"
    lines = [f"Novelase{i} binds novelkin and novelkin." for i in range(10)]
    text.write_text("\n".join([*lines, lines[0], " ".join(held_out)]))
    named = f"transfer={{corpora: [{place}/c], texts: [{text}], share: 0.75}}"
    config = student(place, named)
    recorded, teacher = Recorded(), teacher_without_corpus(place, tmp_path)
    with pytest.warns(TfkdWarning, match="gone: there is no such.*cannot be checked, and its development and test"):
        result = distill(config, teacher, tmp_path / "taught", progress=recorded)
    facts = json.loads((tmp_path / "taught" / "run.json").read_text())
    assert facts["warnings"] == list(result.warnings)
    assert sum(not text.startswith("the training ended with an F1") for text in result.warnings) == 1
    report = facts["transfer"]
    assert report["read"] == len(small_corpus("C", 2).train) + 12
    assert report["kept"] + report["held_out"] + report["repeated"] == report["read"]
    assert report["repeated"] >= 1
    assert f"{report['kept']} of {report['read']} sentences" in "\n".join(recorded.messages)
    # The student alone has the same words, and so the same initial weights.
    train(config, tmp_path / "alone")
    alone, taught = (RunFolder(tmp_path / name).model() for name in ("alone", "taught"))
    assert alone.text == taught.text
    assert {"binds", "novelkin"} <= set(alone.text.words)
    # As many updates: an epoch goes once through the labelled sentences, two in each batch of eight.
    assert student_updates(config, 40) == 2 * 20
    with pytest.warns(TfkdWarning, match="are unknown"):
        cache_teacher(teacher, [], tmp_path / "cache", student=config)
    with pytest.warns(TfkdWarning, match="are unknown: an earlier version wrote it"):
        distill(config, None, tmp_path / "cached", cache=tmp_path / "cache")
    assert largest_difference(tmp_path / "taught", tmp_path / "cached") < 1e-5


def test_ramps_go_over_the_updates_of_the_training(place):
    ramp = "{start: 4, end: 1, until: 0.5}"
    config = student(
        place,
        f"distillation.losses=[{{logits: {{temperature: {ramp}, weight: {{start: 1, end: 0}}}}}}]",
        "distillation.student_loss_weight={start: 0, end: 1}",
    )
    corpus = small_corpus("A")
    steps = student_updates(config, len(corpus.train))
    assert steps == 2 * -(-len(corpus.train) // 8)
    tagger = RunFolder(place / "softmax").model().for_task("a")
    distiller = make_distiller(config, tagger, Tagger(tagger.text, corpus), steps)
    (loss,) = distiller.distillation_losses
    assert isinstance(loss, LogitsDistillation)
    values = [
        [
            float(x(step))
            for x in (loss.temperature, *distiller.distillation_loss_weights, distiller.student_loss_weight)
        ]
        for step in (0, steps // 2, steps)
    ]
    np.testing.assert_allclose(values, [[4, 1, 0], [1, 0.5, 0.5], [1, 0, 1]], atol=1e-5)
    assert isinstance(distiller, Distiller)


@pytest.mark.parametrize(
    ("settings", "teacher", "message"),
    [
        ([], None, "needs a teacher: say --teacher RUN or --cache CACHE"),
        ([], ["nowhere"], "there is no run"),
        (["distillation.cache=nowhere"], None, r"is no cache of teacher outputs: .*`tfkd cache-teacher`"),
        (["distillation.task=c"], ["softmax"], r"has no task 'c'"),
        (
            ["scheme=iobes"],
            ["softmax"],
            r"same tags in the same order, and the same scheme: the teacher has \['O', 'B-A'",
        ),
        (
            ["distillation.losses=[{features: {teacher_layer: shared_encodr}}]"],
            ["softmax"],
            r"no layer 'shared_encodr': did you mean 'shared_encoder'",
        ),
        (["distillation.losses=[{features: {}}]"], ["softmax", "crf"], "cannot be averaged over 2 teachers"),
        (["distillation.teacher_weights=[1]"], ["softmax", "crf"], "a weight for each of 2 teachers"),
        (["distillation.cache=[x]"], ["softmax", "crf"], "1 caches cannot be those of 2 teachers"),
    ],
)
def test_mistakes_are_named(place, tmp_path, settings, teacher, message):
    config = student(place, *settings)
    named = None if teacher is None else [place / name for name in teacher]
    with pytest.raises(TfkdError) as caught:
        distill(config, named, tmp_path / "run")
    assert re.search(message, str(caught.value)), caught.value
    assert not (tmp_path / "run").exists()


def test_a_cache_of_another_teacher_or_other_text_is_refused(place, tmp_path):
    cache_teacher(place / "crf", [place / "b"], tmp_path / "cache", task="a", outputs=["logits"])
    with pytest.raises(TfkdError, match=r"made by another teacher: the given one has another head"):
        distill(student(place), place / "softmax", tmp_path / "run", cache=tmp_path / "cache")
    with pytest.raises(TfkdError, match=r"made for other text: \d+ of \d+ sentences are not in it, the first one '"):
        distill(student(place), None, tmp_path / "run", cache=tmp_path / "cache")
    with pytest.raises(TfkdError, match="was made by another teacher: the given one has another head"):
        cache_teacher(place / "softmax", [place / "b"], tmp_path / "cache", task="a", outputs=["logits"])
    assert not (tmp_path / "run").exists()


def test_a_teacher_of_one_task_may_lack_it_too(place, tmp_path):
    single = parse_config(f"kind: tagger\ntasks: {{b: {{path: {place}/b}}}}\nhead: softmax\n{SMALL}")
    train(single, tmp_path / "single")
    with pytest.raises(TfkdError, match=r"single has no task 'a': .*'b'"):
        distill(student(place), tmp_path / "single", tmp_path / "run")
    with pytest.raises(TfkdError, match=r"single has no task 'z': .*'b'"):
        cache_teacher(tmp_path / "single", [place / "b"], tmp_path / "cache", task="z")
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "cache").exists()


def test_an_empty_text_is_refused(place, tmp_path):
    (tmp_path / "empty.txt").write_text("\n \n")
    with pytest.raises(TfkdError, match=r"empty\.txt is empty: expected text with one document per line"):
        distill(student(place, f"transfer.texts=[{tmp_path}/empty.txt]"), place / "softmax", tmp_path / "run")
