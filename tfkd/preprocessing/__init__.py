"""From text to tensors, as TensorFlow graph code: vocabularies and word features, token boundaries, batches."""

from tfkd.preprocessing.batches import BatchPlan, EncodedSentences, TaskMixPlan, batches, multitask_batches
from tfkd.preprocessing.segmentation import Segments, segment
from tfkd.preprocessing.word_features import CASINGS, WordFeatures
from tfkd.preprocessing.word_vectors import WordVectors, read_word_vectors

__all__ = [
    "CASINGS",
    "BatchPlan",
    "EncodedSentences",
    "Segments",
    "TaskMixPlan",
    "WordFeatures",
    "WordVectors",
    "batches",
    "multitask_batches",
    "read_word_vectors",
    "segment",
]
