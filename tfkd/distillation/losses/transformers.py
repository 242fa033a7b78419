"""Losses between two transformers, layer by layer: hidden states and attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

import keras
import numpy as np
import tensorflow as tf
from pydantic import Field, PrivateAttr
from typing_extensions import override

from tfkd.distillation.losses.base import LOSSES, Batch, DistillationLoss
from tfkd.distillation.losses.features import FeatureDistillation
from tfkd.distillation.losses.measures import divergence
from tfkd.distillation.outputs import Need, Outputs, TeacherOutputs
from tfkd.models import Head, Tagger
from tfkd.models.transformer import evenly
from tfkd.sections import NonEmpty
from tfkd.tensors import Tensor
from tfkd.training.fitting import count_tokens
from tfkd_base.errors import TfkdError

if TYPE_CHECKING:
    from tfkd.distillation.teachers import Teacher

Pair = Annotated[tuple[NonEmpty, NonEmpty], Field(strict=False)]
Pairs = Annotated[tuple[Pair, ...], Field(strict=False, min_length=1)]
_SMALLEST = float(np.finfo(np.float32).tiny)
"""Smallest weight of attention whose logarithm is taken: below it float32 holds 0 or loses digits."""


@LOSSES.register("hidden_states")
@keras.saving.register_keras_serializable("tfkd")
class HiddenStateDistillation(DistillationLoss):
    """Mean squared difference of two transformers' states, layer by layer (Jiao et al. 2020, TinyBERT).

    Where the widths differ, each pair has a learned projection, see `FeatureDistillation`. The loss is the mean over
    the pairs. States are those of words: the two models may split words into different subwords.

    Raises:
        TfkdError: One of the models is no transformer and no pairs are given; or as `FeatureDistillation`.

    Example:
        >>> loss = HiddenStateDistillation(pairs=[("transformer_2", "transformer_1")])
        >>> t = Outputs.of(tf.zeros([1, 1, 2]), layers={"transformer_2": tf.constant([[[1.0, 3.0]]])})
        >>> s = Outputs.of(tf.zeros([1, 1, 2]), layers={"transformer_1": tf.constant([[[1.0, 1.0]]])})
        >>> float(loss(t, s))
        2.0
    """

    pairs: Pairs | None = Field(
        default=None,
        description="names of a teacher's and a student's layer each; null: the embeddings, and each of the student's "
        "layers with one of the teacher's, evenly over its depth",
    )

    _parts: tuple[FeatureDistillation, ...] = PrivateAttr(())

    @override
    def model_post_init(self, context: object, /) -> None:
        self._parts = _make_parts(self.pairs or ())

    @property
    @override
    def needs(self) -> tuple[Need, ...]:
        return tuple(need for part in self._parts for need in part.needs)

    @property
    @override
    def student_layers(self) -> tuple[str, ...]:
        return tuple(part.student_layer for part in self._parts)

    @property
    @override
    def layers(self) -> tuple[keras.layers.Layer, ...]:
        return tuple(layer for part in self._parts for layer in part.layers)

    @override
    def cacheable(self, head: Head) -> bool:
        """Return whether the layers are named; otherwise they are paired with those of the teacher itself."""
        return self.pairs is not None

    @override
    def fresh(self) -> HiddenStateDistillation:
        loss = super().fresh()
        assert isinstance(loss, HiddenStateDistillation)
        loss._parts = tuple(part.fresh() for part in self._parts)
        return loss

    @override
    def build(self, teacher: Teacher, student: Tagger) -> None:
        if not self._parts:
            pairs = even_pairs(teacher, student)
            self._parts = _make_parts([(teacher.encoder_layers[0], student.encoder.layer_names[0]), *pairs])
        for part in self._parts:
            part.build(teacher, student)

    @override
    def token_losses(self, teacher: TeacherOutputs, student: Outputs, batch: Batch) -> Tensor:
        return tf.add_n([part.token_losses(teacher, student, batch) for part in self._parts]) / len(self._parts)

    @override
    def get_config(self) -> dict[str, Any]:
        pairs = [[part.teacher_layer, part.student_layer] for part in self._parts]
        widths = [part.projection and list(part.projection) for part in self._parts]
        return {**super().get_config(), "pairs": pairs or None, "projections": widths or None}

    @classmethod
    @override
    def from_config(cls, config: dict[str, Any]) -> Self:
        settings = dict(config)
        widths = settings.pop("projections", None)
        loss = super().from_config(settings)
        if widths is not None:
            parts = zip(loss._parts, widths, strict=True)
            loss._parts = tuple(
                FeatureDistillation.from_config({**part.get_config(), "projection": of}) for part, of in parts
            )
        return loss


def _make_parts(pairs: Sequence[Sequence[str]]) -> tuple[FeatureDistillation, ...]:
    return tuple(FeatureDistillation(teacher_layer=teacher, student_layer=student) for teacher, student in pairs)


@LOSSES.register("attention")
@keras.saving.register_keras_serializable("tfkd")
class AttentionDistillation(DistillationLoss):
    """KL divergence of a transformer's attention from its teacher's, layer by layer (Sun et al. 2020, MobileBERT).

    For every subword, `KL(teacher's weights || student's weights)` over the subwords that it attends to: a mean over
    the subwords, the heads and the pairs of layers. Where the numbers of heads differ, both models' attention is
    averaged over the heads first. Both models must read the same subwords; a cache holds no attention.

    Raises:
        TfkdError: One of the models is no transformer, the teacher is a cache or an ensemble, or the two models read
            different subwords.

    Example:
        >>> loss = AttentionDistillation(pairs=[("transformer_1", "transformer_1")])
        >>> def outputs(*weights):
        ...     maps = {"transformer_1": tf.constant([[[weights]]])}
        ...     return Outputs.of(tf.zeros([1, 1, 2]), attention=maps, real=tf.constant([[True]]))
        >>> round(float(loss(outputs(0.5, 0.5), outputs(0.25, 0.75))), 4)
        0.1438
    """

    weighs_tokens: ClassVar[bool] = False

    pairs: Pairs | None = Field(
        default=None,
        description="names of a teacher's and a student's layer each; null: each of the student's layers with one of "
        "the teacher's, evenly over its depth",
    )

    _even_pairs: tuple[tuple[str, str], ...] = PrivateAttr(())

    @property
    def layer_pairs(self) -> tuple[tuple[str, str], ...]:
        """Names of a teacher's and a student's layer each, as given or as found in the models."""
        return self.pairs or self._even_pairs

    @property
    @override
    def needs(self) -> tuple[Need, ...]:
        return tuple(Need("attention", teacher) for teacher, _ in self.layer_pairs)

    @property
    @override
    def student_attention(self) -> tuple[str, ...]:
        return tuple(student for _, student in self.layer_pairs)

    @override
    def cacheable(self, head: Head) -> bool:
        """Return false: a cache holds no attention."""
        return False

    @override
    def build(self, teacher: Teacher, student: Tagger) -> None:
        if teacher.text is None:
            raise TfkdError(
                f"attention is learnt from one teacher that runs, not from a cache or several, got {teacher.name}: "
                "name one teacher, or remove the loss `attention`."
            )
        self._even_pairs = self.layer_pairs or tuple(even_pairs(teacher, student))
        if teacher.text != student.text:
            raise TfkdError(
                f"{teacher.name} and the student must read the same subwords to compare their attention: give the "
                "student the teacher's `text`, or use HiddenStateDistillation, which compares words."
            )
        if teacher.windows != student.encoder.windows:
            raise TfkdError(
                f"{teacher.name} and the student must read the same windows to compare their attention: the "
                f"teacher's windows have (positions, overlap) {teacher.windows}, the student's "
                f"{student.encoder.windows}. Give the student the teacher's, or use HiddenStateDistillation, which "
                "compares words."
            )

    @override
    def __call__(self, teacher: TeacherOutputs, student: Outputs, batch: Batch | None = None) -> Tensor:
        """Return the mean over the subwords, padding excluded.

        Raises:
            ValueError: The sample weights are those of tokens.
        """
        weights = (batch or Batch()).sample_weight
        if weights is not None and len(weights.shape) != 1:
            raise ValueError(
                "AttentionDistillation compares whole sentences: expected a sample_weight of shape [batch], got "
                f"{weights.shape}. Give one weight a sentence."
            )
        real = student.real_pieces
        counted = tf.cast(real, tf.float32)
        if weights is not None:
            windows = tf.shape(real)[0] // tf.shape(student.mask)[0]
            counted *= tf.repeat(tf.cast(weights, tf.float32), windows)[:, tf.newaxis]
        pairs = self.layer_pairs
        values = [_divergence(teacher.attention(theirs), student.attention(own)) for theirs, own in pairs]
        total = tf.add_n(values) / len(values)
        return tf.reduce_sum(tf.where(real, total, 0.0) * counted) / count_tokens(real)

    @override
    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "pairs": [list(pair) for pair in self.layer_pairs] or None}


def even_pairs(teacher: Teacher, student: Tagger) -> list[tuple[str, str]]:
    """Pair each layer of a transformer with one of a deeper one, evenly over its depth; embeddings are excluded.

    Raises:
        TfkdError: One of them is no transformer, or the student has more layers.
    """
    theirs, own = teacher.encoder_layers[1:], student.encoder.layer_names[1:]
    if not theirs or not own:
        named = teacher.name if not theirs else "the student"
        raise TfkdError(
            f"{named} has no layers of a transformer to pair with: distil from one transformer that runs into another, "
            "or compare two layers by their names (FeatureDistillation)."
        )
    if len(own) > len(theirs):
        raise TfkdError(f"the student has {len(own)} layers, {teacher.name} only {len(theirs)}: name the pairs.")
    return [(theirs[number], name) for number, name in zip(evenly(len(own), len(theirs)), own, strict=True)]


def _divergence(teacher: Tensor, student: Tensor) -> Tensor:
    """Return the divergence of each subword's attention, `[windows, pieces]`, from maps with heads and keys."""
    if teacher.shape[1] != student.shape[1]:
        teacher, student = (tf.reduce_mean(x, axis=1, keepdims=True) for x in (teacher, student))
    # Both are 0 at subwords that no attention may go to.
    logs = [tf.math.log(tf.maximum(weights, _SMALLEST)) for weights in (teacher, student)]
    return tf.reduce_mean(divergence(*logs), axis=1)
