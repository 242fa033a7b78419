"""Studies: a grid of teachers and students over many corpora, and its report."""

from tfkd.studies.estimate import Estimate
from tfkd.studies.folder import StudyFolder
from tfkd.studies.job import Job
from tfkd.studies.plan import Plan, read_plan
from tfkd.studies.progress import StudyProgress
from tfkd.studies.reporting import report_study, study_of
from tfkd.studies.running import StudyResult, run_study
from tfkd.studies.schema import StudyConfig
from tfkd.studies.sizes import corpus_sizes

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
