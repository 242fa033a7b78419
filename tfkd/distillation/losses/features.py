"""Losses between the outputs of a layer of the teacher and a layer of the student."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import keras
import tensorflow as tf
from pydantic import Field, PrivateAttr
from typing_extensions import override

from tfkd.distillation.losses.base import LOSSES, Batch, DistillationLoss
from tfkd.distillation.losses.measures import angular_distance
from tfkd.distillation.outputs import Need, Outputs, TeacherOutputs
from tfkd.models import Tagger
from tfkd.sections import NonEmpty
from tfkd.tensors import Tensor
from tfkd_base.errors import TfkdError

if TYPE_CHECKING:
    from tfkd.distillation.teachers import Teacher

_OLD_NAMES = {"teacher_layer_name": "teacher_layer", "student_layer_name": "student_layer"}
"""Names that fields had in models saved by earlier versions."""


@LOSSES.register("features")
@keras.saving.register_keras_serializable("tfkd")
class FeatureDistillation(DistillationLoss):
    """Mean squared difference of two layers' outputs (Romero et al. 2015, FitNets).

    A learned linear projection brings the student's features to the teacher's width. It is trained with the student
    and is no part of it: a saved student does not contain it. For several pairs of layers, give several losses.

    Raises:
        TfkdError: A model has no such layer, the layer's output is not a vector for each token, there are several
            teachers, or the widths differ and `project` is false.

    Example:
        >>> import tensorflow as tf
        >>> loss = FeatureDistillation(teacher_layer="shared_encoder", student_layer="encoder")
        >>> t = Outputs.of(tf.zeros([1, 1, 2]), layers={"shared_encoder": tf.constant([[[1.0, 3.0]]])})
        >>> s = Outputs.of(tf.zeros([1, 1, 2]), layers={"encoder": tf.constant([[[1.0, 1.0]]])})
        >>> float(loss(t, s))
        2.0
    """

    teacher_layer: NonEmpty = Field(default="shared_encoder", description="name of the teacher's layer")
    student_layer: NonEmpty = Field(default="encoder", description="name of the student's layer")
    project: bool | None = Field(
        default=None,
        description="bring the student's features to the teacher's width by a learned projection; null: only where "
        "the widths differ",
    )

    _projection: keras.layers.Dense | None = PrivateAttr(None)

    @property
    @override
    def needs(self) -> tuple[Need, ...]:
        return (Need("features", self.teacher_layer),)

    @property
    @override
    def student_layers(self) -> tuple[str, ...]:
        return (self.student_layer,)

    @property
    @override
    def layers(self) -> tuple[keras.layers.Layer, ...]:
        return () if self._projection is None else (self._projection,)

    @property
    def projection(self) -> tuple[int, int] | None:
        """Widths that the projection goes from and to; `None` without a projection."""
        return None if self._projection is None else tuple(self._projection.kernel.shape)

    @override
    def fresh(self) -> FeatureDistillation:
        loss = super().fresh()
        assert isinstance(loss, FeatureDistillation)
        if loss.projection is not None:
            loss._make_projection(*loss.projection)
        return loss

    @override
    def build(self, teacher: Teacher, student: Tagger) -> None:
        own, theirs = student.layer_width(self.student_layer), teacher.width(self.teacher_layer)
        if self.projection is not None:
            if self.projection != (own, theirs):
                raise TfkdError(
                    f"the projection brings {self.projection[0]} units to {self.projection[1]}, but "
                    f"{self.student_layer!r} of the student has {own} and {self.teacher_layer!r} of the teacher "
                    f"{theirs}: use the models that it was trained with, or make a new loss."
                )
            return
        if self.project is False and own != theirs:
            raise TfkdError(
                f"{self.student_layer!r} of the student gives {own} units and {self.teacher_layer!r} of the "
                f"teacher {theirs}: without a projection they must be alike; leave `project` at its default."
            )
        if self.project or own != theirs:
            self._make_projection(own, theirs)

    def _make_projection(self, own: int, theirs: int) -> None:
        layer = keras.layers.Dense(theirs, dtype="float32", name=f"projection_{self.student_layer}")
        layer.build((None, None, own))
        self._projection = layer

    @override
    def token_losses(self, teacher: TeacherOutputs, student: Outputs, batch: Batch) -> Tensor:
        own = student.features(self.student_layer)
        if self._projection is not None:
            own = self._projection(own)
        return self.distances(teacher.features(self.teacher_layer), own)

    def distances(self, teacher: Tensor, student: Tensor) -> Tensor:
        """Return the distance of each token's two vectors, float32 `[batch, time]`, from `[batch, time, width]`."""
        return tf.reduce_mean(tf.square(teacher - student), axis=-1)

    @override
    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "projection": self.projection and list(self.projection)}

    @classmethod
    @override
    def from_config(cls, config: dict[str, Any]) -> Self:
        settings = {_OLD_NAMES.get(name, name): value for name, value in config.items()}
        widths = settings.pop("projection", None)
        loss = super().from_config(settings)
        if widths is not None:
            loss._make_projection(*widths)
        return loss


@LOSSES.register("cosine_features")
@keras.saving.register_keras_serializable("tfkd")
class CosineFeatureDistillation(FeatureDistillation):
    """One minus the cosine of two layers' outputs (Sanh et al. 2019, DistilBERT).

    `1 - t.s / (|t| |s|)`: only the direction counts. A teacher's vector of length 0 has none, and a loss of 0; a
    student's has a loss of 1. Everything else is as in `FeatureDistillation`.

    Example:
        >>> import tensorflow as tf
        >>> loss = CosineFeatureDistillation(teacher_layer="encoder", student_layer="encoder")
        >>> t = Outputs.of(tf.zeros([1, 1, 2]), layers={"encoder": tf.constant([[[1.0, 0.0]]])})
        >>> s = Outputs.of(tf.zeros([1, 1, 2]), layers={"encoder": tf.constant([[[0.0, 5.0]]])})
        >>> float(loss(t, s))
        1.0
    """

    @override
    def distances(self, teacher: Tensor, student: Tensor) -> Tensor:
        return angular_distance(teacher, student)


@LOSSES.register("patient_features")
@keras.saving.register_keras_serializable("tfkd")
class PatientFeatureDistillation(FeatureDistillation):
    """Squared distance of two layers' outputs, each scaled to length 1 (Sun et al. 2019, patient distillation).

    `|t / |t| - s / |s||^2`, which is twice `CosineFeatureDistillation`, also for vectors of length 0. The paper uses
    several pairs of layers: give one loss for each. Everything else is as in `FeatureDistillation`.

    Example:
        >>> import tensorflow as tf
        >>> loss = PatientFeatureDistillation(teacher_layer="encoder", student_layer="encoder")
        >>> t = Outputs.of(tf.zeros([1, 1, 2]), layers={"encoder": tf.constant([[[1.0, 0.0]]])})
        >>> s = Outputs.of(tf.zeros([1, 1, 2]), layers={"encoder": tf.constant([[[0.0, 5.0]]])})
        >>> float(loss(t, s))
        2.0
    """

    @override
    def distances(self, teacher: Tensor, student: Tensor) -> Tensor:
        return 2.0 * angular_distance(teacher, student)
