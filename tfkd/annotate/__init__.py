"""Annotating documents with trained models: from a few in a script to more than one machine can do."""

from tfkd.annotate.documents import annotated
from tfkd.annotate.files import Engine, annotate_files
from tfkd.annotate.output import Output
from tfkd.annotate.parts import error_lines
from tfkd.annotate.progress import Progress
from tfkd.annotate.report import Report
from tfkd.annotate.settings import Settings
from tfkd.annotate.streams import annotate_stream

__all__ = [
    "Engine",
    "Output",
    "Progress",
    "Report",
    "Settings",
    "annotate_files",
    "annotate_stream",
    "annotated",
    "error_lines",
]
