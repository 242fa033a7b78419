"""Evaluation: entity scores and the choice of the best epoch by them; methods compared over corpora; reports.

Its names are imported when they are first used: all but `EntityF1` and `evaluate` do without TensorFlow.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfkd.evaluation import figures, report
    from tfkd.evaluation.comparison import Comparison, Spread, compare
    from tfkd.evaluation.effect_size import EffectSizes, effect_sizes
    from tfkd.evaluation.entity_errors import EntityErrors, find_errors
    from tfkd.evaluation.entity_f1 import EntityF1, evaluate
    from tfkd.evaluation.paired_tests import PairedTest
    from tfkd.evaluation.rank_tests import FriedmanTest, NemenyiTest
    from tfkd.evaluation.score_table import ScoreTable
    from tfkd.evaluation.scores import Score, Scores, score
    from tfkd.evaluation.seen_entities import PartScore, SeenScores, mentions, seen_scores
    from tfkd.evaluation.sentence_bootstrap import (
        PairedBootstrap,
        pack_counts,
        paired_bootstrap,
        sentence_counts,
        unpack_counts,
    )

_MODULES = {
    "comparison": ("Comparison", "Spread", "compare"),
    "effect_size": ("EffectSizes", "effect_sizes"),
    "entity_errors": ("EntityErrors", "find_errors"),
    "entity_f1": ("EntityF1", "evaluate"),
    "paired_tests": ("PairedTest",),
    "rank_tests": ("FriedmanTest", "NemenyiTest"),
    "score_table": ("ScoreTable",),
    "seen_entities": ("PartScore", "SeenScores", "mentions", "seen_scores"),
    "sentence_bootstrap": ("PairedBootstrap", "pack_counts", "paired_bootstrap", "sentence_counts", "unpack_counts"),
    "scores": ("Score", "Scores", "score"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "Comparison",
    "EffectSizes",
    "EntityErrors",
    "EntityF1",
    "FriedmanTest",
    "NemenyiTest",
    "PairedBootstrap",
    "PairedTest",
    "PartScore",
    "Score",
    "ScoreTable",
    "Scores",
    "SeenScores",
    "Spread",
    "compare",
    "effect_sizes",
    "evaluate",
    "figures",
    "find_errors",
    "mentions",
    "pack_counts",
    "paired_bootstrap",
    "report",
    "score",
    "seen_scores",
    "sentence_counts",
    "unpack_counts",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"tfkd.evaluation.{_HOME[name]}"), name)
    if name in ("figures", "report"):
        return importlib.import_module(f"tfkd.evaluation.{name}")
    raise AttributeError(f"module 'tfkd.evaluation' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
