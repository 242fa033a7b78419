"""From text to tensors: vocabularies and word features, sentence and token boundaries, batches; all TensorFlow graph code."""

from tfkd.preprocessing.batches import BatchPlan, EncodedSentences, TaskMixPlan, batches, multitask_batches
from tfkd.preprocessing.segmentation import Segments, segment
from tfkd.preprocessing.word_features import CASINGS, WordFeatures

__all__ = [
    "CASINGS",
    "BatchPlan",
    "EncodedSentences",
    "Segments",
    "TaskMixPlan",
    "WordFeatures",
    "batches",
    "multitask_batches",
    "segment",
]
