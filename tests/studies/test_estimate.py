"""How long jobs take, reckoned by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pretrained.tiny import SIZES, tiny_bert
from tests.studies.tiny import GRID, give_scores, planned
from tfkd.studies import CorpusSize, Estimate
from tfkd.studies.estimate import operations_per_word
from tfkd.studies.folder import StudyFolder
from tfkd.studies.plan import Plan
from tfkd_base.errors import TfkdError

CORPORA = {
    "a": CorpusSize({"train": 100, "devel": 50, "test": 40}, {"train": 2000, "devel": 900, "test": 700}),
    "b": CorpusSize({"train": 200, "devel": 60, "test": 50}, {"train": 5000, "devel": 1200, "test": 1000}),
}
STUDENT, TEACHER = "a.small.alone.10.1", "teacher.soft.10.1"


def of_grid(*settings: str) -> Plan:
    text = "settings.text={word_units: 10, casing_units: 2, characters: {units: 5, embedding_units: 3, max_length: 6}}"
    return planned(GRID, "seeds=[1]", "teachers.deep={encoder: {units: 2, layers: 2}, head: softmax}", text, *settings)


def test_the_operations_per_word_is_that_of_its_matrices():
    plan = of_grid()
    # Six characters, each with two neighbours, of width 3 to 5; then the four gates of two LSTMs of 4 units.
    characters = 6 * (3 * 3) * 5
    assert operations_per_word(plan.jobs[STUDENT].config) == characters + 2 * 4 * 4 * ((10 + 2 + 5) + 4)
    soft = characters + 2 * 4 * 8 * (17 + 8) + 2 * 4 * 4 * (16 + 4)
    assert operations_per_word(plan.jobs[TEACHER].config) == soft
    deep = characters + 2 * 4 * 2 * (17 + 2) + 2 * 4 * 2 * (4 + 2)
    assert operations_per_word(plan.jobs["teacher.deep.10.1"].config) == deep
    plain = of_grid("settings.text.characters.kind=none")
    assert operations_per_word(plain.jobs[STUDENT].config) == 2 * 4 * 4 * (12 + 4)


def test_a_transformers_is_that_of_its_layers(tmp_path: Path):
    folder = tiny_bert(tmp_path / "bert")
    units, inner = SIZES["hidden_size"], SIZES["intermediate_size"]
    layer = 4 * units * units + 2 * units * inner
    config = planned(GRID, f"teachers.deep.encoder={{transformer: {folder}}}").jobs["teacher.deep.10.1"].config
    assert operations_per_word(config) == pytest.approx(1.4 * 2 * layer)
    one = planned(GRID, f"teachers.deep.encoder={{transformer: {folder}, layers: 1}}")
    assert operations_per_word(one.jobs["teacher.deep.10.1"].config) == pytest.approx(1.4 * layer)


def test_a_run_trains_watches_and_tests():
    plan = of_grid("settings.training.epochs=500000", "corpora.b.devel_sentences=30")
    estimate = Estimate(plan, CORPORA)
    # 10 of 100 sentences have a tenth of the tokens; a step of training costs three passes.
    words = 500_000 * (3 * 200 + 900) + 900 + 700
    expected = 15 + words * operations_per_word(plan.jobs[STUDENT].config) / 10e9
    assert estimate.seconds(plan.jobs[STUDENT]) == pytest.approx(expected)
    assert expected > 60
    words = 500_000 * (3 * (200 + 250) + 900 + 600) + 900 + 700 + 1200 + 1000
    expected = 15 + words * operations_per_word(plan.jobs[TEACHER].config) / 10e9
    assert estimate.seconds(plan.jobs[TEACHER]) == pytest.approx(expected)


def test_sentences_without_labels_are_trained_on_too():
    way = "distillation.logits.transfer={texts: [x.txt], share: 0.75}"
    plan = of_grid("settings.training.epochs=500000", way)
    job = plan.jobs["a.small.logits.soft.10.1"]
    words = 500_000 * (3 * 200 / 0.25 + 900) + 900 + 700
    assert Estimate(plan, CORPORA).seconds(job) == pytest.approx(15 + words * operations_per_word(job.config) / 10e9)
    # Alone it has their words, and not their sentences.
    alone = of_grid("settings.training.epochs=500000", "distillation.alone.transfer={texts: [x.txt]}")
    assert Estimate(alone, CORPORA).seconds(alone.jobs[STUDENT]) == Estimate(plan, CORPORA).seconds(plan.jobs[STUDENT])


def test_finished_runs_tell_how_fast_the_machine_is(tmp_path: Path):
    plan, folder = of_grid(), StudyFolder(tmp_path)
    guess = Estimate(plan, CORPORA)
    assert guess.measured == 0
    for name, factor in ((STUDENT, 2.0), ("b.small.alone.10.1", 3.0), ("a.small.logits.soft.10.1", 10.0)):
        give_scores(folder, plan.jobs[name], seconds=factor * guess.seconds(plan.jobs[name]))
    estimate = Estimate(plan, CORPORA, folder)
    assert estimate.measured == 3
    job = plan.jobs["b.small.both.soft.10.1"]
    assert estimate.seconds(job) == pytest.approx(3 * guess.seconds(job), rel=0.01)
    teacher = plan.jobs[TEACHER]
    assert estimate.seconds(teacher) == guess.seconds(teacher), "of teachers nothing is known yet"
    estimate.learn(teacher, 0.5 * guess.seconds(teacher))
    assert estimate.seconds(teacher) == pytest.approx(0.5 * guess.seconds(teacher))


def test_a_finished_teacher_whose_encoder_is_not_here_tells_nothing(tmp_path: Path):
    plan, folder = planned(GRID, "seeds=[1]"), StudyFolder(tmp_path)
    for name in ("teacher.deep.10.1", STUDENT):
        give_scores(folder, plan.jobs[name])
    estimate = Estimate(plan, CORPORA, folder)
    assert estimate.measured == 1
    assert estimate.seconds(plan.jobs[STUDENT]) == pytest.approx(10)
    with pytest.raises(TfkdError, match="/encoders/bert"):
        estimate.seconds(plan.jobs["teacher.deep.10.1"])


def test_all_of_them_side_by_side():
    plan = of_grid("parts=[{name: P, corpora: [a], runs: [{distillation: [alone, logits], teachers: [soft]}]}]")
    estimate = Estimate(plan, CORPORA)
    alone, teacher, cache, taught = plan.jobs.values()
    seconds = {job.name: estimate.seconds(job) for job in plan.jobs.values()}
    total = sum(seconds.values())
    assert estimate.total(plan.jobs.values(), 1) == pytest.approx(total)
    # The student alone goes beside the chain of the three others.
    chain = total - seconds[alone.name]
    for workers in (2, 7):
        assert estimate.total(plan.jobs.values(), workers) == pytest.approx(chain)
    assert estimate.total([cache, taught], 2) == pytest.approx(seconds[cache.name] + seconds[taught.name])
    assert estimate.total([alone, taught], 2) == pytest.approx(max(seconds[alone.name], seconds[taught.name]))
    assert estimate.total([], 2) == 0
    assert teacher.name == TEACHER


def test_jobs_under_way_take_what_is_left_of_their_time():
    plan = of_grid("parts=[{name: P, corpora: [a], runs: [{distillation: [alone, logits], teachers: [soft]}]}]")
    estimate = Estimate(plan, CORPORA)
    alone, teacher, cache, taught = plan.jobs.values()
    seconds = {job.name: estimate.seconds(job) for job in plan.jobs.values()}
    after = seconds[cache.name] + seconds[taught.name]
    left = [teacher, cache, taught]
    for workers in (1, 2, 8):
        passed = {teacher.name: 0.25 * seconds[teacher.name]}
        assert estimate.total(left, workers, passed) == pytest.approx(0.75 * seconds[teacher.name] + after)
        # One that takes longer than was thought is about to end.
        assert estimate.total(left, workers, {teacher.name: 1e9}) == pytest.approx(after)
    both = {teacher.name: 0.0, alone.name: 0.5 * seconds[alone.name]}
    assert estimate.total([alone, *left], 2, both) == pytest.approx(seconds[teacher.name] + after)


def test_a_cache_takes_its_teachers_work_on_each_sentence_once(tmp_path: Path):
    (tmp_path / "x.txt").write_bytes(b"." * 6_000)
    ways = [
        f"distillation.{name}={{distillation: {{}}, transfer: {{corpora: [b], texts: [{tmp_path}/x.txt], {rest}}}}}"
        for name, rest in (("many", "share: 0.9"), ("some", "sentences: 3000000"))
    ]
    plan = of_grid(*ways)
    estimate, work = Estimate(plan, CORPORA), operations_per_word(plan.jobs[TEACHER].config) / 10e9
    # 10 of 100 sentences of `a`; all of `b`, and 6 bytes a token; or so many sentences of 7,000 / 300 tokens.
    for name, tokens in (("logits", 200), ("many", 200 + 5000 + 1000), ("some", 200 + 3_000_000 * 7000 / 300)):
        (cache,) = plan.jobs[f"a.small.{name}.soft.10.1"].needs
        assert estimate.seconds(plan.jobs[cache]) == pytest.approx(15 + tokens * work)
    estimate.learn(plan.jobs[cache], 10 * estimate.seconds(plan.jobs[cache]))
    other = plan.jobs[plan.jobs["b.small.logits.soft.10.1"].needs[0]]
    assert estimate.seconds(other) == pytest.approx(10 * Estimate(plan, CORPORA).seconds(other))
