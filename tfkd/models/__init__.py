"""Models: the single-task tagger, the multi-task teacher, and descriptions of their encoders."""

from tfkd.models.encoders import BiLSTM, Encoder
from tfkd.models.initializing import initialize_from
from tfkd.models.multitask_tagger import MultiTaskTagger
from tfkd.models.tagger import Tagger
from tfkd.models.transformer import Transformer

__all__ = ["BiLSTM", "Encoder", "MultiTaskTagger", "Tagger", "Transformer", "initialize_from"]
