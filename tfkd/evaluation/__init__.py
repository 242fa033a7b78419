"""Evaluation: entity scores, and the choice of the best epoch by them."""

from tfkd.evaluation.entity_f1 import EntityF1, evaluate
from tfkd.evaluation.scores import Score, Scores, score

__all__ = ["EntityF1", "Score", "Scores", "evaluate", "score"]
