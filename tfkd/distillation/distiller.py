"""The distiller: trains a student on the gold tags and on what a teacher says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfkd.distillation.losses import DistillationLoss, Outputs
from tfkd.errors import TfkdError
from tfkd.models import Tagger
from tfkd.models.training import Trained, added_losses, gradient_step, real_tokens, track

Tensor = Any


@keras.saving.register_keras_serializable("tfkd")
class Distiller(Trained, keras.Model):
    """Train a student tagger on its gold tags and on a teacher's outputs.

    The loss is `student_loss_weight * student's own loss + sum_i distillation_loss_weights[i] * loss_i`, each a mean
    over the real tokens. A step runs the teacher once, outside of the gradient and without dropout, and the student
    once; the teacher is never changed. Batches are those of `tfkd.preprocessing.batches`; where teacher and student
    have other vocabularies, made with `{"student": student.text, "teacher": teacher.text}`.

    A saved distiller holds the student, its optimiser and the projections, not the teacher: set `teacher` again
    after loading to go on training.

    Args:
        teacher: A trained tagger, e.g. `multitask_tagger.for_task("disease")`.
        student: The tagger to train, built and not necessarily compiled.
        distillation_losses: One loss or several.
        distillation_loss_weights: A weight for each of them; 1 by default.
        student_loss_weight: Weight of the student's own loss on the gold tags.
        name: The distiller's name.

    Raises:
        TfkdError: There is no loss, the weights do not match the losses or are negative, or teacher and student do
            not go together, e.g. in their tags.

    Example:
        >>> from tfkd.corpora import demo_corpora
        >>> from tfkd.distillation import LogitsDistillation
        >>> from tfkd.models import BiLSTM
        >>> from tfkd.preprocessing import WordFeatures, batches
        >>> corpus = demo_corpora(seed=1)["gene"]
        >>> text = WordFeatures.adapt(corpus)
        >>> teacher, student = (Tagger(text, corpus, encoder=BiLSTM(n)) for n in (8, 4))
        >>> distiller = Distiller(teacher, student, LogitsDistillation(temperature=2.0))
        >>> distiller.compile(optimizer="adam")
        >>> history = distiller.fit(batches(corpus.train[:32], text, student.tags), verbose=0)
        >>> sorted(history.history)
        ['distillation_loss', 'loss', 'student_loss']
    """

    def __init__(
        self,
        teacher: Tagger | None,
        student: Tagger,
        distillation_losses: DistillationLoss | Sequence[DistillationLoss],
        distillation_loss_weights: Sequence[float] | None = None,
        student_loss_weight: float = 0.5,
        name: str = "distiller",
    ) -> None:
        # The student's policy, so that Keras scales the loss of a float16 student whatever the global policy is.
        super().__init__(name=name, dtype=student.dtype_policy)
        losses = [distillation_losses] if isinstance(distillation_losses, DistillationLoss) else [*distillation_losses]
        weights = [1.0] * len(losses) if distillation_loss_weights is None else [*distillation_loss_weights]
        _check_weights(losses, weights, student_loss_weight)
        self.student = student
        self.student_loss_weight = float(student_loss_weight)
        self.distillation_loss_weights = tuple(float(w) for w in weights)
        self._distillation_losses = tuple(losses)
        self._teacher = _Unsaved()
        self._student_outputs = _Unsaved(_extractor(student, [n for loss in losses for n in loss.student_layers]))
        self.projections = [layer for loss in losses for layer in loss.layers]
        self.student_loss_tracker = keras.metrics.Mean(name="student_loss")
        self.distillation_loss_tracker = keras.metrics.Mean(name="distillation_loss")
        if teacher is not None:
            self._take_on(teacher)
        self.built = True

    @property
    def distillation_losses(self) -> tuple[DistillationLoss, ...]:
        """The losses between teacher and student."""
        return self._distillation_losses

    @property
    def teacher(self) -> Tagger | None:
        """The teacher; `None` after loading, until it is set."""
        return self._teacher.value[0] if self._teacher.value else None

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; a teacher is taken on without becoming a part of the distiller, as Keras would have it."""
        if name == "teacher":
            self._take_on(value)
        else:
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        """List the attributes but for the teacher: what Keras finds here it saves."""
        return [name for name in super().__dir__() if name != "teacher"]

    def _take_on(self, teacher: Tagger) -> None:
        for loss in self._distillation_losses:
            loss.build(teacher, self.student)
        self.projections = [layer for loss in self._distillation_losses for layer in loss.layers]
        names = [n for loss in self._distillation_losses for n in loss.teacher_layers]
        self._teacher.value = (teacher, _extractor(teacher, names))
        self.train_function = self.test_function = None

    def call(self, inputs: Any, training: bool = False) -> Tensor:
        """Run the student: emission scores `[batch, time, tags]`."""
        return self.student(_for(inputs, "student"), training=training)

    def train_step(self, data: Any) -> dict[str, Any]:
        """Take one step of training the student."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        taught = self._run_teacher(x)
        kept: dict[str, Tensor] = {}

        def loss() -> Tensor:
            student = self._run_student(x, training=True)
            kept["emissions"] = student.emissions
            kept["own"], kept["distilled"] = self._two_losses(x, y, sample_weight, taught, student)
            return self.student_loss_weight * kept["own"] + tf.add_n([kept["distilled"], *added_losses(self.student)])

        value = gradient_step(self.optimizer, self.trainable_variables, loss)
        return self._update_metrics(x, y, sample_weight, value, kept)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Compute the losses of a batch, without dropout."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        student = self._run_student(x, training=False)
        own, distilled = self._two_losses(x, y, sample_weight, self._run_teacher(x), student)
        kept = {"own": own, "distilled": distilled, "emissions": student.emissions}
        return self._update_metrics(x, y, sample_weight, self.student_loss_weight * own + distilled, kept)

    def predict_step(self, data: Any) -> dict[str, Tensor]:
        """Decode a batch with the student, see `Tagger`."""
        return self.student.decode(_for(keras.utils.unpack_x_y_sample_weight(data)[0], "student"))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, without the teacher."""
        return {
            "student": keras.saving.serialize_keras_object(self.student),
            "distillation_losses": [keras.saving.serialize_keras_object(loss) for loss in self._distillation_losses],
            "distillation_loss_weights": list(self.distillation_loss_weights),
            "student_loss_weight": self.student_loss_weight,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Distiller:
        """Build the distiller again, without weights and without a teacher."""
        student = keras.saving.deserialize_keras_object(config.pop("student"), custom_objects=custom_objects)
        losses = [
            keras.saving.deserialize_keras_object(loss, custom_objects=custom_objects)
            for loss in config.pop("distillation_losses")
        ]
        return cls(None, student, losses, **config)

    def _run_teacher(self, x: Any) -> Outputs:
        if not self._teacher.value:
            raise TfkdError("the distiller has no teacher, as after loading: set `distiller.teacher` first.")
        return _run(self._teacher.value[1], _for(x, "teacher"), training=False)

    def _run_student(self, x: Any, training: bool) -> Outputs:
        return _run(self._student_outputs.value, _for(x, "student"), training=training)

    def _two_losses(
        self, x: Any, y: Tensor, sample_weight: Tensor | None, teacher: Outputs, student: Outputs
    ) -> tuple[Tensor, Tensor]:
        own_x = _for(x, "student")
        mask = self.student.text.mask(own_x)
        own = self.student.token_loss(own_x, y, sample_weight, student.emissions)
        distilled = [
            weight * loss(teacher, student, mask, sample_weight)
            for weight, loss in zip(self.distillation_loss_weights, self._distillation_losses, strict=True)
        ]
        return own, tf.add_n(distilled)

    def _update_metrics(
        self, x: Any, y: Tensor, sample_weight: Tensor | None, loss: Tensor, kept: dict[str, Tensor]
    ) -> dict[str, Any]:
        own_x = _for(x, "student")
        tokens = real_tokens(self.student.text.mask(own_x))
        track(self.student_loss_tracker, kept["own"], tokens)
        track(self.distillation_loss_tracker, kept["distilled"], tokens)
        return self.student.update_metrics(own_x, y, sample_weight, loss, kept["emissions"], self)


class _Unsaved:
    """Holds a model where Keras does not look for layers to train and to save."""

    def __init__(self, value: Any = None) -> None:
        self.value = value


def _for(x: Any, role: str) -> Any:
    """Take one model's features out of a batch that holds both models'."""
    return x[role] if isinstance(x, dict) and role in x else x


def _extractor(model: Tagger, layers: Sequence[str]) -> keras.Model:
    """Make a model of the same layers that gives emission scores and these layers' outputs in one run."""
    outputs = {name: model.layer_named(name).output for name in layers}
    return keras.Model(model.input, {"": model.output, **outputs}, name=f"{model.name}_outputs")


def _run(extractor: keras.Model, x: dict[str, Tensor], training: bool) -> Outputs:
    features = extractor({name: x[name] for name in extractor.input}, training=training)
    return Outputs(emissions=features.pop(""), features=features)


def _check_weights(losses: Sequence[DistillationLoss], weights: Sequence[float], student_loss_weight: float) -> None:
    if not losses:
        raise TfkdError("give at least one distillation loss, e.g. LogitsDistillation(temperature=2.0).")
    for loss in losses:
        if not isinstance(loss, DistillationLoss):
            raise TfkdError(f"expected a DistillationLoss, got {type(loss).__name__}.")
    if len(weights) != len(losses):
        raise TfkdError(f"{len(losses)} distillation losses need as many weights, got {len(weights)}.")
    if min([*weights, student_loss_weight]) < 0:
        raise TfkdError(f"weights of losses must not be negative, got {[*weights]} and {student_loss_weight}.")
