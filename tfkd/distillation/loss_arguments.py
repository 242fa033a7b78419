"""Checks of the losses and weights that a distiller is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tfkd.distillation.losses import LOSSES, DistillationLoss
from tfkd.sections import Ramp, Schedule
from tfkd_base.errors import TfkdError

_SIMILAR_LOSSES = {
    "MeanSquaredError": "LogitsRegression()",
    "KLDivergence": "LogitsDistillation(temperature=2.0)",
    "CosineSimilarity": "CosineFeatureDistillation()",
}
"""For losses of Keras the distillation loss with the same formula."""


def check_losses(given: Any) -> list[DistillationLoss]:
    """Return one loss or several as a list.

    Raises:
        TfkdError: There is none, or one is something else.
    """
    losses = [*given] if isinstance(given, list | tuple) else [given]
    if not losses:
        raise TfkdError("give at least one distillation loss, e.g. LogitsDistillation(temperature=2.0).")
    for loss in losses:
        if isinstance(loss, type) and issubclass(loss, DistillationLoss):
            raise TfkdError(f"expected a distillation loss, got the class {loss.__name__}: write {loss.__name__}().")
        if isinstance(loss, DistillationLoss):
            continue
        if isinstance(loss, str):
            known = LOSSES.get(loss).__name__
            raise TfkdError(f"expected a distillation loss, got its name {loss!r}: write {known}().")
        kind = getattr(loss, "__name__", type(loss).__name__)
        similar = _SIMILAR_LOSSES.get(kind)
        use = f"For this formula there is {similar}. " if similar else ""
        raise TfkdError(
            f"expected a distillation loss, got {kind}, which knows nothing of a teacher. {use}For a loss of your own "
            "write a class with `needs = ('logits',)` and the method `token_losses(self, teacher, student, batch)`, "
            "which returns the loss of each token from `teacher.emissions` and `student.emissions`: "
            "`class MyLoss(tfkd.distillation.TagLoss)`, see 'Your own loss' in docs/extending.md."
        )
    return losses


def check_weights(
    losses: Sequence[DistillationLoss],
    weights: Sequence[float | Ramp | Schedule],
    student_loss_weight: float | Ramp | Schedule,
) -> None:
    """Check the weights of the losses and of the gold loss.

    Raises:
        TfkdError: There is not one for each loss, or one is negative or a ramp.
    """
    if len(weights) != len(losses):
        raise TfkdError(f"{len(losses)} distillation losses need as many weights, got {len(weights)}.")
    if any(isinstance(w, float | int) and w < 0 for w in (*weights, student_loss_weight)):
        raise TfkdError(f"weights of losses must not be negative, got {[*weights]} and {student_loss_weight}.")
    if any(isinstance(w, Ramp) for w in (*weights, student_loss_weight)):
        raise TfkdError(
            "a weight is a ramp, which needs the number of updates: call `loss.resolved(updates)`, or give a schedule "
            "of Keras."
        )
