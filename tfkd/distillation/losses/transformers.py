"""Losses between two transformers, layer by layer: hidden states and attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import keras
import tensorflow as tf
from typing_extensions import override

from tfkd.distillation.losses.base import Batch, DistillationLoss
from tfkd.distillation.losses.features import FeatureDistillation
from tfkd.distillation.outputs import Need, Outputs, TeacherOutputs
from tfkd.models import Tagger
from tfkd.models.transformer import evenly
from tfkd.training.fitting import real_tokens
from tfkd_base.errors import TfkdError

if TYPE_CHECKING:
    from tfkd.distillation.teachers import Teacher

Tensor = Any
Pair = tuple[str, str]
_LEAST = 1e-12


@keras.saving.register_keras_serializable("tfkd")
class HiddenStateDistillation(DistillationLoss):
    """Mean squared difference of the two models' states, layer by layer (Jiao et al. 2020, TinyBERT).

    Each of the student's layers learns from one of the teacher's, evenly over its depth, and the embedding from the
    embedding. Where the widths differ, each pair has a learned projection, see `FeatureDistillation`. The loss is the
    mean over the pairs. States are those of words: the two models may cut words into other pieces.

    Args:
        pairs: Names of a teacher's and a student's layer each; found from the models if not given.
        projections: Widths that the pairs' projections go from and to; found from the models if not given.

    Raises:
        TfkdError: One of the models is no transformer, and no pairs are given; or as `FeatureDistillation`.

    Example:
        >>> loss = HiddenStateDistillation([("transformer_2", "transformer_1")])
        >>> t = Outputs.of(tf.zeros([1, 1, 2]), layers={"transformer_2": tf.constant([[[1.0, 3.0]]])})
        >>> s = Outputs.of(tf.zeros([1, 1, 2]), layers={"transformer_1": tf.constant([[[1.0, 1.0]]])})
        >>> float(loss(t, s))
        2.0
    """

    def __init__(self, pairs: Sequence[Sequence[str]] | None = None, projections: Sequence[Any] | None = None) -> None:
        self._parts: list[FeatureDistillation] = []
        if pairs is not None:
            self._make_parts([(teacher, student) for teacher, student in pairs], projections)

    @override
    def fresh(self) -> HiddenStateDistillation:
        same = super().fresh()
        assert isinstance(same, HiddenStateDistillation)
        same._take([part.fresh() for part in self._parts])
        return same

    @override
    def build(self, teacher: Teacher, student: Tagger) -> None:
        if not self._parts:
            pairs = even_pairs(teacher, student)
            embeddings = (teacher.encoder_layers[0], student.encoder.layer_names[0])
            self._make_parts([embeddings, *pairs], None)
        for part in self._parts:
            part.build(teacher, student)
        self._take(self._parts)

    def _make_parts(self, pairs: Sequence[Pair], projections: Sequence[Any] | None) -> None:
        widths = [None] * len(pairs) if projections is None else projections
        self._take([FeatureDistillation(*pair, projection=of) for pair, of in zip(pairs, widths, strict=True)])

    def _take(self, parts: list[FeatureDistillation]) -> None:
        self._parts = parts
        self.needs = tuple(need for part in parts for need in part.needs)
        self.student_layers = tuple(layer for part in parts for layer in part.student_layers)
        self.layers = tuple(layer for part in parts for layer in part.layers)

    @override
    def token_losses(self, teacher: TeacherOutputs, student: Outputs, batch: Batch) -> Tensor:
        return tf.add_n([part.token_losses(teacher, student, batch) for part in self._parts]) / len(self._parts)

    @override
    def get_config(self) -> dict[str, Any]:
        pairs = [(part.teacher_layer_name, part.student_layer_name) for part in self._parts]
        return {"pairs": pairs or None, "projections": [part.projection for part in self._parts] or None}


@keras.saving.register_keras_serializable("tfkd")
class AttentionDistillation(DistillationLoss):
    """Divergence of the student's attention from the teacher's, layer by layer (Sun et al. 2020, MobileBERT).

    For every real piece, `KL(teacher's weights || student's weights)` over the pieces that it attends to: a mean over
    the pieces, the heads and the pairs of layers. Where the numbers of heads differ, both models' are averaged first.
    Each of the student's layers learns from one of the teacher's, evenly over its depth. Both read the same pieces.

    Args:
        pairs: Names of a teacher's and a student's layer each; found from the models if not given.

    Raises:
        TfkdError: One of the models is no transformer, the teacher is cached or several, or the two read other pieces.

    Example:
        >>> loss = AttentionDistillation([("transformer_1", "transformer_1")])
        >>> of = lambda *weights: Outputs.of(
        ...     tf.zeros([1, 1, 2]), attention={"transformer_1": tf.constant([[[weights]]])}, real=tf.constant([[True]])
        ... )
        >>> round(float(loss(of(0.5, 0.5), of(0.25, 0.75))), 4)
        0.1438
    """

    def __init__(self, pairs: Sequence[Sequence[str]] | None = None) -> None:
        self.pairs = tuple((teacher, student) for teacher, student in pairs or ())

    @property
    @override
    def needs(self) -> tuple[Need, ...]:  # type: ignore[override]
        return tuple(Need("attention", teacher) for teacher, _ in self.pairs)

    @property
    @override
    def student_attention(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(student for _, student in self.pairs)

    @override
    def build(self, teacher: Teacher, student: Tagger) -> None:
        if teacher.text is None:
            raise TfkdError(
                f"attention is learnt from one teacher that runs, not from a cache or several, got {teacher.name}: "
                "name one teacher, or leave the loss of attention out."
            )
        self.pairs = self.pairs or tuple(even_pairs(teacher, student))
        if teacher.text != student.text:
            raise TfkdError(
                f"{teacher.name} and the student must read the same pieces to compare what they attend to: give the "
                "student the teacher's `text`, or take HiddenStateDistillation, which compares words."
            )
        if teacher.windows != student.encoder.windows:
            raise TfkdError(
                f"{teacher.name} and the student must read the same windows to compare what pieces attend to: its "
                f"windows have (positions, overlap) {teacher.windows}, the student's {student.encoder.windows}. Give "
                "the student the teacher's, or take HiddenStateDistillation, which compares words."
            )

    @override
    def __call__(self, teacher: TeacherOutputs, student: Outputs, batch: Batch | None = None) -> Tensor:
        weights = (batch or Batch()).sample_weight
        if weights is not None and len(weights.shape) != 1:
            raise ValueError(
                f"Attention is that of whole sentences: expected a sample_weight of shape [batch], got {weights.shape}."
            )
        real = student.real_pieces
        counted = tf.cast(real, tf.float32)
        if weights is not None:
            windows = tf.shape(real)[0] // tf.shape(student.mask)[0]
            counted *= tf.repeat(tf.cast(weights, tf.float32), windows)[:, tf.newaxis]
        losses = [_divergence(teacher.attention(theirs), student.attention(own)) for theirs, own in self.pairs]
        total = tf.add_n(losses) / len(losses)
        return tf.reduce_sum(tf.where(real, total, 0.0) * counted) / real_tokens(real)

    @override
    def get_config(self) -> dict[str, Any]:
        return {"pairs": [list(pair) for pair in self.pairs] or None}


def even_pairs(teacher: Teacher, student: Tagger) -> list[Pair]:
    """Pair each layer of a transformer with one of a deeper one, evenly over its depth, the embeddings left out.

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
    """Compute the divergence of each piece's attention, `[windows, pieces]`, from maps with heads and keys."""
    if teacher.shape[1] != student.shape[1]:
        teacher, student = (tf.reduce_mean(x, axis=1, keepdims=True) for x in (teacher, student))
    # Of pieces that no attention may go to both have 0.
    apart = tf.math.xlogy(teacher, teacher) - tf.math.xlogy(teacher, student + _LEAST)
    return tf.reduce_mean(tf.reduce_sum(apart, axis=-1), axis=1)
