"""Models: the single-task tagger, the multi-task teacher, and descriptions of their encoders and heads."""

from tfkd.models.encoder_vectors import make_encoder_vectors
from tfkd.models.encoders import ENCODERS, BiLSTM, Encoded, Encoder
from tfkd.models.heads import CRF, HEADS, Head, Softmax
from tfkd.models.initializing import initialize_from
from tfkd.models.loading import load_model
from tfkd.models.multitask_tagger import MultiTaskTagger
from tfkd.models.tagger import Tagger
from tfkd.models.transformer import Transformer

__all__ = [
    "CRF",
    "ENCODERS",
    "HEADS",
    "BiLSTM",
    "Encoded",
    "Encoder",
    "Head",
    "MultiTaskTagger",
    "Softmax",
    "Tagger",
    "Transformer",
    "initialize_from",
    "load_model",
    "make_encoder_vectors",
]
