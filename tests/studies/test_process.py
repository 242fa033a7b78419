"""A job's process: its folder may still be held by one that is about to end."""

from __future__ import annotations

import threading
import time

import pytest

from tests.studies.tiny import GRID, planned
from tfkd.errors import TfkdError
from tfkd.folders import locked
from tfkd.studies import process
from tfkd.studies.folder import StudyFolder


def test_it_waits_until_its_folder_is_free(tmp_path):
    """Ray begins a job anew while the process of a worker that died has not noticed yet."""
    held = locked(tmp_path)
    threading.Timer(0.5, held.close).start()
    began = time.monotonic()
    process._wait_until_free(tmp_path)
    assert 0.4 < time.monotonic() - began < 10
    locked(tmp_path).close()


def test_but_not_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "PATIENCE", 0.3)
    with locked(tmp_path):
        process._wait_until_free(tmp_path)
        with pytest.raises(TfkdError, match="is being written by process"):
            locked(tmp_path)
    process._wait_until_free(tmp_path / "not there")


def test_its_command_names_places_that_hold_in_every_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    job = planned(GRID).jobs["a.small.alone.10.1"]
    words = process.command(StudyFolder("s"), job)
    places = [str(tmp_path / part) for part in ("s/work/study.yaml", "s", "s/work")]
    assert words[1:] == ["-m", "tfkd.studies.process", *places, job.name]
