"""Runs on small corpora, as files: what they leave behind, and that they give the same again."""

from __future__ import annotations

import json
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.models.small import small_corpus
from tfkd.config import parse_config
from tfkd.evaluation import evaluate as evaluate_tagger
from tfkd.evaluation import score
from tfkd.runs import RunFolder, distill, evaluate_run, train
from tfkd.runs.run_folder import CHECKPOINT
from tfkd.runs.runs import _saying_how_to_resume
from tfkd.runs.scoring import measure_speed
from tfkd_base.corpora import read_column_corpus, write_corpus
from tfkd_base.errors import TfkdError, TfkdWarning
from tfkd_base.progress import Progress

SMALL = """
seed: 3
text: {word_units: 6, casing_units: 2, characters: {units: 4, embedding_units: 3}}
encoder: {units: 6, dropout: 0.3}
training: {epochs: 3, batch_size: 8, learning_rate: 0.02}
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A teacher of two tasks, a student alone and a student distilled."""
    folder = tmp_path_factory.mktemp("runs")
    for name, seed in (("a", 0), ("b", 1)):
        write_corpus(small_corpus(name.upper(), seed), folder / "corpora" / name)
    tasks = "".join(f"  {name}: {{path: {folder}/corpora/{name}}}\n" for name in "ab")
    teacher = f"kind: teacher\ntasks:\n{tasks}task_encoder: {{units: 4}}\nhead: softmax\n{SMALL}"
    student = f"kind: tagger\ntasks: {{a: {{path: {folder}/corpora/a}}}}\nhead: softmax\n{SMALL}"
    student += "distillation: {losses: [{logits: {}}, {features: {weight: 5.0}}]}\ntransfer: null\n"
    configs = {"teacher": parse_config(teacher), "student": parse_config(student)}
    results = {
        "teacher": train(configs["teacher"], folder / "teacher"),
        "alone": train(configs["student"], folder / "alone"),
        "distilled": distill(configs["student"], folder / "teacher", folder / "distilled"),
    }
    return folder, configs, results


def weights(run: Path) -> list[np.ndarray]:
    return RunFolder(run).model().get_weights()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["teacher", "alone", "distilled"])
def test_a_finished_run_holds_its_files_and_no_others(runs, name):
    folder, _configs, results = runs
    run = folder / name
    assert sorted(p.name for p in run.iterdir()) == [
        "config.yaml", "history.json", "model.keras", "run.json", "scores.json", "sentences.npz",
    ]  # fmt: skip
    history = json.loads((run / "history.json").read_text())
    assert len(history["loss"]) == 3
    assert history["best_epoch"] == int(np.argmax(history["val_f1"]))
    scores = json.loads((run / "scores.json").read_text())
    assert set(scores) == ({"a", "b"} if name == "teacher" else {"a"})
    facts = json.loads((run / "run.json").read_text())
    model = RunFolder(run).model()
    assert facts["parameters"] == model.count_params() == results[name].parameters
    assert facts["model_bytes"] == (run / "model.keras").stat().st_size
    failed = [task for task in scores if scores[task]["devel"]["micro"]["f1"] < 0.01]
    assert [text.partition(":")[0] for text in facts["warnings"]] == [
        f"the training ended with an F1 of 0.00 on the development set of {task!r}" for task in failed
    ]
    assert facts["words_per_second"] > 0
    assert facts["words_per_processor_second"] > 0
    assert RunFolder(run).config().seed == 3
    # The scores in the file are those of the model in the file, on the test set.
    for task in scores:
        view = model.for_task(task) if name == "teacher" else model
        again = evaluate_tagger(view, small_corpus(task.upper(), "ab".index(task)), "test")
        assert scores[task]["test"].pop("overlap")["trained_on"] <= 2
        assert scores[task]["test"] == again.to_dict()
        assert evaluate_run(run, task=task if name == "teacher" else None).to_dict() == again.to_dict()


