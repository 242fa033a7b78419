"""Annotating documents with trained models: from a few in a script to all of PubMed on a cluster."""

from tfkd.annotate.options import AnnotationOptions, AnnotationOutput, EngineOptions
from tfkd.annotate.report import AnnotationProgress
from tfkd.annotate.run import annotate_files
from tfkd_runtime.documents import annotate_documents
from tfkd_runtime.report import AnnotationReport, error_lines
from tfkd_runtime.streams import annotate_stream

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
