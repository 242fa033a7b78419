"""A job's process: its folder may still be held by one that is about to end."""

from __future__ import annotations

import errno
import os
import threading
import time

import pytest

from tests.studies.tiny import GRID, planned
from tfkd.studies import local_engine, process
from tfkd.studies.folder import StudyFolder
from tfkd_base.errors import TfkdError
from tfkd_base.resumable import hold


def test_it_waits_until_its_folder_is_free(tmp_path):
    """Ray begins a job anew while the process of a worker that died has not noticed yet."""
    held = hold(tmp_path)
    threading.Timer(0.5, held.close).start()
    began = time.monotonic()
    process._wait_until_free(tmp_path)
    assert 0.4 < time.monotonic() - began < 10
    hold(tmp_path).close()


def test_but_not_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "PATIENCE", 0.3)
    with hold(tmp_path):
        process._wait_until_free(tmp_path)
        with pytest.raises(TfkdError, match="is being written by process"):
            hold(tmp_path)
    process._wait_until_free(tmp_path / "not there")


def test_its_command_names_places_that_hold_in_every_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    job = planned(GRID).jobs["a.small.alone.10.1"]
    words = process.command(StudyFolder("s"), job)
    places = [str(tmp_path / part) for part in ("s/work/study.yaml", "s", "s/work")]
    assert words[1:] == ["-P", "-m", "tfkd.studies.process", *places, job.name]


def test_a_file_that_cannot_be_written_is_the_reason_of_its_failure(tmp_path, monkeypatch, capsys):
    plan, folder = planned(GRID), StudyFolder(tmp_path / "s")
    with folder.taken(plan):
        pass

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "/somewhere/a.json")

    monkeypatch.setattr(process, "_end_with_standard_input", lambda: None)
    monkeypatch.setattr(process, "do", full)
    name = "a.small.alone.10.1"
    assert process.main([*process.command(folder, plan.jobs[name])[4:]]) == process.FAILED
    assert folder.failures() == {name: "'a.json': No space left on device"}
    assert capsys.readouterr().out == "tfkd: '/somewhere/a.json': No space left on device\n"


def test_no_more_jobs_than_a_container_has_memory_for(tmp_path, monkeypatch):
    (tmp_path / "memory.max").write_text(f"{(3 << 30) + 1}\n")
    monkeypatch.setattr(local_engine, "CONTAINER_MEMORY", tmp_path / "memory.max")
    assert local_engine.workers_that_fit() == 1
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for text in ("max\n", f"{1 << 60}\n"):
        (tmp_path / "memory.max").write_text(text)
        assert local_engine.workers_that_fit() == max(1, min(len(os.sched_getaffinity(0)), machine // (3 << 30)))
