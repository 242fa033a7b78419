"""The report of a study: one HTML page, the same as Markdown, and its tables as CSV."""

from tfkd.studies.report.study import Study, StudyPart, StudyRun, read_study
from tfkd.studies.report.writing import ReportFiles, write_report

__all__ = ["ReportFiles", "Study", "StudyPart", "StudyRun", "read_study", "write_report"]
