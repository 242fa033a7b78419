"""Sentences that a run is scored on and trained on: excluded, counted, recorded, and found again in a teacher."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest

from tests.models.small import small_corpus
from tfkd.config import parse_config
from tfkd.distillation import TeacherCache
from tfkd.runs import cache_teacher, distill, evaluate_run, train
from tfkd.runs.assembly import read_corpora, read_data
from tfkd.runs.distilling import read_teachers_sentences, read_transfer
from tfkd.runs.held_out import RunSentences, TrainingOverlap, describe_known, warn_of_training_overlap
from tfkd_base.corpora import Corpus, Sentence, SentenceHashes, write_corpus
from tfkd_base.errors import TfkdError, TfkdWarning

SMALL = """
seed: 3
text: {word_units: 6, casing_units: 2, characters: {kind: none}}
encoder: {units: 4}
training: {epochs: 1, batch_size: 8}
head: softmax
"""
A, OTHER = small_corpus("A", 0, longest=14), small_corpus("A", 1, longest=14)
LONG = sum(len(sentence.tokens) >= 6 for sentence in A.test)


def rows(*texts: str) -> tuple[Sentence, ...]:
    return tuple(Sentence(tuple(text.split()), ("O",) * len(text.split())) for text in texts)


def config(folder, corpus, *settings):
    return parse_config(f"kind: tagger\ntasks: {{a: {{path: {folder}/{corpus}}}}}\n{SMALL}distillation: {{}}", settings)


def recorded(run):
    facts, scores = (json.loads((run / name).read_text()) for name in ("run.json", "scores.json"))
    return facts, scores["a"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Corpora; a teacher that was trained on the test sentences of the corpus `a`, as its student finds out."""
    folder = tmp_path_factory.mktemp("held-out")
    write_corpus(A, folder / "a")
    write_corpus(A.with_split("train", A.train + A.test), folder / "own")
    write_corpus(A.with_split("train", A.test), folder / "same")
    write_corpus(OTHER.with_split("train", OTHER.train + A.test), folder / "all-tests")
    long = rows(*(f"this is sentence number {n} of all" for n in range(40)))
    write_corpus(A.with_split("train", long), folder / "long")
    write_corpus(A.with_split("test", long), folder / "long-tests")
    with warnings.catch_warnings(record=True):
        train(config(folder, "all-tests"), folder / "teacher")
        distill(config(folder, "a"), folder / "teacher", folder / "student")
    return folder


@pytest.mark.parametrize(
    ("setting", "excluded", "kept"), [("null", LONG, 20 - LONG), ("true", 20, 0), ("false", 0, 20)]
)
def test_training_sentences_of_its_own_test_set_are_excluded_as_the_configuration_says(place, setting, excluded, kept):
    assert 5 < LONG < 15
    data = read_data(config(place, "own", f"training.exclude_duplicates={setting}"))
    assert data.overlaps["a"] == TrainingOverlap(
        60, excluded, kept, {"devel": 0, "test": 20}, {"devel": 0, "test": kept}
    )
    of_task = config(place, "own", "training.exclude_duplicates=false", f"tasks.a.exclude_duplicates={setting}")
    assert read_data(of_task).overlaps["a"].excluded == (0 if setting == "null" else excluded)
    assert len(data.corpora["a"].train) == 60 - excluded
    assert data.corpora["a"].test == A.test
    expected = [f"{excluded} of 60 of a; training.exclude_duplicates=false keeps them"] if excluded else []
    expected += [f"a is trained on {kept} of 20 test sentences that it is scored on"] if kept else []
    with pytest.warns(TfkdWarning) as caught:
        warn_of_training_overlap(data.corpora, data.overlaps)
    assert len(caught) == len(expected)
    assert all(text in str(warning.message) for text, warning in zip(expected, caught, strict=True))


def test_sentences_of_further_corpora_are_excluded_and_counted(place):
    further = config(place, "all-tests", f"held_out=[{place}/a]")
    data = read_data(further)
    # Sentences of fewer than six tokens recur by chance, and stay.
    assert data.excluded == {"a": LONG}
    assert {s.tokens for s in A.test if len(s.tokens) >= 6}.isdisjoint(s.tokens for s in data.corpora["a"].train)
    assert read_data(config(place, "all-tests")).excluded == {"a": 0}
    with pytest.raises(TfkdError, match="all 40 training sentences of 'a' are excluded"):
        read_data(config(place, "long", f"held_out=[{place}/long-tests]"))


def test_a_task_of_several_corpora_has_the_sentences_of_all(place):
    both = config(place, "a", f"tasks.a.also=[{place}/all-tests]")
    (corpus,) = read_corpora(both).values()
    assert corpus.train == A.train + OTHER.train + A.test
    assert corpus.test == A.test + OTHER.test


def test_few_short_duplicates_are_counted_without_a_warning():
    test = rows("Materials and methods .", *(f"this is test sentence number {n} x" for n in range(20)))
    corpus = Corpus("c", "iob2", {"train": rows("materials and methods", "a b c d e f g"), "test": test})
    assert describe_known(corpus, SentenceHashes.of(s.tokens for s in corpus.train)) is None
    one = corpus.with_split("train", [*corpus.train, test[3]])
    assert describe_known(one, SentenceHashes.of(s.tokens for s in one.train)) == "2 of 21 test sentences"


