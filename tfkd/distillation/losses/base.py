"""The base classes of distillation losses, which compare a teacher's outputs with a student's."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, dataclass_transform

import keras
import tensorflow as tf
from pydantic import Field
from typing_extensions import override

from tfkd.distillation.outputs import Need, Outputs, TeacherOutputs
from tfkd.layers import token_weights
from tfkd.models import Head, Tagger
from tfkd.parts import Part, PartRegistry
from tfkd.sections import Ramp, RampedWeight, Schedule, Temperature
from tfkd.tensors import Tensor
from tfkd.training.fitting import count_tokens
from tfkd_base.errors import TfkdError

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass as _ModelClass

    from tfkd.distillation.teachers import Teacher
else:
    _ModelClass = type(Part)


@dataclass(frozen=True)
class Batch:
    """What a loss can use of a batch besides the outputs of the two models.

    Attributes:
        tags: Indices of the gold tags, int `[batch, time]`; -1 in a sentence that has none.
        sample_weight: Weight of each sentence `[batch]` or token `[batch, time]`.
        step: Number of updates so far.
    """

    tags: Tensor | None = None
    sample_weight: Tensor | None = None
    step: Tensor | int = 0


def _read_needs(value: Any) -> tuple[Need, ...]:
    parts = [value] if isinstance(value, str | Need) else value
    for part in parts:
        if not isinstance(part, str | Need):
            raise TfkdError(f"expected the needs of a loss as names such as 'logits' or 'posteriors@2', got {part!r}.")
    return tuple(Need.parse(part) if isinstance(part, str) else part for part in parts)


def _read_names(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


_READERS: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "needs": _read_needs,
    "student_layers": _read_names,
    "student_attention": _read_names,
}


def _make_reader(value: Any, read: Callable[[Any], tuple[Any, ...]]) -> property:
    """Return a property that reads the value of a class, or that of a property."""
    if isinstance(value, property):
        get = value.fget
        assert get is not None
        return property(lambda self: read(get(self)), doc=value.__doc__)
    return property(lambda self: read(value))


# Type checkers do not take this over from pydantic's class of classes: without it they would not know the fields.
@dataclass_transform(kw_only_default=True, field_specifiers=(Field,))
class _LossClass(_ModelClass):
    """Class of losses, in which `needs` may be names such as `posteriors@2`, and one name may stand for several.

    A user's class may set them as plain attributes, which would be fields without a type.
    """

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kwargs: Any) -> Any:
        for attribute, read in _READERS.items():
            if attribute in namespace:
                namespace[attribute] = _make_reader(namespace[attribute], read)
                namespace.get("__annotations__", {}).pop(attribute, None)
        return super().__new__(mcs, name, bases, namespace, **kwargs)


class DistillationLoss(Part, metaclass=_LossClass):
    """A loss between a teacher's outputs and a student's: a mean over tokens, weighted by sample.

    Most losses override `token_losses`; the mean over the tokens that are not padding is taken here. Others override
    `__call__`. The fields of a loss are its arguments in Python and its keys in a configuration.
    """

    keyword_only: ClassVar[tuple[str, ...]] = ("weight",)

    weighs_tokens: ClassVar[bool] = True
    """Whether each token may have a sample weight; if not, each sentence may."""

    weight: RampedWeight = Field(default=1.0, description="weight among the losses; or a ramp")

    @property
    def needs(self) -> tuple[Need, ...]:
        """What the loss takes from the teacher."""
        return ()

    @property
    def student_layers(self) -> tuple[str, ...]:
        """Names of the student's layers whose outputs are needed."""
        return ()

    @property
    def student_attention(self) -> tuple[str, ...]:
        """Names of the student's layers whose attention is needed."""
        return ()

    @property
    def layers(self) -> tuple[keras.layers.Layer, ...]:
        """Layers that belong to the loss and are trained with the student."""
        return ()

    def cacheable(self, head: Head) -> bool:
        """Return whether an output cache holds what the loss needs.

        Args:
            head: The teacher's head.
        """
        del head
        return True

    def fresh(self) -> DistillationLoss:
        """Return a copy for one distiller, with trained layers of its own.

        Raises:
            TfkdError: A field is still a ramp, which needs the number of updates.
        """
        for name in type(self).model_fields:
            if isinstance(getattr(self, name), Ramp):
                raise TfkdError(
                    f"{type(self).__name__}: {name} is a ramp, which needs the number of updates: call "
                    "`loss.resolved(updates)`, or give a schedule of Keras."
                )
        return copy.copy(self)

    def build(self, teacher: Teacher, student: Tagger) -> None:
        """Check that the two models fit together, and make `layers` if any are needed.

        Raises:
            TfkdError: They do not.
        """

    def token_losses(self, teacher: TeacherOutputs, student: Outputs, batch: Batch) -> Tensor:
        """Return the loss of each token, float32 `[batch, time]`; the padding may have any finite value."""
        raise NotImplementedError(f"{type(self).__name__} has to override `token_losses` or `__call__`")

    def __call__(self, teacher: TeacherOutputs, student: Outputs, batch: Batch | None = None) -> Tensor:
        """Return the mean over the tokens, padding excluded.

        Args:
            teacher: The teacher's outputs.
            student: The student's outputs.
            batch: Gold tags, weights of samples and the number of updates.

        Returns:
            A float32 scalar: the weighted sum of the tokens' losses over the number of tokens.
        """
        batch = batch or Batch()
        losses = self.token_losses(teacher, student, batch)
        weight = token_weights(student.mask, batch.sample_weight)
        return tf.reduce_sum(tf.where(student.mask, losses, 0.0) * weight) / count_tokens(student.mask)


