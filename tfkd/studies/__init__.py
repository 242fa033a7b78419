"""Studies: a grid of teachers and students over many corpora, and its report."""

from tfkd.studies import figures, report, statistics
from tfkd.studies.estimate import CorpusSize, Estimate, read_corpus_sizes
from tfkd.studies.folder import StudyFolder, open_study
from tfkd.studies.plan import Job, Plan, read_plan
from tfkd.studies.reporting import gather_study, report_study
from tfkd.studies.run import JobQueue, StudyProgress, StudyResult, run_study
from tfkd.studies.schema import StudyConfig

__all__ = [
    "CorpusSize",
    "Estimate",
    "Job",
    "JobQueue",
    "Plan",
    "StudyConfig",
    "StudyFolder",
    "StudyProgress",
    "StudyResult",
    "figures",
    "gather_study",
    "open_study",
    "read_corpus_sizes",
    "read_plan",
    "report",
    "report_study",
    "run_study",
    "statistics",
]
