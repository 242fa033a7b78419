"""What is left to be done, in which order, and what is not begun for what has failed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.studies.tiny import GRID, give_model, give_scores, planned, without_marks
from tfkd.studies.folder import StudyFolder
from tfkd.studies.process import COMPLETE, cache_mark
from tfkd.studies.schedule import Schedule

ONE = ("seeds=[1]", "parts=[{name: P, corpora: [a], runs: [{distillation: [alone, logits, both], teachers: [soft]}]}]")
ALONE, TEACHER, CACHE = "a.small.alone.10.1", "teacher.soft.10.1", "cache.soft.a.10.1"
LOGITS, BOTH = "a.small.logits.soft.10.1", "a.small.both.soft.10.1"


@pytest.fixture
def plan():
    return planned(GRID, *ONE)


@pytest.fixture
def cache(plan):
    return next(name for name in plan.jobs if name.startswith(CACHE))


def give_cache(folder, plan, name):
    folder.place(plan.jobs[name]).mkdir(parents=True)
    (folder.place(plan.jobs[name]) / COMPLETE).write_text(cache_mark(plan, plan.jobs[name]))


def given_out(schedule: Schedule) -> list[str]:
    found = []
    while job := schedule.next():
        found.append(job.name)
    return without_marks(found)


def test_a_job_is_given_out_once_and_as_soon_as_what_it_needs_is_there(plan, cache, tmp_path: Path):
    schedule = Schedule(plan, StudyFolder(tmp_path))
    assert given_out(schedule) == [ALONE, TEACHER]
    schedule.done(ALONE)
    assert given_out(schedule) == []
    schedule.done(TEACHER)
    assert given_out(schedule) == [CACHE]
    schedule.done(cache)
    assert given_out(schedule) == [LOGITS, BOTH]
    schedule.done(BOTH)
    assert list(schedule.left) == [LOGITS]
    schedule.done(LOGITS)
    assert (schedule.left, schedule.failed, schedule.blocked) == ({}, [], {})


def left(plan, folder) -> list[str]:
    return without_marks(Schedule(plan, folder).left)


def test_finished_runs_are_left_out_and_so_is_what_nothing_left_needs(plan, cache, tmp_path: Path):
    folder = StudyFolder(tmp_path)
    give_scores(folder, plan.jobs[ALONE])
    assert left(plan, folder) == [TEACHER, CACHE, LOGITS, BOTH]
    assert Schedule(plan, folder).finished == 1
    give_scores(folder, plan.jobs[TEACHER])
    # Its scores are there, and its model is made again: the cache needs it.
    assert left(plan, folder) == [TEACHER, CACHE, LOGITS, BOTH]
    give_model(folder, plan.jobs[TEACHER])
    assert left(plan, folder) == [CACHE, LOGITS, BOTH]
    give_scores(folder, plan.jobs[LOGITS])
    give_cache(folder, plan, cache)
    assert left(plan, folder) == [BOTH]
    folder.discard(plan.jobs[TEACHER])
    assert left(plan, folder) == [BOTH]
    give_scores(folder, plan.jobs[BOTH])
    folder.discard(plan.jobs[cache])
    assert left(plan, folder) == []
    assert Schedule(plan, folder).finished == 4


def test_a_cache_of_another_teacher_is_made_again(plan, cache, tmp_path: Path):
    folder = StudyFolder(tmp_path)
    for name in (ALONE, TEACHER, LOGITS):
        give_scores(folder, plan.jobs[name])
    give_cache(folder, plan, cache)
    assert left(plan, folder) == [BOTH]
    (folder.place(plan.jobs[cache]) / COMPLETE).write_text("of another one")
    assert left(plan, folder) == [TEACHER, CACHE, BOTH]


def test_what_needs_a_failed_job_is_not_begun(plan, cache, tmp_path: Path):
    schedule = Schedule(plan, StudyFolder(tmp_path))
    assert given_out(schedule) == [ALONE, TEACHER]
    schedule.fail(TEACHER)
    assert schedule.failed == [TEACHER]
    assert schedule.blocked == {cache: TEACHER, LOGITS: TEACHER, BOTH: TEACHER}
    assert list(schedule.left) == [ALONE]
    schedule.done(ALONE)
    assert given_out(schedule) == []


def test_a_failed_student_blocks_nothing(plan, cache, tmp_path: Path):
    schedule = Schedule(plan, StudyFolder(tmp_path))
    for name in (ALONE, TEACHER, cache):
        schedule.next()
        schedule.done(name)
    assert given_out(schedule) == [LOGITS, BOTH]
    schedule.fail(LOGITS)
    assert schedule.blocked == {}
    assert list(schedule.left) == [BOTH]


def test_what_is_still_needed(plan, cache, tmp_path: Path):
    schedule = Schedule(plan, StudyFolder(tmp_path))
    assert schedule.is_needed(TEACHER)
    assert not schedule.is_needed(ALONE)
    schedule.done(TEACHER)
    assert schedule.is_needed(TEACHER)
    schedule.done(cache)
    assert not schedule.is_needed(TEACHER)
    assert schedule.is_needed(cache)
    schedule.done(LOGITS)
    assert schedule.is_needed(cache)
    schedule.fail(BOTH)
    assert schedule.is_needed(cache), "the student will be tried again"
    other = Schedule(plan, StudyFolder(tmp_path))
    other.done(TEACHER)
    other.fail(cache)
    assert other.is_needed(TEACHER), "the cache will be tried again"
