"""The loss that CONTRIBUTING.md shows equals the NumPy function that it shows as its test."""

from __future__ import annotations

import pytest

from tests.distillation import test_losses
from tests.pages import code_blocks
from tfkd.distillation import DistillationLoss
from tfkd.distillation.losses import logits


def test_the_shown_loss_is_the_shown_function() -> None:
    loss_code, test_code = code_blocks("CONTRIBUTING.md", "python")
    # The registry has the parts of the library alone: other tests compare pages with it.
    loss_code = loss_code.replace('@LOSSES.register("huber")\n', "")
    names = vars(test_losses) | vars(logits)
    exec(loss_code, names)
    exec(test_code.rstrip() + "\n}", names)
    (loss, by_hand), *others = names["BY_HAND"].values()
    assert not others
    assert isinstance(loss, DistillationLoss)
    teacher, student = test_losses.TEACHER, test_losses.STUDENT
    expected = by_hand(teacher.astype("float64"), student.astype("float64"), 1.0)
    assert float(test_losses.call(loss, teacher, student)) == pytest.approx(expected, rel=1e-5)
