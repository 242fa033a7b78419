"""What a student may be taught: each a loss between a teacher's and a student's outputs."""

from tfkd.distillation.losses.base import Batch, DistillationLoss, Schedule
from tfkd.distillation.losses.features import CosineFeatureDistillation, FeatureDistillation, PatientFeatureDistillation
from tfkd.distillation.losses.logits import (
    CorrelationDistillation,
    DecoupledDistillation,
    LogitsDistillation,
    LogitsRegression,
)
from tfkd.distillation.losses.sequences import PathDistillation, PosteriorDistillation, SequenceDistillation
from tfkd.distillation.losses.transformers import AttentionDistillation, HiddenStateDistillation

__all__ = [
    "AttentionDistillation",
    "Batch",
    "CorrelationDistillation",
    "CosineFeatureDistillation",
    "DecoupledDistillation",
    "DistillationLoss",
    "FeatureDistillation",
    "HiddenStateDistillation",
    "LogitsDistillation",
    "LogitsRegression",
    "PathDistillation",
    "PatientFeatureDistillation",
    "PosteriorDistillation",
    "Schedule",
    "SequenceDistillation",
]