@pytest.mark.slow
def test_waiting_does_not_count_in_words_per_processor_second(runs, monkeypatch):
    _folder, _configs, results = runs
    tagger, corpus = results["alone"].model, small_corpus("A", 0)
    tag = type(tagger).tag
    monkeypatch.setattr(type(tagger), "tag", lambda *given: (time.sleep(1.0), tag(*given))[1])
    wall, processor = measure_speed(tagger, {"a": corpus}, Progress())
    assert 0 < wall < sum(len(sentence.tokens) for sentence in corpus.test)
    assert processor > 5 * wall


@pytest.mark.slow
@pytest.mark.parametrize("name", ["teacher", "alone", "distilled"])
def test_the_predicted_tags_are_those_that_were_scored(runs, name):
    folder, _configs, results = runs
    model, predicted = RunFolder(folder / name).model(), results[name].predicted
    assert set(predicted) == set(results[name].scores)
    for task, tags in predicted.items():
        test = small_corpus(task.upper(), "ab".index(task)).test
        assert tags == (model.for_task(task) if name == "teacher" else model).tag(test)
        assert score([sentence.tags for sentence in test], tags, "iob2") == results[name].scores[task]["test"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["teacher", "distilled"])
def test_its_configuration_gives_the_same_numbers_again(runs, name, tmp_path):
    folder, *_ = runs
    config = RunFolder(folder / name).config()
    again = distill(config, None, tmp_path / "again") if name == "distilled" else train(config, tmp_path / "again")
    for one, other in zip(weights(folder / name), weights(again.path), strict=True):
        np.testing.assert_array_equal(one, other)
    for file in ("scores.json", "history.json", "config.yaml"):
        assert (again.path / file).read_text() == (folder / name / file).read_text()


@pytest.mark.slow
def test_the_baseline_is_fair_and_the_teacher_matters(runs):
    folder, *_ = runs
    alone, distilled = (json.loads((folder / n / "history.json").read_text()) for n in ("alone", "distilled"))
    assert len(alone["loss"]) == len(distilled["loss"])
    models = [RunFolder(folder / n).model() for n in ("alone", "distilled")]
    assert models[0].text == models[1].text
    assert models[0].count_params() == models[1].count_params()
    assert any(not np.array_equal(a, b) for a, b in zip(*(m.get_weights() for m in models), strict=True))


@pytest.mark.slow
def test_types_of_another_corpus_are_mapped(runs, tmp_path):
    folder, *_ = runs
    write_corpus(read_column_corpus(folder / "corpora" / "a").map_types({"A": "Other"}), tmp_path / "other")
    own = evaluate_run(folder / "alone").to_dict()
    assert own["types"]["A"]["entities"] > 0
    with pytest.warns(
        TfkdWarning, match=r"the model has the types A, and the test set of 'other' has Other .*--map Oth"
    ):
        other = evaluate_run(folder / "alone", corpus=tmp_path / "other")
    assert (other.types["Other"].entities, other.micro.f1) == (own["types"]["A"]["entities"], 0)
    assert evaluate_run(folder / "alone", corpus=tmp_path / "other", types={"Other": "A"}).to_dict() == own


@pytest.mark.slow
def test_a_finished_run_is_not_overwritten_by_default(runs):
    folder, configs, _ = runs
    before = (folder / "alone" / "model.keras").read_bytes()
    with pytest.raises(TfkdError, match="--overwrite"):
        train(configs["student"], folder / "alone")
    assert (folder / "alone" / "model.keras").read_bytes() == before


@pytest.mark.slow
def test_wrong_teachers_are_refused_before_anything_is_written(runs, tmp_path):
    folder, configs, _ = runs
    with pytest.raises(TfkdError, match="there is no run"):
        distill(configs["student"], tmp_path / "nowhere", tmp_path / "out")
    other = configs["student"].model_copy(update={"tasks": {"c": configs["student"].tasks["a"]}})
    with pytest.raises(TfkdError, match=r"no task 'c'"):
        distill(other, folder / "teacher", tmp_path / "out")
    with pytest.raises(TfkdError, match="several tasks"):
        evaluate_run(folder / "teacher")
    assert not (tmp_path / "out").exists()