LOSSES: PartRegistry[DistillationLoss] = PartRegistry("distillation loss", "tfkd.losses")
"""The distillation losses by their names in configurations."""


class TagLoss(DistillationLoss):
    """A loss between two models' scores of tags; both must have the same tags."""

    @override
    def build(self, teacher: Teacher, student: Tagger) -> None:
        """Check that both models have the same tags in the same order, and the same tag scheme."""
        if (tuple(teacher.tags), teacher.scheme) != (tuple(student.tags), student.scheme):
            raise TfkdError(
                "teacher and student must have the same tags in the same order, and the same scheme: the teacher has "
                f"{list(teacher.tags)} ({teacher.scheme}), the student {list(student.tags)} ({student.scheme}). "
                "Train one of them in the other's scheme and on the other's types; types that mean the same can be "
                "mapped, with the key map of a task or corpus.map_types."
            )


class FromLogits:
    """Mixin of the losses that take the teacher's logits."""

    @property
    def needs(self) -> tuple[Need, ...]:
        """What the loss takes from the teacher: its logits."""
        return (Need("logits"),)


class TemperedLoss(TagLoss):
    """A loss between tag distributions that a temperature softens."""

    temperature: Temperature = Field(default=2.0, description="both models' logits are divided by it; or a ramp")

    def temperature_at(self, batch: Batch) -> float | Tensor:
        """Return the temperature of a batch."""
        return value_at(self.temperature, batch.step)

    @property
    def fixed_temperature(self) -> float | None:
        """The temperature; `None` for one that changes during training."""
        return None if isinstance(self.temperature, Schedule | Ramp) else self.temperature


def value_at(value: float | Ramp | Schedule, step: Tensor | int) -> float | Tensor:
    """Return a number, or the value of a schedule at a step as a float32 scalar.

    Raises:
        TfkdError: The value is a ramp, which needs the number of updates.
    """
    if isinstance(value, Ramp):
        raise TfkdError("a ramp needs the number of updates: call `loss.resolved(updates)` first.")
    return tf.cast(value(step), tf.float32) if isinstance(value, Schedule) else value


def serialized(value: Any) -> Any:
    """Return a schedule as plain data; anything else is returned as it is."""
    return keras.saving.serialize_keras_object(value) if isinstance(value, Schedule) else value


def deserialized(value: Any) -> Any:
    """Return the schedule that `serialized` wrote; anything else is returned as it is."""
    return keras.saving.deserialize_keras_object(value) if isinstance(value, dict) else value
