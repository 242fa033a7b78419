"""From text to tensors, as TensorFlow graph code: vocabularies and word features, token boundaries, batches."""

from tfkd.preprocessing.batches import EncodedSentences, SentenceArrays, batches, multitask_batches, tag_ids
from tfkd.preprocessing.bpe import BytePairs
from tfkd.preprocessing.document_sentences import documents_to_sentences, read_document_corpus, tokenized
from tfkd.preprocessing.piece_features import PieceFeatures
from tfkd.preprocessing.plans import BatchPlan, TaskMixPlan, TransferPlan, groups_by_size
from tfkd.preprocessing.segmentation import Segments, segment
from tfkd.preprocessing.text import Text
from tfkd.preprocessing.text_files import TextSentences
from tfkd.preprocessing.word_features import CASINGS, WordFeatures
from tfkd.preprocessing.word_vectors import WordVectors, read_word_vectors
from tfkd.preprocessing.wordpiece import WordPiece

__all__ = [
    "CASINGS",
    "BatchPlan",
    "BytePairs",
    "EncodedSentences",
    "PieceFeatures",
    "Segments",
    "SentenceArrays",
    "TaskMixPlan",
    "Text",
    "TextSentences",
    "TransferPlan",
    "WordFeatures",
    "WordPiece",
    "WordVectors",
    "batches",
    "documents_to_sentences",
    "groups_by_size",
    "multitask_batches",
    "read_document_corpus",
    "read_word_vectors",
    "segment",
    "tag_ids",
    "tokenized",
]
