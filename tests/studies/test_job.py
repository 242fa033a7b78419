"""A job in its process: its folder, its failure, and what the study keeps of a run."""

from __future__ import annotations

import contextlib
import errno
import json
import threading
import time

import numpy as np
import pytest

from tests.models.small import small_corpus
from tests.studies.tiny import GRID, planned
from tfkd.evaluation import score
from tfkd.studies import StudyFolder, job
from tfkd.studies.job import measure
from tfkd.studies.results import FinishedRun
from tfkd.studies.statistics import unpack_counts
from tfkd_base.corpora import Corpus, Sentence
from tfkd_base.errors import TfkdError
from tfkd_base.resumable import hold

FACTS = {
    "parameters": 321,
    "words_per_second": 900,
    "words_per_processor_second": 4000,
    "training_seconds": 12.5,
    "versions": {},
}


def entities(tags) -> set[tuple[int, int, str]]:
    """Read IOB2 without the library."""
    found, start = set(), None
    for place, tag in enumerate([*tags, "O"]):
        if start is not None and not (tag[0] == "I" and tag[2:] == tags[start][2:]):
            found.add((start, place, tags[start][2:]))
            start = None
        if tag[0] == "B":
            start = place
    return found


def guesses(corpus: Corpus, seed: int) -> list[list[str]]:
    """Answer with tags some of which are wrong."""
    rng = np.random.default_rng(seed)
    kind = corpus.name
    answers = []
    for sentence in corpus.test:
        tags = [tag if rng.random() < 0.7 else str(rng.choice(["O", "O", "O", f"B-{kind}"])) for tag in sentence.tags]
        for place, tag in enumerate(tags):  # an entity begins with B
            if tag[0] == "I" and (place == 0 or tags[place - 1] == "O"):
                tags[place] = "O"
        answers.append(tags)
    return answers


@pytest.fixture(scope="module")
def runs():
    plan = planned(GRID)
    corpora = {name: small_corpus(name.upper(), seed, sentences=60) for seed, name in enumerate("ab")}
    predicted = {name: guesses(corpus, seed) for seed, (name, corpus) in enumerate(corpora.items())}
    scores = {
        name: {
            "test": score([s.tags for s in corpus.test], predicted[name], "iob2"),
            "devel": score([s.tags for s in corpus.devel], [s.tags for s in corpus.devel], "iob2"),
        }
        for name, corpus in corpora.items()
    }
    return measure(plan.jobs["teacher.soft.10.2"], corpora, scores, predicted, FACTS), corpora, predicted


def test_a_run_for_each_task(runs):
    found, *_ = runs
    assert [(run.corpus, run.method, run.seed, run.training_sentences, run.whole) for run in found] == [
        ("a", "soft teacher", 2, 10, False),
        ("b", "soft teacher", 2, 10, False),
    ]
    for run in found:
        assert (run.parameters, run.words_per_second, run.training_seconds, run.devel_f1) == (321, 4000, 12.5, 1.0)


def test_the_counts_of_each_sentence_and_what_they_sum_to(runs):
    found, corpora, predicted = runs
    for run in found:
        corpus, tags = corpora[run.corpus], predicted[run.corpus]
        gold = [entities(sentence.tags) for sentence in corpus.test]
        said = [entities(each) for each in tags]
        rows = [[len(g & p), len(p - g), len(g - p)] for g, p in zip(gold, said, strict=True)]
        np.testing.assert_array_equal(unpack_counts(run.sentence_counts), rows)
        right, wrong, missed = np.sum(rows, axis=0)
        assert min(right, wrong, missed) > 0
        assert run.test_f1 == pytest.approx(2 * right / (2 * right + wrong + missed))
        kind = run.corpus.upper()
        assert list(run.types) == [kind]
        assert run.types[kind].entities == right + missed
        assert run.types[kind].f1 == pytest.approx(run.test_f1)


def test_entities_seen_in_training_and_the_others(runs):
    found, corpora, predicted = runs
    for run in found:
        corpus, tags = corpora[run.corpus], predicted[run.corpus]
        known = {tuple(s.tokens[b:e]) for s in corpus.train for b, e, _ in entities(s.tags)}
        counts = {True: [0, 0, 0], False: [0, 0, 0]}
        for sentence, answer in zip(corpus.test, tags, strict=True):
            gold, said = entities(sentence.tags), entities(answer)
            for index, part in enumerate((gold, said, gold & said)):
                for begin, end, _ in part:
                    counts[tuple(sentence.tokens[begin:end]) in known][index] += 1
        for part, expected in ((run.seen.seen, counts[True]), (run.seen.unseen, counts[False])):
            assert [part.entities, part.predicted, part.correct] == expected
        assert run.seen.seen.entities > 0
        assert run.seen.unseen.predicted > 0


