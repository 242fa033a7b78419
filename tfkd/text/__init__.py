"""Text to tensors: featurizers, tokenizers and sentence splitting as TensorFlow graph code, and word vectors."""

from tfkd.text.added_tokens import AddedToken
from tfkd.text.bpe import BytePairs
from tfkd.text.corpora import read_corpus
from tfkd.text.document_sentences import documents_to_sentences, tokenized
from tfkd.text.piece_features import PieceFeatures
from tfkd.text.segmentation import Segments, segment
from tfkd.text.term_files import Terms, read_terms
from tfkd.text.text import Text
from tfkd.text.text_files import TextSentences
from tfkd.text.word_features import CASINGS, WordFeatures
from tfkd.text.word_vectors import WordVectors, read_word_vectors, write_word_vectors
from tfkd.text.wordpiece import WordPiece

__all__ = [
    "CASINGS",
    "AddedToken",
    "BytePairs",
    "PieceFeatures",
    "Segments",
    "Terms",
    "Text",
    "TextSentences",
    "WordFeatures",
    "WordPiece",
    "WordVectors",
    "documents_to_sentences",
    "read_corpus",
    "read_terms",
    "read_word_vectors",
    "segment",
    "tokenized",
    "write_word_vectors",
]
