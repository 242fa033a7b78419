"""The distiller, which trains a student on gold tags and on a teacher's outputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import tensorflow as tf
from typing_extensions import override

from tfkd.distillation.batches import STUDENT, TEACHER, distillation_batches
from tfkd.distillation.loss_arguments import check_losses, check_weights
from tfkd.distillation.losses import Batch, DistillationLoss
from tfkd.distillation.losses.base import deserialized, serialized, value_at
from tfkd.distillation.outputs import Need, Outputs, TeacherOutputs
from tfkd.distillation.task_losses import SavedLosses, TaskLoss, bind_loss
from tfkd.distillation.task_teachers import AnyTeachers, TaskTeachers, as_task_teachers
from tfkd.distillation.teachers import AnyTeacher, Extractor, TaskReader, Teacher, part_of
from tfkd.keras_internals import UntrackedProperties, loss_metric
from tfkd.models import MultiTaskTagger, Tagger
from tfkd.models.layer_names import check_model_name
from tfkd.sections import Schedule
from tfkd.tensors import Tensor
from tfkd.training import Batches
from tfkd.training.arguments import check_sample_weight
from tfkd.training.fitting import Trained, count_tokens, regularization_losses, take_gradient_step, update_mean
from tfkd_base.corpora import Sentence, Variants
from tfkd_base.errors import TfkdError


@keras.saving.register_keras_serializable("tfkd")
class Distiller(UntrackedProperties, Trained, keras.Model):
    """Model that trains a student tagger on its gold tags and on a teacher's outputs.

    The loss is `student_loss_weight * gold loss + sum_i distillation_loss_weights[i] * loss_i`. The gold loss is a mean
    over the tokens that have a gold tag, the others are means over all tokens. A step runs the teacher once, outside of
    the gradient and without dropout, and the student once. The teacher is never changed. Train on the result of
    `batches`.

    A student with several tasks, a `MultiTaskTagger`, learns each task from the teacher's task of the same name. The
    gold loss of a sentence counts in its own task, whose corpus has labelled it. In all other tasks, and in unlabelled
    text, the teacher speaks alone: the distillation losses are means over the tasks, at all tokens of a batch. A loss
    that reads layers which all tasks share is computed once.

    Weights and temperatures may change in training, by a schedule such as `keras.optimizers.schedules.PolynomialDecay`
    over the number of updates. Teacher annealing (Clark et al. 2019) moves weight from the teacher to the gold tags.

    A saved distiller holds the student, its optimizer and the projections, but not the teacher: set `teacher` after
    loading to resume training.

    Args:
        teacher: A trained tagger, e.g. `multitask_tagger.for_task("disease")`; a `TeacherCache` of one's outputs; or
            several of these, whose probabilities are averaged (`Ensemble` takes weights for them). For a student with
            several tasks a multi-task tagger, its `MultiTaskCache`, a dictionary with a teacher for each task, or
            several of these, which need not know all tasks (`as_task_teachers` takes weights for them). `None`: set
            `teacher` later.
        student: The tagger or the multi-task tagger to train, built and not necessarily compiled.
        distillation_losses: One loss or several.
        distillation_loss_weights: A weight, or a schedule, for each loss. Default: each loss's own `weight`.
        student_loss_weight: Weight of the gold loss, or a schedule.
        name: The distiller's name.

    Raises:
        TfkdError: There is no loss, the weights do not match the losses or are negative, no teacher knows a task of the
            student, or teacher and student do not fit, e.g. in their tags.

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
        teacher: AnyTeacher | AnyTeachers | None,
        student: Tagger | MultiTaskTagger,
        distillation_losses: DistillationLoss | Sequence[DistillationLoss] | SavedLosses,
        distillation_loss_weights: Sequence[float | Schedule] | None = None,
        student_loss_weight: float | Schedule = 0.5,
        name: str = "distiller",
    ) -> None:
        check_model_name(name)
        _check_student(student)
        # The student's policy, so that Keras scales the loss of a float16 student whatever the global policy is.
        super().__init__(name=name, dtype=student.dtype_policy)
        saved = distillation_losses.groups if isinstance(distillation_losses, SavedLosses) else None
        losses = check_losses([each[0].loss for each in saved] if saved else distillation_losses)
        given = distillation_loss_weights
        weights = [loss.weight for loss in losses] if given is None else [*given]
        check_weights(losses, weights, student_loss_weight)
        self.student = student
        self._student_loss_weight = _plain(student_loss_weight)
        self._distillation_loss_weights = tuple(_plain(w) for w in weights)
        tasks = tuple(student.task_views())
        self._task_losses = saved or tuple((TaskLoss(loss.fresh(), tasks),) for loss in losses)
        self._binding: _TeacherBinding | None = None
        self.projections = self._layers_of_losses()
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
        """The distillation losses; of a loss with projections for several groups of tasks that of the first group."""
        return tuple(groups[0].loss for groups in self._task_losses)

    @property
    def teacher(self) -> Teacher | TaskTeachers | None:
        """The teacher, or the teachers of the tasks; `None` after loading, until it is set.

        It can be set to anything that the constructor takes.
        """
        if self._binding is None:
            return None
        teachers = self._binding.teachers
        return teachers.by_task.get("", teachers)

    @teacher.setter
    def teacher(self, given: AnyTeacher | AnyTeachers) -> None:
        views = self.student.task_views()
        teachers = as_task_teachers(given, tuple(views))
        self._task_losses = tuple(bind_loss(groups, teachers, views) for groups in self._task_losses)
        self._run_student = self._student_extractor()
        self.projections = self._layers_of_losses()
        self._binding = _TeacherBinding(teachers, teachers.reader(TEACHER, self._needs))
        self.train_function = self.test_function = None

    def _layers_of_losses(self) -> list[keras.layers.Layer]:
        return [layer for groups in self._task_losses for each in groups for layer in each.loss.layers]

    @property
    @override
    def weighs_tokens(self) -> bool:
        return self.student.weighs_tokens and all(loss.weighs_tokens for loss in self.distillation_losses)

    def _unpack(self, data: Any) -> tuple[Any, Tensor, Tensor | None]:
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        taker = ", ".join([self.name, *(type(loss).__name__ for loss in self.distillation_losses)])
        return x, y, check_sample_weight(sample_weight, taker, per_token=self.weighs_tokens)

    def _student_extractor(self) -> Extractor:
        layers = [name for loss in self.distillation_losses for name in loss.student_layers]
        attention = [name for loss in self.distillation_losses for name in loss.student_attention]
        return Extractor(self.student.task_views(), layers, attention)

    @property
    def _needs(self) -> dict[str, list[Need]]:
        """The outputs that the losses need of the teacher of each task."""
        needs: dict[str, list[Need]] = {task: [] for task in self.student.task_views()}
        for groups in self._task_losses:
            for each in groups:
                for task in each.tasks:
                    needs[task] += each.loss.needs
        return needs

    def batches(
        self,
        sentences: Sequence[Sentence] | Mapping[str, Sequence[Sentence]],
        transfer: Iterable[Sequence[str]] = (),
        *,
        share: float = 0.5,
        batch_size: int = 32,
        power: float = 0.75,
        shuffle: bool = True,
        seed: int = 1,
        shapes: int | None = None,
        variants: Variants | Mapping[str, Variants] | None = None,
        variant_share: float = 0.5,
    ) -> Batches:
        """Make batches of the features that student and teacher read, or of the outputs that a cache holds.

        Args:
            sentences: Sentences with gold tags in the student's scheme, e.g. `corpus.train`. For a student with several
                tasks those of each task that has labels, `{"gene": corpus.train}`: a batch has those of one task.
            transfer: Token sequences of unlabelled text, from which the student learns the teacher's outputs alone.
                They may be read one by one from a file.
            share: Share of unlabelled sentences in a batch, if there are any. Each epoch uses all sentences with gold
                tags and the next portion of the unlabelled ones.
            batch_size: Number of sentences in a batch.
            power: With several tasks: 1 draws tasks in proportion to their number of sentences, 0 equally often.
            shuffle: Whether each epoch is shuffled; with `transfer` it always is.
            seed: Seed of the draws and of the shuffling.
            shapes: Number of shapes that the batches may have, see `tfkd.training.batches`.
            variants: Variants of `sentences` with gold tags, which take their places in some epochs; with several tasks
                those of each. The tokens of variants may also be given as `transfer`: their tags do not count then.
            variant_share: Share of the sentences that an epoch replaces by a variant.

        Returns:
            Batches of `({"student": ..., "teacher": ...}, tags)`; tags int32 `[batch, time]`, -1 in the padding
            and in sentences that have none. With several tasks the features hold `task`, the index of each sentence's
            task, int32 `[batch]`.

        Raises:
            TfkdError: There is no teacher, a sentence has a tag that the student does not know, the student lacks a
                task, or a cache lacks some of the sentences.
        """
        sources = {STUDENT: self.student.text, **self._bound().teachers.sources(TEACHER, self._needs)}
        settings: dict[str, Any] = {"share": share, "batch_size": batch_size, "power": power, "shuffle": shuffle}
        settings |= {"seed": seed, "shapes": shapes, "variants": variants, "variant_share": variant_share}
        return distillation_batches(self.student, sources, sentences, transfer, **settings)

    @property
    def depends_on(self) -> str:
        """Fingerprint of the teacher: a training is not resumed with another one."""
        return self._bound().teachers.identity

    def _bound(self) -> _TeacherBinding:
        if self._binding is None:
            raise TfkdError("the distiller has no teacher, as after loading: set `distiller.teacher` first.")
        return self._binding

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Run the student: emission scores `[batch, time, tags]`, with several tasks those of each."""
        return self.student(part_of(inputs, STUDENT), training=training)

    def train_step(self, data: Any) -> dict[str, Any]:
        """Take one step of training the student."""
        x, y, sample_weight = self._unpack(data)
        batch = Batch(y, sample_weight, tf.convert_to_tensor(self.optimizer.iterations))
        taught = self._bound().read(x)
        computed: list[_Losses] = []

        def loss() -> Tensor:
            computed.append(self._student_losses(x, batch, taught, training=True))
            return tf.add_n([computed[0].total, *regularization_losses(self.student)])

        value = take_gradient_step(self.optimizer, self.trainable_variables, loss)
        return self._update_metrics(x, batch, value, computed[0])

    def test_step(self, data: Any) -> dict[str, Any]:
        """Compute the losses of a batch, without dropout."""
        x, y, sample_weight = self._unpack(data)
        step = tf.convert_to_tensor(self.optimizer.iterations) if self.optimizer is not None else 0
        batch = Batch(y, sample_weight, step)
        losses = self._student_losses(x, batch, self._bound().read(x), training=False)
        return self._update_metrics(x, batch, losses.total, losses)

    def predict_step(self, data: Any) -> Any:
        """Decode a batch with the student, see `Tagger` and `MultiTaskTagger`."""
        return self.student.decode(part_of(keras.utils.unpack_x_y_sample_weight(data)[0], STUDENT))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, without the teacher."""
        self.check_file_format()
        return {
            "student": keras.saving.serialize_keras_object(self.student),
            "distillation_losses": [[each.get_config() for each in groups] for groups in self._task_losses],
            "distillation_loss_weights": [serialized(weight) for weight in self._distillation_loss_weights],
            "student_loss_weight": serialized(self._student_loss_weight),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Distiller:
        """Build a distiller from its configuration, without weights and without a teacher."""
        student = keras.saving.deserialize_keras_object(config.pop("student"), custom_objects=custom_objects)
        losses = SavedLosses.from_config(config.pop("distillation_losses"), tuple(student.task_views()), custom_objects)
        config["distillation_loss_weights"] = [deserialized(w) for w in config["distillation_loss_weights"]]
        config["student_loss_weight"] = deserialized(config["student_loss_weight"])
        return cls(None, student, losses, **config)

    def _student_losses(self, x: Any, batch: Batch, taught: Mapping[str, TeacherOutputs], training: bool) -> _Losses:
        """Compute the gold loss, the weighted distillation losses, and their sum."""
        own_x = part_of(x, STUDENT)
        student = self._run_student(own_x, training=training)
        batches = self._by_task(x, batch)
        own = self._gold_loss(own_x, batches, student, batch.sample_weight)
        distilled = [
            value_at(weight, batch.step) * each.total(taught, student, batches, batch) / len(batches)
            for weight, groups in zip(self._distillation_loss_weights, self._task_losses, strict=True)
            for each in groups
        ]
        total = value_at(self._student_loss_weight, batch.step) * own + tf.add_n(distilled)
        return _Losses(own, tf.add_n(distilled), total, student, batches)

    def _by_task(self, x: Any, batch: Batch) -> dict[str, Batch]:
        """Return the batch with the gold tags of each task: -1 in the sentences of other tasks."""
        tasks = list(self.student.task_views())
        if len(tasks) == 1:
            return {tasks[0]: batch}
        if "task" not in x:
            raise TfkdError(
                "batches of a student with several tasks need the feature 'task': make them with "
                "`distiller.batches({task: sentences})`."
            )
        task_of = tf.cast(x["task"], tf.int32)[:, tf.newaxis]
        return {task: replace(batch, tags=tf.where(task_of == i, batch.tags, -1)) for i, task in enumerate(tasks)}

    def _gold_loss(
        self, x: Any, batches: Mapping[str, Batch], student: Mapping[str, Outputs], sample_weight: Tensor | None
    ) -> Tensor:
        """Compute the mean of the gold loss over the tokens that have a gold tag, each in its own task."""
        views = self.student.task_views()
        masks = {task: views[task].tagged(x, batch.tags) for task, batch in batches.items()}

        def summed(task: str) -> Tensor:
            head, emissions = views[task].head, student[task].emissions
            return head.summed_loss(emissions, batches[task].tags, masks[task], sample_weight)

        if len(views) == 1:
            (sums,) = ([summed(task)] for task in views)
        else:
            # Of a batch of one task only the head of that task runs.
            sums = [tf.cond(tf.reduce_any(masks[t]), lambda t=t: summed(t), lambda: tf.constant(0.0)) for t in views]
        if isinstance(self.student, MultiTaskTagger):
            emissions = {task: outputs.emissions for task, outputs in student.items()}
            tags = {task: batch.tags for task, batch in batches.items()}
            mask = tf.cast(self.student.text.mask(x), tf.bool)
            sums.append(self.student.negatives.summed_loss(views, emissions, tags, masks, mask, sample_weight))
        return tf.add_n(sums) / count_tokens(tf.reduce_any(tf.stack([*masks.values()]), axis=0))

    def _update_metrics(self, x: Any, batch: Batch, loss: Tensor, losses: _Losses) -> dict[str, Any]:
        own_x = part_of(x, STUDENT)
        views, tokens = self.student.task_views(), count_tokens(self.student.text.mask(own_x))
        masks = [views[task].tagged(own_x, of_task.tags) for task, of_task in losses.batches.items()]
        tagged = count_tokens(tf.reduce_any(tf.stack(masks), axis=0))
        update_mean(self.student_loss_tracker, losses.own, tagged)
        update_mean(self.distillation_loss_tracker, losses.distilled, tokens)
        update_mean(loss_metric(self), loss, tokens)
        for task, of_task in losses.batches.items():
            emissions = losses.student[task].emissions
            views[task].update_tag_metrics(own_x, of_task.tags, batch.sample_weight, emissions, self)
        return self.get_metrics_result()


@dataclass(frozen=True)
class _TeacherBinding:
    """Teacher of a distiller. Keras does not look into it for layers to train and to save.

    Attributes:
        teachers: The teachers of the student's tasks.
        read: Returns their outputs for the features of a batch.
    """

    teachers: TaskTeachers
    read: TaskReader


@dataclass(frozen=True)
class _Losses:
    """Losses of a batch, and what its metrics are computed from.

    Attributes:
        own: The gold loss.
        distilled: The weighted sum of the distillation losses.
        total: The loss to minimise.
        student: The student's outputs for each task.
        batches: Gold tags of each task.
    """

    own: Tensor
    distilled: Tensor
    total: Tensor
    student: Mapping[str, Outputs]
    batches: Mapping[str, Batch]


def _plain(weight: float | Schedule) -> float | Schedule:
    return weight if isinstance(weight, Schedule) else float(weight)


def _check_student(student: Any) -> None:
    if not isinstance(student, Tagger | MultiTaskTagger):
        raise TfkdError(
            f"expected a tagger as student, got {type(student).__name__}: give a `tfkd.Tagger`, or a "
            "`tfkd.MultiTaskTagger` for several tasks."
        )
