"""Losses between what a layer of the teacher and one of the student give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
from keras import ops
from typing_extensions import override

from tfkd.distillation.losses.base import Batch, DistillationLoss
from tfkd.distillation.outputs import Need, Outputs, TeacherOutputs
from tfkd.models import Tagger
from tfkd_base.errors import TfkdError

if TYPE_CHECKING:
    from tfkd.distillation.teachers import Teacher

Tensor = Any
_LEAST = 1e-12


@keras.saving.register_keras_serializable("tfkd")
class FeatureDistillation(DistillationLoss):
    """Mean squared difference of a teacher layer's output and a student layer's (Romero et al. 2015, FitNets).

    A learned linear projection brings the student's features to the teacher's width. It is trained with the student
    and is no part of it: a saved student does not hold it. Several pairs of layers are several losses.

    Args:
        teacher_layer_name: A layer of the teacher, e.g. `"shared_encoder"` or `"task_encoder"`.
        student_layer_name: A layer of the student, e.g. `"encoder"`.
        project: Whether there is a projection; by default where the widths differ.
        projection: Widths that a projection goes from and to; found from the models if not given.

    Raises:
        TfkdError: A model has no such layer, the layer's output is not a vector for each token, there are several
            teachers, or widths differ and `project` is false.

    Example:
        >>> import tensorflow as tf
        >>> loss = FeatureDistillation("shared_encoder", "encoder")
        >>> t = Outputs.of(tf.zeros([1, 1, 2]), layers={"shared_encoder": tf.constant([[[1.0, 3.0]]])})
        >>> s = Outputs.of(tf.zeros([1, 1, 2]), layers={"encoder": tf.constant([[[1.0, 1.0]]])})
        >>> float(loss(t, s))
        2.0
    """

    def __init__(
        self,
        teacher_layer_name: str,
        student_layer_name: str,
        project: bool | None = None,
        projection: tuple[int, int] | None = None,
    ) -> None:
        self.teacher_layer_name = teacher_layer_name
        self.student_layer_name = student_layer_name
        self.project = project
        self.needs = (Need("features", teacher_layer_name),)
        self.student_layers = (student_layer_name,)
        self.projection: tuple[int, int] | None = None
        if projection is not None:
            self._make_projection(*projection)

    @override
    def fresh(self) -> FeatureDistillation:
        same = super().fresh()
        assert isinstance(same, FeatureDistillation)
        if same.projection is not None:
            same._make_projection(*same.projection)
        return same

    @override
    def build(self, teacher: Teacher, student: Tagger) -> None:
        own, theirs = student.layer_width(self.student_layer_name), teacher.width(self.teacher_layer_name)
        if self.projection is not None and self.projection != (own, theirs):
            raise TfkdError(
                f"the projection brings {self.projection[0]} units to {self.projection[1]}, but "
                f"{self.student_layer_name!r} of the student has {own} and {self.teacher_layer_name!r} of the teacher "
                f"{theirs}: use the models that it was trained with, or make a new loss."
            )
        if self.projection is not None:
            return
        if self.project is False and own != theirs:
            raise TfkdError(
                f"{self.student_layer_name!r} of the student gives {own} units and {self.teacher_layer_name!r} of the "
                f"teacher {theirs}: without a projection they must be alike; leave `project` to its default."
            )
        if self.project or own != theirs:
            self._make_projection(own, theirs)

    def _make_projection(self, own: int, theirs: int) -> None:
        self.projection = (own, theirs)
        layer = keras.layers.Dense(theirs, dtype="float32", name=f"projection_{self.student_layer_name}")
        layer.build((None, None, own))
        self.layers = (layer,)

    @override
    def token_losses(self, teacher: TeacherOutputs, student: Outputs, batch: Batch) -> Tensor:
        own = student.features(self.student_layer_name)
        if self.layers:
            own = self.layers[0](own)
        return self.distances(teacher.features(self.teacher_layer_name), own)

    def distances(self, teacher: Tensor, student: Tensor) -> Tensor:
        """Compute the distance of each token's two vectors, float32 `[batch, time]`, from `[batch, time, width]`."""
        return ops.mean(ops.square(teacher - student), axis=-1)

    @override
    def get_config(self) -> dict[str, Any]:
        return {
            "teacher_layer_name": self.teacher_layer_name,
            "student_layer_name": self.student_layer_name,
            "project": self.project,
            "projection": self.projection,
        }


@keras.saving.register_keras_serializable("tfkd")
class CosineFeatureDistillation(FeatureDistillation):
    """One less the cosine of the angle between a teacher layer's output and a student layer's.

    `1 - t.s / (|t| |s|)`, as in the training of DistilBERT (Sanh et al. 2019): only the direction counts. The rest is
    as in `FeatureDistillation`.

    Example:
        >>> import tensorflow as tf
        >>> loss = CosineFeatureDistillation("encoder", "encoder")
        >>> t = Outputs.of(tf.zeros([1, 1, 2]), layers={"encoder": tf.constant([[[1.0, 0.0]]])})
        >>> s = Outputs.of(tf.zeros([1, 1, 2]), layers={"encoder": tf.constant([[[0.0, 5.0]]])})
        >>> float(loss(t, s))
        1.0
    """

    @override
    def distances(self, teacher: Tensor, student: Tensor) -> Tensor:
        return 1.0 - ops.sum(_of_length_one(teacher) * _of_length_one(student), axis=-1)


@keras.saving.register_keras_serializable("tfkd")
class PatientFeatureDistillation(FeatureDistillation):
    """Squared distance of the two outputs, each brought to length one (Sun et al. 2019, patient distillation).

    `|t / |t| - s / |s||^2`, which is twice `CosineFeatureDistillation`. The paper takes it over several pairs of
    layers: give one loss for each. The rest is as in `FeatureDistillation`.

    Example:
        >>> import tensorflow as tf
        >>> loss = PatientFeatureDistillation("encoder", "encoder")
        >>> t = Outputs.of(tf.zeros([1, 1, 2]), layers={"encoder": tf.constant([[[1.0, 0.0]]])})
        >>> s = Outputs.of(tf.zeros([1, 1, 2]), layers={"encoder": tf.constant([[[0.0, 5.0]]])})
        >>> float(loss(t, s))
        2.0
    """

    @override
    def distances(self, teacher: Tensor, student: Tensor) -> Tensor:
        return ops.sum(ops.square(_of_length_one(teacher) - _of_length_one(student)), axis=-1)


def _of_length_one(vectors: Tensor) -> Tensor:
    return vectors * ops.rsqrt(ops.sum(ops.square(vectors), axis=-1, keepdims=True) + _LEAST)
