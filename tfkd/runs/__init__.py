"""Runs of configurations: train, distil, cache a teacher's outputs, evaluate."""

from tfkd.runs.caching import CacheResult, cache_teacher
from tfkd.runs.run_folder import RunFolder
from tfkd.runs.runs import RunResult, distill, evaluate, train

__all__ = [
    "CacheResult",
    "RunFolder",
    "RunResult",
    "cache_teacher",
    "distill",
    "evaluate",
    "train",
]
