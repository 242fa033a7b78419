"""A tiny study that was never stopped, which others are compared with."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.studies.tiny import tiny_study
from tfkd.studies import StudyFolder, StudyResult, read_plan, run_study


class Made(NamedTuple):
    """A study: its configuration, the folder, and what making it gave."""

    config: Path
    folder: StudyFolder
    result: StudyResult


@pytest.fixture(scope="session")
def never_stopped(tmp_path_factory: pytest.TempPathFactory) -> Made:
    place = tmp_path_factory.mktemp("never-stopped")
    config = tiny_study(place)
    result = run_study(read_plan(config), place / "out", workers=2)
    return Made(config, StudyFolder(place / "out"), result)
