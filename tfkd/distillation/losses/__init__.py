"""Distillation losses: each compares a teacher's outputs with a student's."""

from tfkd.distillation.losses.base import LOSSES, Batch, DistillationLoss, TagLoss
from tfkd.distillation.losses.features import CosineFeatureDistillation, FeatureDistillation, PatientFeatureDistillation
from tfkd.distillation.losses.logits import DecoupledDistillation, LogitsDistillation, LogitsRegression
from tfkd.distillation.losses.logits_correlation import CorrelationDistillation
from tfkd.distillation.losses.sequences import PathDistillation, PosteriorDistillation, SequenceDistillation
from tfkd.distillation.losses.transformers import AttentionDistillation, HiddenStateDistillation

__all__ = [
    "LOSSES",
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
    "SequenceDistillation",
    "TagLoss",
]
