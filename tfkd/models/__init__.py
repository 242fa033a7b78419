"""Models: the single-task tagger, the multi-task teacher, and descriptions of their encoders."""

from tfkd.models.encoders import BiLSTM
from tfkd.models.multitask_tagger import MultiTaskTagger
from tfkd.models.tagger import Tagger

__all__ = ["BiLSTM", "MultiTaskTagger", "Tagger"]
