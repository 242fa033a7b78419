"""Distillation: the `Distiller`, its losses, and teachers that run, are cached or are several."""

from tfkd.distillation.cache import TeacherCache
from tfkd.distillation.distiller import Distiller
from tfkd.distillation.folds import FoldTeachers
from tfkd.distillation.losses import (
    LOSSES,
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
    SequenceDistillation,
    TagLoss,
)
from tfkd.distillation.outputs import Need, Outputs, TeacherOutputs
from tfkd.distillation.teachers import AnyTeacher, Ensemble, LiveTeacher, Teacher

__all__ = [
    "LOSSES",
    "AnyTeacher",
    "AttentionDistillation",
    "Batch",
    "CorrelationDistillation",
    "CosineFeatureDistillation",
    "DecoupledDistillation",
    "DistillationLoss",
    "Distiller",
    "Ensemble",
    "FeatureDistillation",
    "FoldTeachers",
    "HiddenStateDistillation",
    "LiveTeacher",
    "LogitsDistillation",
    "LogitsRegression",
    "Need",
    "Outputs",
    "PathDistillation",
    "PatientFeatureDistillation",
    "PosteriorDistillation",
    "SequenceDistillation",
    "TagLoss",
    "Teacher",
    "TeacherCache",
    "TeacherOutputs",
]
