"""A tiny study that was never stopped, which others are compared with."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from filelock import FileLock

from tests.studies.processes import forked_jobs
from tests.studies.tiny import tiny_study
from tfkd.studies import StudyFolder, StudyResult, read_plan, run_study


class Made(NamedTuple):
    """A study: its configuration, the folder, and what making it gave."""

    config: Path
    folder: StudyFolder
    result: StudyResult


@pytest.fixture(scope="session")
def never_stopped(shared_folder: Path) -> Made:
    """Make the study once for all workers; each job is a forked process, and there are four."""
    place = shared_folder / "never-stopped"
    made = place / "result.pickle"
    with FileLock(shared_folder / "never-stopped.lock"):
        if not made.exists():
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            with forked_jobs():
                result = run_study(read_plan(tiny_study(place)), place / "out", workers=2)
            made.write_bytes(pickle.dumps(result))
    return Made(place / "tiny.yaml", StudyFolder(place / "out"), pickle.loads(made.read_bytes()))
