"""Annotating documents with trained models: from a few in a script to all of PubMed on a cluster."""

from tfkd.annotate.folder import error_lines
from tfkd.annotate.options import AnnotationOptions, AnnotationOutput, EngineOptions
from tfkd.annotate.report import AnnotationProgress, AnnotationReport
from tfkd.annotate.run import annotate_files, annotate_stream
from tfkd.annotate.work import annotate_documents

__all__ = [
    "AnnotationOptions",
    "AnnotationOutput",
    "AnnotationProgress",
    "AnnotationReport",
    "EngineOptions",
    "annotate_documents",
    "annotate_files",
    "annotate_stream",
    "error_lines",
]
