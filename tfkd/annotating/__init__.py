"""Annotating documents with trained models: from a few in a script to more than one machine can do."""

from __future__ import annotations

from tfkd.annotating.documents import annotated
from tfkd.annotating.files import Engine, annotate_files
from tfkd.annotating.output import Output
from tfkd.annotating.parts import error_lines
from tfkd.annotating.progress import Progress
from tfkd.annotating.report import Report
from tfkd.annotating.settings import Settings
from tfkd.annotating.streams import annotate_stream

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
