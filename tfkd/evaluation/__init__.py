"""Entity scores, error analysis, and the callback that keeps the best epoch."""

from tfkd.evaluation.entity_errors import EntityErrors, find_errors
from tfkd.evaluation.entity_f1 import EntityF1, EntityTagger, evaluate
from tfkd.evaluation.scores import (
    EntityKey,
    PartScore,
    Score,
    Scores,
    SeenScores,
    collect_entities,
    score,
    score_seen_entities,
)

__all__ = [
    "EntityErrors",
    "EntityF1",
    "EntityKey",
    "EntityTagger",
    "PartScore",
    "Score",
    "Scores",
    "SeenScores",
    "collect_entities",
    "evaluate",
    "find_errors",
    "score",
    "score_seen_entities",
]
