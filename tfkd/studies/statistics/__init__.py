"""Statistics that compare methods over corpora: tests, effect sizes, bootstrap."""

from tfkd.studies.statistics.comparison import Comparison, Spread, compare
from tfkd.studies.statistics.effect_size import EffectSizes, effect_sizes
from tfkd.studies.statistics.paired_tests import PairedTest
from tfkd.studies.statistics.rank_tests import FriedmanTest, NemenyiTest
from tfkd.studies.statistics.score_table import ScoreTable
from tfkd.studies.statistics.sentence_bootstrap import (
    PairedBootstrap,
    pack_counts,
    paired_bootstrap,
    sentence_counts,
    unpack_counts,
)

__all__ = [
    "Comparison",
    "EffectSizes",
    "FriedmanTest",
    "NemenyiTest",
    "PairedBootstrap",
    "PairedTest",
    "ScoreTable",
    "Spread",
    "compare",
    "effect_sizes",
    "pack_counts",
    "paired_bootstrap",
    "sentence_counts",
    "unpack_counts",
]
