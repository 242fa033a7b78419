"""Engines run jobs: in this process, or in processes of Ray, on this machine or on a cluster."""

from tfkd.engines.base import Engine, MakeWork, Outcome, Stoppable, Work
from tfkd.engines.local import LocalEngine
from tfkd.engines.opening import ENGINES, check_engine, open_engine
from tfkd.engines.ray import RayEngine

__all__ = [
    "ENGINES",
    "Engine",
    "LocalEngine",
    "MakeWork",
    "Outcome",
    "RayEngine",
    "Stoppable",
    "Work",
    "check_engine",
    "open_engine",
]
