"""The sections `distillation` and `transfer` of a configuration: teachers, losses, and unlabelled text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from tfkd.distillation.losses import LOSSES, DistillationLoss, LogitsDistillation
from tfkd.parts import Named
from tfkd.sections import Count, Name, NonEmpty, RampedWeight, Section, Seed, Share, Weight

AUTO: Literal["auto"] = "auto"
"""Value of a key that `tfkd distill` replaces by what its teacher offers."""

ONE, SEVERAL, SECTION = "[one]", "[several]", "[section]"
"""Marks for the form of a value in the location of an error; they are no part of its key."""


def _one_or_several(value: Any) -> str:
    return SEVERAL if isinstance(value, list | tuple) else ONE


Paths = Annotated[tuple[NonEmpty, ...], Field(strict=False)]
OnePathOrMore = Annotated[
    Annotated[NonEmpty, Tag(ONE)] | Annotated[Annotated[Paths, Field(min_length=1)], Tag(SEVERAL)],
    Discriminator(_one_or_several),
]


def several(paths: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """Return the paths of a key that takes one or a list.

    Example:
        >>> several("a"), several(("a", "b")), several(None)
        (('a',), ('a', 'b'), ())
    """
    return () if paths is None else (paths,) if isinstance(paths, str) else paths


TeacherTasks = Annotated[
    Annotated[Name, Tag(ONE)] | Annotated[dict[Name, Name], Tag(SEVERAL)],
    Discriminator(lambda value: SEVERAL if isinstance(value, Mapping) else ONE),
]
"""The teacher's task of a student with one task, or the task of the teacher by the student's task."""


Loss = Annotated[DistillationLoss, Named(LOSSES, "logits: {temperature: 2.0}")]


class DistillationConfig(Section):
    """How a student learns from its teacher."""

    teacher: OnePathOrMore | None = Field(
        default=None,
        description="the run of the teacher, relative to the current folder, or a list of runs whose probabilities are "
        "averaged; `--teacher` takes precedence",
    )
    cache: OnePathOrMore | None = Field(
        default=None,
        description="the teacher's output cache, written by `tfkd cache-teacher`, or a list as above. No teacher "
        "is run then; a teacher that is named too must be the one that made the cache. `--cache` takes precedence",
    )
    teacher_weights: Annotated[tuple[Weight, ...], Field(strict=False)] | None = Field(
        default=None, description="weight of each of several teachers; null: equal weights"
    )
    task: TeacherTasks | None = Field(
        default=None,
        description="the teacher's task to learn from; for a student with several tasks `{TASK: TASK OF THE TEACHER}`. "
        "Default: the task with the name of the student's task",
    )
    student_loss_weight: RampedWeight = Field(
        default=0.5, description="weight of the gold loss; or a ramp. Each of `losses` has its own weight"
    )
    initialize: bool = Field(
        default=False,
        description="before training, copy the teacher's embedding and layers, evenly over its depth, into a student "
        "that is a transformer; needs the teacher itself",
    )
    losses: Annotated[tuple[Loss, ...], Field(strict=False, min_length=1)] = Field(
        default=(LogitsDistillation(),),
        description="distillation losses, a list of `NAME: {SETTINGS}`",
    )

    def teacher_task(self, task: str) -> str:
        """Return the name of the teacher's task for a task of the student."""
        if isinstance(self.task, Mapping):
            return self.task.get(task, task)
        return self.task or task


class TransferConfig(Section):
    """Unlabelled text: the student learns from the teacher's outputs on it."""

    corpora: Paths = Field(
        default=(), description="corpora whose training sentences are used without their tags; paths as in `tasks`"
    )
    texts: Paths = Field(
        default=(), description="text files, plain or gzip, one document a line, relative to the current folder"
    )
    sentences: Count | None = Field(default=None, description="size of a random sample of sentences; null: all")
    sample_seed: Seed = Field(default=1, description="seed of the sample")
    share: Share = Field(
        default=0.5,
        description="share of unlabelled sentences in a batch; each epoch uses all labelled sentences once",
    )

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.corpora and not self.texts:
            raise ValueError("expected corpora, texts or both, for example 'corpora: [BC5CDR-chem-IOB]'")
        return self


def _transfer_form(value: Any) -> str:
    return ONE if isinstance(value, str) else SECTION


Transfer = Annotated[
    Annotated[Literal["auto"], Tag(ONE)] | Annotated[TransferConfig, Tag(SECTION)], Discriminator(_transfer_form)
]
