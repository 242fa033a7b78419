"""The distiller, which trains a student on gold tags and on a teacher's outputs."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from typing_extensions import override

from tfkd.distillation.losses import LOSSES, Batch, DistillationLoss
from tfkd.distillation.losses.base import deserialized, serialized, value_at
from tfkd.distillation.outputs import Need, TeacherOutputs
from tfkd.distillation.teachers import AnyTeacher, Extractor, Reader, Teacher, as_teacher, part_of
from tfkd.keras_internals import UntrackedProperties
from tfkd.models import MultiTaskTagger, Tagger
from tfkd.models.layer_names import check_model_name
from tfkd.sections import Ramp, Schedule
from tfkd.tensors import Tensor
from tfkd.training import AnyPlan, Batches, BatchPlan, EncodedSentences, TransferPlan, VariantPlan, tag_ids
from tfkd.training.arguments import check_sample_weight, check_tagged_sentences, check_variants
from tfkd.training.fitting import Trained, count_tokens, regularization_losses, take_gradient_step, update_mean
from tfkd_base.corpora import Sentence, Variants
from tfkd_base.errors import TfkdError

STUDENT, TEACHER = "student", "teacher"
"""Names of the two parts of a batch."""


@keras.saving.register_keras_serializable("tfkd")
class Distiller(UntrackedProperties, Trained, keras.Model):
    """Model that trains a student tagger on its gold tags and on a teacher's outputs.

    The loss is `student_loss_weight * gold loss + sum_i distillation_loss_weights[i] * loss_i`. The gold loss is a mean
    over the tokens that have a gold tag, the others are means over all tokens. A step runs the teacher once, outside of
    the gradient and without dropout, and the student once. The teacher is never changed. Train on the result of
    `batches`.

    Weights and temperatures may change in training, by a schedule such as `keras.optimizers.schedules.PolynomialDecay`
    over the number of updates. Teacher annealing (Clark et al. 2019) moves weight from the teacher to the gold tags.

    A saved distiller holds the student, its optimizer and the projections, but not the teacher: set `teacher` after
    loading to resume training.

    Args:
        teacher: A trained tagger, e.g. `multitask_tagger.for_task("disease")`; a `TeacherCache` of one's outputs; or
            several of these, whose probabilities are averaged (`Ensemble` takes weights for them). `None`: set
            `teacher` later.
        student: The tagger to train, built and not necessarily compiled.
        distillation_losses: One loss or several.
        distillation_loss_weights: A weight, or a schedule, for each loss. Default: each loss's own `weight`.
        student_loss_weight: Weight of the gold loss, or a schedule.
        name: The distiller's name.

    Raises:
        TfkdError: There is no loss, the weights do not match the losses or are negative, or teacher and student do
            not fit, e.g. in their tags.

    Example:
        >>> from tfkd_base.corpora import demo_corpora
        >>> from tfkd.distillation import LogitsDistillation
        >>> from tfkd.models import BiLSTM
        >>> from tfkd.text import WordFeatures
        >>> corpus = demo_corpora(seed=1)["gene"]
        >>> text = WordFeatures.adapt(corpus)
        >>> teacher, student = (Tagger(text, corpus, encoder=BiLSTM(units=n)) for n in (8, 4))
        >>> distiller = Distiller(teacher, student, LogitsDistillation(temperature=2.0))
        >>> distiller.compile(optimizer="adam")
        >>> history = distiller.fit(distiller.batches(corpus.train[:32]), verbose=0)
        >>> sorted(history.history)
        ['distillation_loss', 'loss', 'student_loss']
    """

    untracked = frozenset({"teacher"})
    batches_code = "distiller.batches(corpus.train)"
    loss_weights_remedy = (
        "give `student_loss_weight` and `distillation_loss_weights` to the distiller; for weights of sentences or "
        "tokens use sample_weight."
    )

    def __init__(
        self,
        teacher: AnyTeacher | None,
        student: Tagger,
        distillation_losses: DistillationLoss | Sequence[DistillationLoss],
        distillation_loss_weights: Sequence[float | Schedule] | None = None,
        student_loss_weight: float | Schedule = 0.5,
        name: str = "distiller",
    ) -> None:
        check_model_name(name)
        _check_student(student)
        # The student's policy, so that Keras scales the loss of a float16 student whatever the global policy is.
        super().__init__(name=name, dtype=student.dtype_policy)
        losses = _check_losses(distillation_losses)
        given = distillation_loss_weights
        weights = [loss.weight for loss in losses] if given is None else [*given]
        _check_weights(losses, weights, student_loss_weight)
        losses = [loss.fresh() for loss in losses]
        self.student = student
        self._student_loss_weight = _plain(student_loss_weight)
        self._distillation_loss_weights = tuple(_plain(w) for w in weights)
        self._distillation_losses = tuple(losses)
        self._binding: _TeacherBinding | None = None
        self.projections = [layer for loss in losses for layer in loss.layers]
        self.student_loss_tracker = keras.metrics.Mean(name="student_loss")
        self.distillation_loss_tracker = keras.metrics.Mean(name="distillation_loss")
        if teacher is not None:
            self.teacher = teacher
        else:
            self._run_student = self._student_extractor()
        self.built = True

    @property
    def student_loss_weight(self) -> float | Schedule:
        """Weight of the gold loss."""
        return self._student_loss_weight

    @property
    def distillation_loss_weights(self) -> tuple[float | Schedule, ...]:
        """Weights of the distillation losses."""
        return self._distillation_loss_weights

    @property
    def distillation_losses(self) -> tuple[DistillationLoss, ...]:
        """The distillation losses."""
        return self._distillation_losses

    @property
    def teacher(self) -> Teacher | None:
        """The teacher; `None` after loading, until it is set to anything that the constructor takes."""
        return None if self._binding is None else self._binding.teacher

    @teacher.setter
    def teacher(self, given: AnyTeacher) -> None:
        teacher = as_teacher(given)
        for loss in self._distillation_losses:
            loss.build(teacher, self.student)
        teacher.check(self._needs)
        self._run_student = self._student_extractor()
        self.projections = [layer for loss in self._distillation_losses for layer in loss.layers]
        self._binding = _TeacherBinding(teacher, teacher.reader(TEACHER, self._needs))
        self.train_function = self.test_function = None

    @property
    @override
    def weighs_tokens(self) -> bool:
        return self.student.weighs_tokens and all(loss.weighs_tokens for loss in self._distillation_losses)

    def _unpack(self, data: Any) -> tuple[Any, Tensor, Tensor | None]:
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        taker = ", ".join([self.name, *(type(loss).__name__ for loss in self._distillation_losses)])
        return x, y, check_sample_weight(sample_weight, taker, per_token=self.weighs_tokens)

    def _student_extractor(self) -> Extractor:
        layers = [name for loss in self._distillation_losses for name in loss.student_layers]
        attention = [name for loss in self._distillation_losses for name in loss.student_attention]
        return Extractor(self.student, layers, attention)

    @property
    def _needs(self) -> list[Need]:
        return [need for loss in self._distillation_losses for need in loss.needs]

    def batches(
        self,
        sentences: Sequence[Sentence],
        transfer: Iterable[Sequence[str]] = (),
        *,
        share: float = 0.5,
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int = 1,
        shapes: int | None = None,
        variants: Variants | None = None,
        variant_share: float = 0.5,
    ) -> Batches:
        """Make batches of the features that student and teacher read, or of the outputs that a cache holds.

        Args:
            sentences: Sentences with gold tags in the student's scheme, e.g. `corpus.train`.
            transfer: Token sequences of unlabelled text, from which the student learns the teacher's outputs alone.
                They may be read one by one from a file.
            share: Share of unlabelled sentences in a batch, if there are any. Each epoch uses all sentences with gold
                tags and the next portion of the unlabelled ones.
            batch_size: Number of sentences in a batch.
            shuffle: Whether each epoch is shuffled; with `transfer` it always is.
            seed: Seed of the shuffling.
            shapes: Number of shapes that the batches may have, see `tfkd.training.batches`.
            variants: Variants of `sentences` with gold tags, which take their places in some epochs. The tokens of
                variants may also be given as `transfer`: their tags do not count then.
            variant_share: Share of the sentences that an epoch replaces by a variant.

        Returns:
            Batches of `({"student": ..., "teacher": ...}, tags)`; tags int32 `[batch, time]`, -1 in the padding
            and in sentences that have none.

        Raises:
            TfkdError: There is no teacher, a sentence has a tag that the student does not know, or a cache lacks some
                of the sentences.
        """
        check_tagged_sentences(sentences, "distiller.batches")
        check_variants(variants, sentences, "distiller.batches")
        teacher = self._bound().teacher
        sources: dict[str, Any] = {STUDENT: self.student.text, **teacher.sources(TEACHER, self._needs)}
        labelled, others = (s.tokens for s in sentences), (s.tokens for s in variants or ())
        encoded = EncodedSentences(itertools.chain(labelled, transfer, others), sources)
        first_variant = len(encoded.lengths) - len(variants or ())
        tags = tag_ids(sentences, self.student.tags)
        untagged_tokens = int(encoded.lengths[len(sentences) : first_variant].sum())
        untagged_tags = np.full(untagged_tokens, -1, tags.dtype)
        encoded.set_tags(np.concatenate([tags, untagged_tags, tag_ids(variants or (), self.student.tags)]))
        tagged, untagged = np.split(encoded.sizes[:first_variant], [len(sentences)])
        plan: AnyPlan = (
            TransferPlan(tagged, untagged, batch_size, share, seed)
            if len(untagged)
            else BatchPlan(tagged, batch_size, seed, shuffle)
        )
        if variants is not None:
            plan = VariantPlan(plan, first_variant, variants.owners, variant_share, seed)
        return Batches(encoded, plan, shapes)

    @property
    def depends_on(self) -> str:
        """Fingerprint of the teacher: a training is not resumed with another one."""
        return self._bound().teacher.identity

    def _bound(self) -> _TeacherBinding:
        if self._binding is None:
            raise TfkdError("the distiller has no teacher, as after loading: set `distiller.teacher` first.")
        return self._binding

    def call(self, inputs: Any, training: bool = False) -> Tensor:
        """Run the student: emission scores `[batch, time, tags]`."""
        return self.student(part_of(inputs, STUDENT), training=training)

    def train_step(self, data: Any) -> dict[str, Any]:
        """Take one step of training the student."""
        x, y, sample_weight = self._unpack(data)
        batch = Batch(y, sample_weight, tf.convert_to_tensor(self.optimizer.iterations))
        taught = self._bound().read(x)
        kept: dict[str, Tensor] = {}

        def loss() -> Tensor:
            kept.update(self._student_losses(x, batch, taught, training=True))
            return tf.add_n([kept["loss"], *regularization_losses(self.student)])

        value = take_gradient_step(self.optimizer, self.trainable_variables, loss)
        return self._update_metrics(x, batch, value, kept)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Compute the losses of a batch, without dropout."""
        x, y, sample_weight = self._unpack(data)
        step = tf.convert_to_tensor(self.optimizer.iterations) if self.optimizer is not None else 0
        batch = Batch(y, sample_weight, step)
        kept = self._student_losses(x, batch, self._bound().read(x), training=False)
        return self._update_metrics(x, batch, kept["loss"], kept)

    def predict_step(self, data: Any) -> dict[str, Tensor]:
        """Decode a batch with the student, see `Tagger`."""
        return self.student.decode(part_of(keras.utils.unpack_x_y_sample_weight(data)[0], STUDENT))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, without the teacher."""
        self.check_file_format()
        return {
            "student": keras.saving.serialize_keras_object(self.student),
            "distillation_losses": [keras.saving.serialize_keras_object(loss) for loss in self._distillation_losses],
            "distillation_loss_weights": [serialized(weight) for weight in self._distillation_loss_weights],
            "student_loss_weight": serialized(self._student_loss_weight),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Distiller:
        """Build a distiller from its configuration, without weights and without a teacher."""
        student = keras.saving.deserialize_keras_object(config.pop("student"), custom_objects=custom_objects)
        losses = [
            keras.saving.deserialize_keras_object(loss, custom_objects=custom_objects)
            for loss in config.pop("distillation_losses")
        ]
        config["distillation_loss_weights"] = [deserialized(w) for w in config["distillation_loss_weights"]]
        config["student_loss_weight"] = deserialized(config["student_loss_weight"])
        return cls(None, student, losses, **config)

    def _student_losses(self, x: Any, batch: Batch, taught: TeacherOutputs, training: bool) -> dict[str, Tensor]:
        """Compute the gold loss, the weighted distillation losses, and their sum."""
        own_x = part_of(x, STUDENT)
        student = self._run_student(own_x, training=training)
        own = self.student.token_loss(own_x, batch.tags, batch.sample_weight, student.emissions)
        distilled = tf.add_n(
            [
                value_at(weight, batch.step) * loss(taught, student, batch)
                for weight, loss in zip(self._distillation_loss_weights, self._distillation_losses, strict=True)
            ]
        )
        total = value_at(self._student_loss_weight, batch.step) * own + distilled
        return {"own": own, "distilled": distilled, "loss": total, "emissions": student.emissions}

    def _update_metrics(self, x: Any, batch: Batch, loss: Tensor, kept: dict[str, Tensor]) -> dict[str, Any]:
        own_x = part_of(x, STUDENT)
        update_mean(self.student_loss_tracker, kept["own"], count_tokens(self.student.tagged(own_x, batch.tags)))
        update_mean(self.distillation_loss_tracker, kept["distilled"], count_tokens(self.student.text.mask(own_x)))
        return self.student.update_metrics(own_x, batch.tags, batch.sample_weight, loss, kept["emissions"], self)


@dataclass(frozen=True)
class _TeacherBinding:
    """Teacher of a distiller. Keras does not look into it for layers to train and to save.

    Attributes:
        teacher: The teacher.
        read: Returns its outputs for the features of a batch.
    """

    teacher: Teacher
    read: Reader


def _plain(weight: float | Schedule) -> float | Schedule:
    return weight if isinstance(weight, Schedule) else float(weight)


_SIMILAR_LOSSES = {
    "MeanSquaredError": "LogitsRegression()",
    "KLDivergence": "LogitsDistillation(temperature=2.0)",
    "CosineSimilarity": "CosineFeatureDistillation()",
}
"""For losses of Keras the distillation loss with the same formula."""


def _check_student(student: Any) -> None:
    if not isinstance(student, Tagger):
        remedy = "give a `tfkd.Tagger`"
        if isinstance(student, MultiTaskTagger):
            remedy = "choose a task with `for_task(...)`, or make a `tfkd.Tagger`"
        raise TfkdError(f"expected a tagger as student, got {type(student).__name__}: {remedy}.")


def _check_losses(given: Any) -> list[DistillationLoss]:
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


def _check_weights(
    losses: Sequence[DistillationLoss],
    weights: Sequence[float | Ramp | Schedule],
    student_loss_weight: float | Ramp | Schedule,
) -> None:
    if len(weights) != len(losses):
        raise TfkdError(f"{len(losses)} distillation losses need as many weights, got {len(weights)}.")
    if any(isinstance(w, float | int) and w < 0 for w in (*weights, student_loss_weight)):
        raise TfkdError(f"weights of losses must not be negative, got {[*weights]} and {student_loss_weight}.")
    if any(isinstance(w, Ramp) for w in (*weights, student_loss_weight)):
        raise TfkdError(
            "a weight is a ramp, which needs the number of updates: call `loss.resolved(updates)`, or give a schedule "
            "of Keras."
        )
