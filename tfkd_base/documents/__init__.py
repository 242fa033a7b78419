"""Documents of raw text with entities at character offsets: their formats, read and written one by one."""

from __future__ import annotations

from tfkd_base.documents.corpus_files import corpus_documents, holds_documents
from tfkd_base.documents.document import Counts, Document, Entity, Passage
from tfkd_base.documents.errors import BrokenDocument, DocumentError
from tfkd_base.documents.files import DocumentFile, document_files
from tfkd_base.documents.formats import FORMATS, Format, detect_format
from tfkd_base.documents.pubtator import read_pubtator
from tfkd_base.documents.reading import DocumentReader, open_documents
from tfkd_base.documents.tagging import TaggingReport, tagged
from tfkd_base.documents.writing import DocumentWriter, document_writer

__all__ = [
    "FORMATS",
    "BrokenDocument",
    "Counts",
    "Document",
    "DocumentError",
    "DocumentFile",
    "DocumentReader",
    "DocumentWriter",
    "Entity",
    "Format",
    "Passage",
    "TaggingReport",
    "corpus_documents",
    "detect_format",
    "document_files",
    "document_writer",
    "holds_documents",
    "open_documents",
    "read_pubtator",
    "tagged",
]
