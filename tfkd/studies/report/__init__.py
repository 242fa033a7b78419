"""The report of a study: one HTML page, the same as Markdown, and its tables as CSV."""

from tfkd.studies.report.study import Part, Study, StudyRun, read_study
from tfkd.studies.report.writing import ReportFiles, write_report

__all__ = ["Part", "ReportFiles", "Study", "StudyRun", "read_study", "write_report"]
