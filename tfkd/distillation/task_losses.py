"""Distillation losses of a student with one task or several."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from tfkd.distillation.losses import Batch, DistillationLoss, TagLoss
from tfkd.distillation.outputs import Need, Outputs, TeacherOutputs
from tfkd.distillation.task_teachers import TaskTeachers
from tfkd.distillation.teachers import symbolic_output
from tfkd.models import Tagger
from tfkd.tensors import Tensor
from tfkd_base.errors import TfkdError

LAYERS = ("features", "attention")
"""Kinds of outputs that are those of layers."""


@dataclass(frozen=True)
class TaskLoss:
    """A distillation loss of some tasks.

    A loss that reads layers alone has the same value for all tasks that share them, in the teacher and in the student.
    It has one projection for them, and is computed once.

    Attributes:
        loss: The loss.
        tasks: The tasks.
    """

    loss: DistillationLoss
    tasks: tuple[str, ...]

    @property
    def is_shared(self) -> bool:
        """Whether the loss has the same value for all of its tasks."""
        needs = self.loss.needs
        return bool(needs) and not isinstance(self.loss, TagLoss) and all(need.kind in LAYERS for need in needs)

    def total(
        self,
        teacher: Mapping[str, TeacherOutputs],
        student: Mapping[str, Outputs],
        batches: Mapping[str, Batch],
        batch: Batch,
    ) -> Tensor:
        """Return the sum of the loss over its tasks.

        Args:
            teacher: The teacher's outputs for each task.
            student: The student's outputs for each task.
            batches: Gold tags, weights and the number of updates, with the tags of each task.
            batch: The same, with the tags of each sentence in its own task.
        """
        first = self.tasks[0]
        if self.is_shared:
            return self.loss(teacher[first], student[first], batch) * len(self.tasks)
        return tf.add_n([self.loss(teacher[task], student[task], batches[task]) for task in self.tasks])

    def get_config(self) -> dict[str, Any]:
        """Return the loss and its tasks as plain data."""
        return {"loss": keras.saving.serialize_keras_object(self.loss), "tasks": list(self.tasks)}


@dataclass(frozen=True)
class SavedLosses:
    """The losses of a saved distiller as they were fitted to its teachers, with their projections.

    Attributes:
        groups: For each loss its groups of tasks.
    """

    groups: tuple[tuple[TaskLoss, ...], ...]

    @classmethod
    def from_config(cls, config: Sequence[Any], tasks: tuple[str, ...], custom_objects: Any = None) -> SavedLosses:
        """Return the losses from what `TaskLoss.get_config` described.

        Args:
            config: For each loss its groups. Earlier versions saved the loss alone, which is of all tasks.
            tasks: The tasks of the student.
            custom_objects: As in Keras.
        """

        def read(loss: Any) -> DistillationLoss:
            return keras.saving.deserialize_keras_object(loss, custom_objects=custom_objects)

        return cls(
            tuple(
                (TaskLoss(read(groups), tasks),)
                if isinstance(groups, Mapping)
                else tuple(TaskLoss(read(each["loss"]), tuple(each["tasks"])) for each in groups)
                for groups in config
            )
        )


def bind_loss(current: Sequence[TaskLoss], teachers: TaskTeachers, views: Mapping[str, Tagger]) -> tuple[TaskLoss, ...]:
    """Fit a loss to teachers and a student: once for all tasks or, where it reads other layers, for each of them.

    Args:
        current: The loss as it is now, with all tasks, or as it was fitted to other teachers.
        teachers: The teachers of the tasks.
        views: The student's tagger of each task.

    Raises:
        TfkdError: Teacher and student of a task do not fit; or the projections of the loss were trained with teachers
            that share other layers.
    """
    bound: dict[Hashable, TaskLoss] = {}
    for task, view in views.items():
        teacher = teachers.by_task[task]
        own = next(each.loss for each in current if task in each.tasks)
        loss = own if len(views) == 1 else own.fresh()
        try:
            loss.build(teacher, view)
            teacher.check(loss.needs)
        except TfkdError as error:
            if not task:
                raise
            raise TfkdError(f"task {task!r}: {error}") from None
        layers = [Need("features", name) for name in loss.student_layers]
        layers += [Need("attention", name) for name in loss.student_attention]
        key = (
            tuple(teacher.layer_key(need) for need in loss.needs if need.kind in LAYERS),
            tuple(id(symbolic_output(view, layer)) for layer in layers),
        )
        earlier = bound.get(key)
        bound[key] = TaskLoss(loss, (task,)) if earlier is None else TaskLoss(earlier.loss, (*earlier.tasks, task))
    groups = tuple(bound.values())
    if not any(each.loss.layers for each in current):
        return groups
    if [each.tasks for each in groups] != [each.tasks for each in current]:
        raise TfkdError(
            f"the projections of {type(current[0].loss).__name__} were trained with teachers that share other layers "
            "among the tasks: make a new distiller for these teachers."
        )
    return tuple(current)
