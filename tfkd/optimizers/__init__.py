"""Optimisers: Adam with sparse rows, and one state a task."""

from tfkd.optimizers.adam import Adam
from tfkd.optimizers.task_optimizer import TaskOptimizer

__all__ = ["Adam", "TaskOptimizer"]
