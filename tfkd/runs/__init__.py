"""Runs: train, distil, cache teacher outputs, evaluate and report as configurations say."""

from tfkd.runs.caching import CacheResult, cache_teacher
from tfkd.runs.report import results_table, write_run_report
from tfkd.runs.run_folder import RunFolder
from tfkd.runs.runs import RunResult, distill, train
from tfkd.runs.scoring import evaluate_run

__all__ = [
    "CacheResult",
    "RunFolder",
    "RunResult",
    "cache_teacher",
    "distill",
    "evaluate_run",
    "results_table",
    "train",
    "write_run_report",
]
