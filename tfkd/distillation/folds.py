"""Cross-fitting: teachers that were each trained without one fold of the labelled sentences, and label that fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tfkd.distillation.teachers import describe_teacher, fingerprint
from tfkd.layers import CRFHead
from tfkd.models import Tagger
from tfkd_base.corpora import Folds
from tfkd_base.errors import TfkdError


@dataclass(frozen=True)
class FoldTeachers:
    """Teachers of the folds of labelled sentences, for `TeacherCache.write`.

    A teacher is nearly certain of the gold tags of the sentences that it was trained on, so its outputs for them teach
    a student little else. The outputs of a teacher that has not seen them are as doubtful as for new text.

    Attributes:
        folds: The division of the labelled sentences.
        teachers: For each fold a tagger that was trained without it, for example on `folds.without(fold, corpora)`.

    Raises:
        TfkdError: The numbers of folds and of teachers differ.
    """

    folds: Folds
    teachers: Sequence[Tagger]

    def __post_init__(self) -> None:
        """Check that there is a teacher for each fold."""
        if len(self.teachers) != self.folds.number:
            raise TfkdError(f"expected a teacher for each of {self.folds.number} folds, got {len(self.teachers)}.")

    def check(self, teacher: Tagger) -> None:
        """Check that the teachers of the folds can stand for a teacher.

        Args:
            teacher: The teacher of all other sentences.

        Raises:
            TfkdError: One has other tags or a head of another kind.
        """
        for number, each in enumerate(self.teachers, 1):
            if (each.tags, each.scheme) != (teacher.tags, teacher.scheme):
                raise TfkdError(
                    f"the teacher of fold {number} has the tags {list(each.tags)} ({each.scheme}), expected those of "
                    f"{teacher.name}: {list(teacher.tags)} ({teacher.scheme}). `folds.without` keeps the tags."
                )
            if isinstance(each.head, CRFHead) != isinstance(teacher.head, CRFHead):
                raise TfkdError(
                    f"expected heads of one kind, softmax or CRF, but the teacher of fold {number} has another one "
                    f"than {teacher.name}."
                )

    @property
    def description(self) -> dict[str, Any]:
        """Everything that the outputs depend on, as plain data."""
        return {
            "number": self.folds.number,
            "sentences": self.folds.fingerprint,
            "teachers": [fingerprint(describe_teacher(teacher)) for teacher in self.teachers],
        }
