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
from tfkd.distillation.multitask_cache import MultiTaskCache
from tfkd.distillation.outputs import Need, Outputs, TeacherOutputs
from tfkd.distillation.task_teachers import AnyTeachers, TaskTeachers, as_task_teachers
from tfkd.distillation.teachers import AnyTeacher, Ensemble, LiveTeacher, Teacher

__all__ = [
    "LOSSES",
    "AnyTeacher",
    "AnyTeachers",
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
    "MultiTaskCache",
    "Need",
    "Outputs",
    "PathDistillation",
    "PatientFeatureDistillation",
    "PosteriorDistillation",
    "SequenceDistillation",
    "TagLoss",
    "TaskTeachers",
    "Teacher",
    "TeacherCache",
    "TeacherOutputs",
    "as_task_teachers",
]
