"""Studies count the sentences that runs are scored on and that are also in training text."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pytest

from tests.models.small import small_corpus
from tests.studies.test_estimate import CORPORA
from tests.studies.test_job import FACTS, guesses
from tests.studies.tiny import GRID, give_scores, planned, tiny_study, without_marks
from tfkd.evaluation import score
from tfkd.studies import StudyFolder, read_corpus_sizes, read_plan
from tfkd.studies.job import measure
from tfkd.studies.plan import cache_identity
from tfkd.studies.report import StudyRun
from tfkd.studies.reporting import describe_overlap
from tfkd.studies.results import FinishedRun
from tfkd.studies.run import _warn_of_earlier_runs
from tfkd_base.corpora import write_corpus
from tfkd_base.errors import TfkdWarning

TRAINING = {"sentences": 60, "excluded": 7, "kept": 2, "in_training_sets": {"devel": 1, "test": 9}}
OVERLAP = {
    "training": {"a": {**TRAINING, "trained_on": {"devel": 0, "test": 2}}},
    "teachers": [
        {"teacher": "t", "checked": True, "trained_on": {"a": {"devel": 3, "test": 5}}},
        {"teacher": "u", "checked": False},
    ],
}
COUNTS = {"excluded": 7, "kept": 2, "in_training_sets": 9, "trained_on": 2, "teachers_trained_on": 5}


def test_a_study_keeps_the_counts_of_a_run(tmp_path):
    job, corpus = planned(GRID).jobs["a.small.alone.10.1"], small_corpus("A")
    predicted = guesses(corpus, 1)
    scores = score([sentence.tags for sentence in corpus.test], predicted)
    arguments = (job, {"a": corpus}, {"a": {"test": scores, "devel": scores}}, {"a": predicted})
    (run,) = measure(*arguments, {**FACTS, "overlap": OVERLAP})
    assert run.overlap == COUNTS
    assert measure(*arguments, FACTS)[0].overlap == {}
    alone = {**FACTS, "overlap": {**OVERLAP, "teachers": []}}
    assert "teachers_trained_on" not in measure(*arguments, alone)[0].overlap
    results = StudyFolder(tmp_path).results
    results.hand_over(job.name, FinishedRun((run,), 1.0, job.identity()))
    assert results.runs(job.name)[0].overlap == COUNTS
    results.merge()
    assert results.runs(job.name)[0].overlap == COUNTS


def test_the_report_says_how_many_there_were():
    run = StudyRun("a", "small alone", 1, 0.5, overlap=COUNTS)
    clean = StudyRun("b", "small alone", 1, 0.5, overlap=dict.fromkeys(COUNTS, 0))
    (note,) = describe_overlap([run, clean, replace(run, seed=2, overlap={**COUNTS, "excluded": 9})])
    assert note == (
        "Corpus a: at most 9 training sentences were excluded, since they are also in a development or test set; "
        "at most 2 test sentences were trained on; at most 5 test sentences were in the training text of a teacher."
    )
    earlier = replace(clean, overlap={})
    assert describe_overlap([earlier]) == []
    assert describe_overlap([clean, earlier])[0].startswith("1 of 2 results are from an earlier version")


def test_a_plan_counts_the_training_sentences_of_each_corpus_that_are_held_out(tmp_path):
    corpus = small_corpus("A", longest=14)
    write_corpus(corpus.with_split("train", corpus.train + corpus.test), tmp_path / "a")
    sizes = read_corpus_sizes(read_plan(tiny_study(tmp_path)))
    assert {name: size.held_out for name, size in sizes.items()} == {
        "a": sum(len(sentence.tokens) >= 6 for sentence in corpus.test),
        "b": 0,
    }


def test_finished_runs_of_an_earlier_version_are_named_where_new_ones_exclude_sentences(tmp_path):
    plan, folder = planned(GRID), StudyFolder(tmp_path)
    sizes = {"a": replace(CORPORA["a"], held_out=3), "b": CORPORA["b"]}
    for name in ("a.small.alone.10.1", "b.small.alone.10.1", "teacher.soft.10.1"):
        give_scores(folder, plan.jobs[name])
    with pytest.warns(TfkdWarning) as caught:
        _warn_of_earlier_runs(plan, folder, sizes)
    (warning,) = caught
    assert str(warning.message).startswith(
        "1 finished runs on a, such as a.small.alone.10.1, are of an earlier version: they were trained on 3 sentences"
    )
    same = planned(GRID, "settings.training.exclude_duplicates=false")
    with warnings.catch_warnings():
        warnings.simplefilter("error", TfkdWarning)
        _warn_of_earlier_runs(same, folder, sizes)
        _warn_of_earlier_runs(plan, folder, CORPORA)


def test_students_that_exclude_other_sentences_have_caches_of_their_own():
    other = "distillation.other={distillation: {losses: [{logits: {}}]}, training: {exclude_duplicates: true}}"
    plan = planned(GRID, "seeds=[1]", "parts=[{name: p, corpora: [a], runs: [{teachers: [soft]}]}]", other)
    caches = [name for name in plan.jobs if name.startswith("cache")]
    assert without_marks(caches) == ["cache.soft.a.10.1", "cache.soft.a.10.1"]
    assert plan.jobs["a.small.other.soft.10.1"].needs == (caches[1],)
    assert [cache_identity(plan.jobs[name].config).get("exclude_duplicates") for name in caches] == [None, True]