def test_a_training_set_that_is_the_test_set_is_refused_before_training(place, tmp_path):
    with pytest.raises(
        TfkdError, match="all 20 training sentences of a are also in a development or test set: are two"
    ):
        train(config(place, "same"), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    write_corpus(Corpus("n", "iob2", {"train": A.train, "devel": A.devel}), tmp_path / "n")
    with pytest.raises(TfkdError, match="n has no test sentences: a run needs a training set"):
        train(config(tmp_path, "n"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_tasks_that_share_a_corpus_exclude_the_same_sentences(place):
    tasks = "".join(f"{name}: {{path: {place}/own}}, " for name in "ab")
    data = read_data(parse_config(f"kind: teacher\ntasks: {{{tasks}}}\n{SMALL}"))
    assert data.overlaps["a"] == data.overlaps["b"]
    assert data.overlaps["a"].excluded == LONG


def test_a_student_warns_of_what_its_teacher_has_seen_and_records_it(place, tmp_path):
    facts, scores = recorded(place / "student")
    (teacher,) = facts["overlap"]["teachers"]
    assert teacher["trained_on"] == teacher["trained_on_labelled"] == {"a": {"devel": 0, "test": 20}}
    assert teacher["trained_on_unlabelled"] == {"a": {"devel": 0, "test": 0}}
    assert scores["test"]["overlap"] == {"in_training_sets": 0, "trained_on": 0, "teachers_trained_on": 20}
    assert scores["devel"]["overlap"]["teachers_trained_on"] == 0
    (warning,) = [text for text in facts["warnings"] if "trained on" in text]
    assert "teacher was trained on 20 of 20 test sentences of a, with their labels" in warning
    # A student of the student is told too, by its name, without the corpora of either.
    with pytest.warns(TfkdWarning, match="student was trained on 20 of 20 test sentences of a, with their labels"):
        result = distill(config(place, "a"), place / "student", tmp_path / "second")
    assert len([text for text in result.warnings if "trained on" in text]) == 1


def test_a_cache_tells_what_its_teacher_has_seen_when_it_is_made_and_used(place, tmp_path):
    text = tmp_path / "text.txt"
    held_out = max(OTHER.test, key=lambda sentence: len(sentence.tokens)).tokens
    text.write_text(f"Novelase binds novelkin.\n{' '.join(held_out[:9])} is a part.\n")
    student = config(place, "a", "transfer=null")
    with pytest.warns(TfkdWarning) as caught:
        made = cache_teacher(place / "teacher", [text], tmp_path / "cache", student=student)
    assert made.held_out == 1
    messages = [str(warning.message) for warning in caught if warning.category is TfkdWarning]
    assert ["20 of 20 test" in messages[0], "1 of 42 sentences are also in a dev" in messages[1]] == [True, True]
    checks = json.loads((tmp_path / "cache" / "checks.json").read_text())
    assert (checks["sentences"], checks["held_out"]) == (42, 1)
    assert checks["teachers"][0]["trained_on"]["a"]["test"] == 20
    cached = config(place, "a", f"distillation.cache={tmp_path}/cache")
    (sentences,) = read_teachers_sentences(cached).values()
    original = RunSentences.read(place / "teacher")
    np.testing.assert_array_equal(sentences.labelled.windows, original.labelled.windows)
    assert TeacherCache(tmp_path / "cache").store.notes["corpora"] == [f"{place}/all-tests"]


def test_unlabelled_text_excludes_what_the_teacher_was_scored_on_by_its_hashes_alone(place, tmp_path):
    held_out = max(OTHER.devel, key=lambda sentence: len(sentence.tokens)).tokens
    (tmp_path / "text.txt").write_text(f"Novelase binds novelkin.\n{' '.join(held_out[:9])} is a part.\n")
    student = config(place, "a", f"transfer={{texts: [{tmp_path}/text.txt]}}")
    corpora = read_data(student).corpora
    assert len(read_transfer(student, corpora)) == 2
    transfer = read_transfer(student, corpora, [RunSentences.read(place / "teacher"), None])
    assert list(transfer) == [("Novelase", "binds", "novelkin", ".")]
    assert (transfer.report.held_out, transfer.report.held_out_parts) == (1, 1)


def test_evaluation_on_sentences_that_the_run_was_trained_on_is_warned_about(place):
    with pytest.warns(TfkdWarning, match="teacher was trained on 20 of 20 test sentences of a, labelled: the scores"):
        evaluate_run(place / "teacher", corpus=place / "a")
    with warnings.catch_warnings():
        warnings.simplefilter("error", TfkdWarning)
        evaluate_run(place / "student", corpus=place / "a", split="devel")


def test_damaged_hashes_are_named(tmp_path):
    (tmp_path / "sentences.npz").write_bytes(b"PK")
    with pytest.raises(TfkdError, match=r"sentences\.npz is damaged .*: restore it, or remove it to go without"):
        RunSentences.read(tmp_path)
    assert RunSentences.read(tmp_path / "elsewhere") is None
