"""Distillation: the `Distiller` and its losses."""

from tfkd.distillation.distiller import Distiller
from tfkd.distillation.losses import DistillationLoss, FeatureDistillation, LogitsDistillation, Outputs

__all__ = ["DistillationLoss", "Distiller", "FeatureDistillation", "LogitsDistillation", "Outputs"]
