"""Documents of raw text with entities at character offsets: their formats, read and written one by one."""

from __future__ import annotations

from tfkd.documents.corpus_files import corpus_documents, holds_documents
from tfkd.documents.document import Counts, Document, Mention, Passage
from tfkd.documents.errors import BrokenDocument, DocumentError
from tfkd.documents.files import DocumentFile, document_files
from tfkd.documents.formats import FORMATS, Format, detect_format
from tfkd.documents.pubtator import read_pubtator
from tfkd.documents.reading import DocumentReader, open_documents
from tfkd.documents.tagging import TaggingReport, tagged
from tfkd.documents.writing import DocumentWriter, document_writer

__all__ = [
    "FORMATS",
    "BrokenDocument",
    "Counts",
    "Document",
    "DocumentError",
    "DocumentFile",
    "DocumentReader",
    "DocumentWriter",
    "Format",
    "Mention",
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
