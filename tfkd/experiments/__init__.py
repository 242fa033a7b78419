"""Experiments: configurations, and runs of them. What needs TensorFlow is imported when it is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tfkd.experiments.config import Config, ConfigError, bundled_configs, dump_config, load_config, parse_config

if TYPE_CHECKING:
    from tfkd.experiments.caching import CacheResult, cache_teacher
    from tfkd.experiments.run_folder import RunFolder
    from tfkd.experiments.runs import RunResult, distill, evaluate, train

__all__ = [
    "CacheResult",
    "Config",
    "ConfigError",
    "RunFolder",
    "RunResult",
    "bundled_configs",
    "cache_teacher",
    "distill",
    "dump_config",
    "evaluate",
    "load_config",
    "parse_config",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in ("RunResult", "distill", "evaluate", "train"):
        from tfkd.experiments import runs

        return getattr(runs, name)
    if name in ("CacheResult", "cache_teacher"):
        from tfkd.experiments import caching

        return getattr(caching, name)
    if name == "RunFolder":
        from tfkd.experiments import run_folder

        return run_folder.RunFolder
    raise AttributeError(f"module 'tfkd.experiments' has no attribute '{name}'")
