"""Optimisers: Adam and AdamW for embeddings, an optimiser for several tasks, and a schedule with a warm-up."""

from tfkd.optimizers.adam import Adam, AdamW
from tfkd.optimizers.task_optimizer import TaskOptimizer
from tfkd.optimizers.warm_up import WarmUp

__all__ = ["Adam", "AdamW", "TaskOptimizer", "WarmUp"]
