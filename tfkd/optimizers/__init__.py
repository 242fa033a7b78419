"""Optimisers: Adam with sparse rows, with weight decay or without; one state a task; a rate that climbs first."""

from tfkd.optimizers.adam import Adam
from tfkd.optimizers.adamw import AdamW
from tfkd.optimizers.task_optimizer import TaskOptimizer
from tfkd.optimizers.warm_up import WarmUp

__all__ = ["Adam", "AdamW", "TaskOptimizer", "WarmUp"]
