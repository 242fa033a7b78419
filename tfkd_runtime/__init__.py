"""Annotating text with exported models, without TensorFlow: NumPy and ONNX Runtime are enough."""

from tfkd_runtime.annotator import TextAnnotator
from tfkd_runtime.documents import annotate_documents
from tfkd_runtime.entities import Annotation
from tfkd_runtime.loading import load

__all__ = ["Annotation", "TextAnnotator", "annotate_documents", "load"]