def test_what_became_of_the_entities(runs):
    found, corpora, predicted = runs
    for run in found:
        gold = [entities(sentence.tags) for sentence in corpora[run.corpus].test]
        said = [entities(each) for each in predicted[run.corpus]]
        errors = run.errors
        assert errors.correct == sum(len(g & p) for g, p in zip(gold, said, strict=True))
        changed = errors.too_short + errors.too_long + errors.shifted_left + errors.shifted_right
        assert errors.correct + changed + errors.missed == sum(map(len, gold))
        assert errors.correct + changed + errors.spurious == sum(map(len, said))
        assert (errors.wrong_type, errors.both_wrong) == (0, 0)


def test_the_whole_training_set_is_marked_as_such(runs):
    _, corpora, predicted = runs
    student = planned(GRID, "sentences=[null]").jobs["a.small.alone.all.1"]
    gold = [sentence.tags for sentence in corpora["a"].test]
    scores = {"a": dict.fromkeys(("devel", "test"), score(gold, predicted["a"], "iob2"))}
    (run,) = measure(student, {"a": corpora["a"]}, scores, predicted, FACTS)
    assert (run.training_sentences, run.whole, run.method) == (60, True, "small alone")


def test_another_scheme_gives_the_same_numbers(runs):
    found, corpora, predicted = runs
    student = planned(GRID, "settings.scheme=iobes").jobs["a.small.alone.10.1"]
    corpus = corpora["a"].convert("iobes")
    iob2 = [Sentence(s.tokens, tuple(tags)) for s, tags in zip(corpora["a"].test, predicted["a"], strict=True)]
    tags = [s.tags for s in Corpus("A", "iob2", {"test": tuple(iob2)}).convert("iobes").test]
    answers = score([s.tags for s in corpus.test], tags, "iobes")
    (run,) = measure(student, {"a": corpus}, {"a": dict.fromkeys(("devel", "test"), answers)}, {"a": tags}, FACTS)
    assert (run.test_f1, run.seen, run.errors) == (found[0].test_f1, found[0].seen, found[0].errors)
    assert run.sentence_counts == found[0].sentence_counts


def test_as_a_file_nothing_is_lost(runs):
    import dataclasses

    import pydantic

    found, *_ = runs
    text = json.dumps(dataclasses.asdict(FinishedRun(tuple(found), 1.0, {})))
    assert pydantic.TypeAdapter(FinishedRun).validate_json(text).runs == tuple(found)


class TestFolder:
    def test_a_job_waits_until_its_folder_is_free(self, tmp_path):
        """Ray restarts a job while the process of the worker that died is still ending."""
        with contextlib.ExitStack() as held:
            held.enter_context(hold(tmp_path))
            threading.Timer(0.5, held.close).start()
            start = time.monotonic()
            job._wait_until_free(tmp_path)
            assert 0.4 < time.monotonic() - start < 10
        with hold(tmp_path):
            pass

    def test_but_not_forever(self, tmp_path, monkeypatch):
        monkeypatch.setattr(job, "PATIENCE", 0.3)
        with hold(tmp_path):
            job._wait_until_free(tmp_path)
            with pytest.raises(TfkdError, match="is in use by process"), hold(tmp_path):
                pass
        job._wait_until_free(tmp_path / "missing")

    def test_its_command_has_absolute_paths(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        arguments = job.JobRunner(StudyFolder("s"), 1, ["/code/mine.py"]).command("a.small.alone.10.1")
        paths = [str(tmp_path / part) for part in ("s/work/study.yaml", "s", "s/work")]
        assert arguments[1:] == ["-P", "-c", job.PROGRAM, *paths, "a.small.alone.10.1", "/code/mine.py"]

    def test_a_file_that_cannot_be_written_is_the_reason_of_its_failure(self, tmp_path, monkeypatch, capsys):
        plan, folder = planned(GRID), StudyFolder(tmp_path / "s")
        with folder.hold(plan):
            pass

        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device", "/somewhere/a.json")

        monkeypatch.setattr(job, "_end_with_standard_input", lambda: None)
        monkeypatch.setattr(job, "run_job", full)
        name = "a.small.alone.10.1"
        assert job.main(job.JobRunner(folder, 1).command(name)[4:]) == job.FAILED
        assert folder.failures() == {name: "'a.json': No space left on device"}
        assert capsys.readouterr().out == "tfkd: '/somewhere/a.json': No space left on device\n"
