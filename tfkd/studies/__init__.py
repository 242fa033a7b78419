"""Studies: a grid of teachers and students over many corpora, made by one command, and the report of it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfkd.studies.estimate import Estimate
    from tfkd.studies.folder import StudyFolder
    from tfkd.studies.job import Job
    from tfkd.studies.plan import Plan, read_plan
    from tfkd.studies.progress import StudyProgress
    from tfkd.studies.reporting import report_study, study_of
    from tfkd.studies.running import StudyResult, run_study
    from tfkd.studies.schema import StudyConfig
    from tfkd.studies.sizes import corpus_sizes

_HOME = {
    "Estimate": "estimate",
    "Job": "job",
    "Plan": "plan",
    "StudyConfig": "schema",
    "StudyFolder": "folder",
    "StudyProgress": "progress",
    "StudyResult": "running",
    "corpus_sizes": "sizes",
    "read_plan": "plan",
    "report_study": "reporting",
    "run_study": "running",
    "study_of": "reporting",
}

__all__ = [
    "Estimate",
    "Job",
    "Plan",
    "StudyConfig",
    "StudyFolder",
    "StudyProgress",
    "StudyResult",
    "corpus_sizes",
    "read_plan",
    "report_study",
    "run_study",
    "study_of",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"tfkd.studies.{_HOME[name]}"), name)
    raise AttributeError(f"module 'tfkd.studies' has no attribute '{name}'")
