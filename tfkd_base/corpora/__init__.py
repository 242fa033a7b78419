"""Annotated sentences: tag schemes, readers and writers, overlap between corpora, and generated demo corpora."""

from tfkd_base.corpora.augmentation import AugmentationReport, Augmenter, Variants
from tfkd_base.corpora.column_files import read_columns, write_columns
from tfkd_base.corpora.corpus import Corpus, ReadReport, Sentence, SplitReport
from tfkd_base.corpora.demo import BUNDLED, bundled_corpus, demo_corpora
from tfkd_base.corpora.folders import read_column_corpus, write_corpus
from tfkd_base.corpora.folds import Folds, exclude_sentences
from tfkd_base.corpora.overlap import Overlap, held_out_hashes, overlap, without_held_out
from tfkd_base.corpora.schemes import (
    SCHEMES,
    Scheme,
    Span,
    allowed_transitions,
    convert_tags,
    spans,
    tag_list,
    tags_from_spans,
)
from tfkd_base.corpora.sentence_hashes import Match, SentenceHashes, normalized_words
from tfkd_base.corpora.transfer import TransferReport, TransferSentences
from tfkd_base.errors import CorpusError

__all__ = [
    "BUNDLED",
    "SCHEMES",
    "AugmentationReport",
    "Augmenter",
    "Corpus",
    "CorpusError",
    "Folds",
    "Match",
    "Overlap",
    "ReadReport",
    "Scheme",
    "Sentence",
    "SentenceHashes",
    "Span",
    "SplitReport",
    "TransferReport",
    "TransferSentences",
    "Variants",
    "allowed_transitions",
    "bundled_corpus",
    "convert_tags",
    "demo_corpora",
    "exclude_sentences",
    "held_out_hashes",
    "normalized_words",
    "overlap",
    "read_column_corpus",
    "read_columns",
    "spans",
    "tag_list",
    "tags_from_spans",
    "without_held_out",
    "write_columns",
    "write_corpus",
]
