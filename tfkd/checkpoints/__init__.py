"""Training that goes on where it was stopped."""

from tfkd.checkpoints.checkpoints import Checkpoints
from tfkd.checkpoints.training_state import TrainingState

__all__ = ["Checkpoints", "TrainingState"]