def test_folders_with_other_files_are_refused(tmp_path):
    config = parse_config("kind: tagger\ntasks: {gene: {path: 'demo:gene'}}")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(TfkdError, match=r"other files than a run, such as 'thesis\.tex'"):
        RunFolder(tmp_path / "mine").check(config)
    (tmp_path / "file").touch()
    with pytest.raises(TfkdError, match="is a file"):
        RunFolder(tmp_path / "file").check(config)
    with RunFolder(tmp_path / "begun").hold(config):
        pass
    with pytest.raises(TfkdError, match="an unfinished run"):
        RunFolder(tmp_path / "begun").model()


def test_a_corpus_that_is_missing_or_too_small_is_named(tmp_path):
    missing = parse_config(f"kind: tagger\ntasks: {{gene: {{path: {tmp_path}/no-such}}}}")
    with pytest.raises(TfkdError, match="no-such"):
        train(missing, tmp_path / "run")
    small = parse_config("kind: tagger\ntasks: {gene: {path: 'demo:gene', train_sentences: 100000}}")
    with pytest.raises(TfkdError, match="cannot draw 100000"):
        train(small, tmp_path / "run")
    unknown = parse_config("kind: tagger\ntasks: {gene: {path: 'demo:genes'}}")
    with pytest.raises(TfkdError, match="did you mean 'gene'"):
        train(unknown, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_loading_a_run_executes_no_code(tmp_path):
    """A file with a Lambda layer is refused, as Keras' safe mode does."""
    config = parse_config("kind: tagger\ntasks: {gene: {path: 'demo:gene'}}")
    with RunFolder(tmp_path).hold(config):
        pass
    evil = keras.Sequential([keras.Input((1,)), keras.layers.Lambda(lambda x: x)])
    evil.save(tmp_path / "model.keras")
    (tmp_path / "scores.json").write_text("{}")
    with pytest.raises((ValueError, TypeError), match=r"[Ll]ambda"):
        RunFolder(tmp_path).model()


class Interrupting(Progress):
    """Interrupts the run when its model is scored, and keeps the messages."""

    def __init__(self, interrupts=True):
        self.interrupts, self.messages = interrupts, []

    def message(self, text):
        self.messages.append(text)

    def start(self, title, total=None, unit=""):
        if self.interrupts and title == "scoring a, test":
            raise KeyboardInterrupt


@pytest.mark.slow
def test_a_run_that_is_interrupted_while_it_is_scored_resumes_with_scoring(runs, tmp_path):
    folder, configs, _results = runs
    with pytest.raises(KeyboardInterrupt, match=r"the last checkpoint is kept in .*: run the same command to resume"):
        train(configs["student"], tmp_path / "run", progress=Interrupting())
    assert not RunFolder(tmp_path / "run").is_finished
    progress = Interrupting(interrupts=False)
    train(configs["student"], tmp_path / "run", progress=progress)
    assert "resumes from its checkpoint: training is complete, scoring follows" in progress.messages
    assert not [text for text in progress.messages if text.startswith("epoch ")]
    for name in ("history.json", "scores.json"):
        assert json.loads((tmp_path / "run" / name).read_text()) == json.loads((folder / "alone" / name).read_text())
    for got, want in zip(weights(tmp_path / "run"), weights(folder / "alone"), strict=True):
        np.testing.assert_array_equal(got, want)


def test_what_ends_a_training_names_the_remedy(runs, tmp_path):
    config = runs[1]["student"]
    with (
        pytest.raises(TfkdError, match=r"batches of 8 sentences.*batch_size=4 .*accumulation_steps=2 --overwrite"),
        _saying_how_to_resume(RunFolder(tmp_path), config),
    ):
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
    with (
        pytest.raises(KeyboardInterrupt, match=r"no step was finished, so .* has no checkpoint"),
        _saying_how_to_resume(RunFolder(tmp_path), config),
    ):
        raise KeyboardInterrupt
    (tmp_path / CHECKPOINT).touch()
    with (
        pytest.raises(TfkdError, match=r"'model.keras': No space left.* Make room; the last checkpoint is kept"),
        _saying_how_to_resume(RunFolder(tmp_path), config),
    ):
        raise OSError(28, "No space left on device", "model.keras")
