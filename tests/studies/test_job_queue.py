"""What is left to be done, in which order, and what is not begun for what has failed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.studies.tiny import GRID, give_model, give_scores, planned, without_marks
from tfkd.studies import JobQueue, run
from tfkd.studies.folder import COMPLETE, StudyFolder
from tfkd.studies.job import hash_cache

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
    (folder.place(plan.jobs[name]) / COMPLETE).write_text(hash_cache(plan, plan.jobs[name]))


def given_out(queue: JobQueue) -> list[str]:
    found = []
    while job := queue.next():
        found.append(job.name)
    return without_marks(found)


def test_a_job_is_given_out_once_and_as_soon_as_what_it_needs_is_there(plan, cache, tmp_path: Path):
    queue = JobQueue(plan, StudyFolder(tmp_path))
    assert given_out(queue) == [ALONE, TEACHER]
    queue.mark_done(ALONE)
    assert given_out(queue) == []
    queue.mark_done(TEACHER)
    assert given_out(queue) == [CACHE]
    queue.mark_done(cache)
    assert given_out(queue) == [LOGITS, BOTH]
    queue.mark_done(BOTH)
    assert list(queue.remaining) == [LOGITS]
    queue.mark_done(LOGITS)
    assert (queue.remaining, queue.failed, queue.blocked) == ({}, [], {})


def left(plan, folder) -> list[str]:
    return without_marks(JobQueue(plan, folder).remaining)


def test_finished_runs_are_left_out_and_so_is_what_nothing_left_needs(plan, cache, tmp_path: Path):
    folder = StudyFolder(tmp_path)
    give_scores(folder, plan.jobs[ALONE])
    assert left(plan, folder) == [TEACHER, CACHE, LOGITS, BOTH]
    assert JobQueue(plan, folder).finished == 1
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
    assert JobQueue(plan, folder).finished == 4


def test_a_cache_of_another_teacher_is_made_again(plan, cache, tmp_path: Path):
    folder = StudyFolder(tmp_path)
    for name in (ALONE, TEACHER, LOGITS):
        give_scores(folder, plan.jobs[name])
    give_cache(folder, plan, cache)
    assert left(plan, folder) == [BOTH]
    (folder.place(plan.jobs[cache]) / COMPLETE).write_text("of another one")
    assert left(plan, folder) == [TEACHER, CACHE, BOTH]


def test_what_needs_a_failed_job_is_not_begun(plan, cache, tmp_path: Path):
    queue = JobQueue(plan, StudyFolder(tmp_path))
    assert given_out(queue) == [ALONE, TEACHER]
    queue.mark_failed(TEACHER)
    assert queue.failed == [TEACHER]
    assert queue.blocked == {cache: TEACHER, LOGITS: TEACHER, BOTH: TEACHER}
    assert list(queue.remaining) == [ALONE]
    queue.mark_done(ALONE)
    assert given_out(queue) == []


def test_a_failed_student_blocks_nothing(plan, cache, tmp_path: Path):
    queue = JobQueue(plan, StudyFolder(tmp_path))
    for name in (ALONE, TEACHER, cache):
        queue.next()
        queue.mark_done(name)
    assert given_out(queue) == [LOGITS, BOTH]
    queue.mark_failed(LOGITS)
    assert queue.blocked == {}
    assert list(queue.remaining) == [BOTH]


def test_what_is_still_needed(plan, cache, tmp_path: Path):
    queue = JobQueue(plan, StudyFolder(tmp_path))
    assert queue.is_needed(TEACHER)
    assert not queue.is_needed(ALONE)
    queue.mark_done(TEACHER)
    assert queue.is_needed(TEACHER)
    queue.mark_done(cache)
    assert not queue.is_needed(TEACHER)
    assert queue.is_needed(cache)
    queue.mark_done(LOGITS)
    assert queue.is_needed(cache)
    queue.mark_failed(BOTH)
    assert queue.is_needed(cache), "the student will be tried again"
    other = JobQueue(plan, StudyFolder(tmp_path))
    other.mark_done(TEACHER)
    other.mark_failed(cache)
    assert other.is_needed(TEACHER), "the cache will be tried again"


def test_no_more_jobs_than_a_container_has_memory_for(tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text(f"{(3 << 30) + 1}\n")
    monkeypatch.setattr(run, "CONTAINER_MEMORY", tmp_path / "memory.max")
    assert run.count_workers() == 1
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for text in ("max\n", f"{1 << 60}\n"):
        (tmp_path / "memory.max").write_text(text)
        assert run.count_workers() == max(1, min(len(os.sched_getaffinity(0)), machine // (3 << 30)))
