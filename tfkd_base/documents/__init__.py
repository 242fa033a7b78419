"""Documents of raw text with entities at character offsets, read and written one by one in many formats."""

from tfkd_base.documents.abbreviations import Abbreviation, find_abbreviations, type_short_forms
from tfkd_base.documents.bioc_json import BioCJson
from tfkd_base.documents.bioc_xml import BioCXml
from tfkd_base.documents.brat import Brat
from tfkd_base.documents.columns import Columns
from tfkd_base.documents.corpus_files import corpus_documents, holds_documents
from tfkd_base.documents.document import BrokenDocument, Collection, Counts, Document, DocumentError, Entity, Passage
from tfkd_base.documents.files import STANDARD
from tfkd_base.documents.formats import (
    FORMATS,
    DocumentFormat,
    FormatWriter,
    LineBlock,
    LineFormat,
    all_formats,
    detect_format,
    detect_output_format,
    get_format,
)
from tfkd_base.documents.html_page import HtmlPage
from tfkd_base.documents.jats import Jats
from tfkd_base.documents.json_lines import JsonLines
from tfkd_base.documents.medline import Medline
from tfkd_base.documents.offsets import OFFSETS, OffsetName
from tfkd_base.documents.overlaps import OverlapRule, resolve_overlaps
from tfkd_base.documents.plain_text import Lines, WholeText
from tfkd_base.documents.pubannotation import Bern2, PubAnnotation
from tfkd_base.documents.pubmed import PubMed
from tfkd_base.documents.pubtator import PubTator, read_pubtator
from tfkd_base.documents.reading import DocumentFile, DocumentReader, document_files, open_documents, read_document_file
from tfkd_base.documents.selecting import EntitySelection
from tfkd_base.documents.stated import StatedEntity, place_entities, whole_text
from tfkd_base.documents.tables import CsvTable, TsvTable
from tfkd_base.documents.tagging import TaggingReport, tagged
from tfkd_base.documents.writing import DocumentWriter, document_writer

__all__ = [
    "FORMATS",
    "OFFSETS",
    "STANDARD",
    "Abbreviation",
    "Bern2",
    "BioCJson",
    "BioCXml",
    "Brat",
    "BrokenDocument",
    "Collection",
    "Columns",
    "Counts",
    "CsvTable",
    "Document",
    "DocumentError",
    "DocumentFile",
    "DocumentFormat",
    "DocumentReader",
    "DocumentWriter",
    "Entity",
    "EntitySelection",
    "FormatWriter",
    "HtmlPage",
    "Jats",
    "JsonLines",
    "LineBlock",
    "LineFormat",
    "Lines",
    "Medline",
    "OffsetName",
    "OverlapRule",
    "Passage",
    "PubAnnotation",
    "PubMed",
    "PubTator",
    "StatedEntity",
    "TaggingReport",
    "TsvTable",
    "WholeText",
    "all_formats",
    "corpus_documents",
    "detect_format",
    "detect_output_format",
    "document_files",
    "document_writer",
    "find_abbreviations",
    "get_format",
    "holds_documents",
    "open_documents",
    "place_entities",
    "read_document_file",
    "read_pubtator",
    "resolve_overlaps",
    "tagged",
    "type_short_forms",
    "whole_text",
]
