"""Distillation: the `Distiller`, its losses, and teachers that run, are cached or are several."""

from tfkd.distillation.cache import TeacherCache
from tfkd.distillation.distiller import Distiller
from tfkd.distillation.losses import (
    AttentionDistillation,
    Batch,
    CorrelationDistillation,
    CosineFeatureDistillation,
    DecoupledDistillation,
    DistillationLoss,
    FeatureDistillation,
    HiddenStateDistillation,
    LogitsDistillation,
    LogitsRegression,
    PathDistillation,
    PatientFeatureDistillation,
    PosteriorDistillation,
    Schedule,
    SequenceDistillation,
)
from tfkd.distillation.outputs import Need, Outputs, TeacherOutputs
from tfkd.distillation.teachers import Ensemble, Teacher

__all__ = [
    "AttentionDistillation",
    "Batch",
    "CorrelationDistillation",
    "CosineFeatureDistillation",
    "DecoupledDistillation",
    "DistillationLoss",
    "Distiller",
    "Ensemble",
    "FeatureDistillation",
    "HiddenStateDistillation",
    "LogitsDistillation",
    "LogitsRegression",
    "Need",
    "Outputs",
    "PathDistillation",
    "PatientFeatureDistillation",
    "PosteriorDistillation",
    "Schedule",
    "SequenceDistillation",
    "Teacher",
    "TeacherCache",
    "TeacherOutputs",
]
