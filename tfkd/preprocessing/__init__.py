"""From text to tensors, as TensorFlow graph code: vocabularies and word features, token boundaries, batches."""

from tfkd.preprocessing.batches import EncodedSentences, SentenceArrays, batches, multitask_batches, tag_ids
from tfkd.preprocessing.plans import BatchPlan, TaskMixPlan, TransferPlan
from tfkd.preprocessing.segmentation import Segments, segment
from tfkd.preprocessing.text_files import TextSentences
from tfkd.preprocessing.word_features import CASINGS, WordFeatures
from tfkd.preprocessing.word_vectors import WordVectors, read_word_vectors

__all__ = [
    "CASINGS",
    "BatchPlan",
    "EncodedSentences",
    "Segments",
    "SentenceArrays",
    "TaskMixPlan",
    "TextSentences",
    "TransferPlan",
    "WordFeatures",
    "WordVectors",
    "batches",
    "multitask_batches",
    "read_word_vectors",
    "segment",
    "tag_ids",
]
