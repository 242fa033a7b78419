"""Entity scores, error analysis, and the callback that keeps the best epoch."""

from tfkd.evaluation.entity_errors import EntityErrors, find_errors
from tfkd.evaluation.entity_f1 import EntityF1, evaluate
from tfkd.evaluation.scores import Score, Scores, score
from tfkd.evaluation.seen_entities import PartScore, SeenScores, mentions, seen_scores

__all__ = [
    "EntityErrors",
    "EntityF1",
    "PartScore",
    "Score",
    "Scores",
    "SeenScores",
    "evaluate",
    "find_errors",
    "mentions",
    "score",
    "seen_scores",
]
