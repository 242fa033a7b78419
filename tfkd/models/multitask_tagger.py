"""The multi-task teacher."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf
from typing_extensions import override

from tfkd.keras_internals import Untracked
from tfkd.models.distinct_tokens import DistinctTokens
from tfkd.models.encoders import BiLSTM, Encoder
from tfkd.models.heads import Head, describe_head, make_head
from tfkd.models.layer_names import check_model_name, check_task_names, task_prefix
from tfkd.models.negatives import Negatives, TaskNegatives
from tfkd.models.tagger import Tagger
from tfkd.models.tagging import Tagging, check_parts
from tfkd.models.task_layers import Graph, TaskLayers, dtype_policy
from tfkd.optimizers import TaskOptimizer
from tfkd.tensors import Tensor
from tfkd.text import Text
from tfkd.training.fitting import data_form
from tfkd_base.corpora import Corpus, Scheme, tag_list
from tfkd_base.errors import TfkdError, nearest


@keras.saving.register_keras_serializable("tfkd")
class MultiTaskTagger(Tagging):
    """Model that tags for several tasks with one shared encoder, as a functional Keras model.

    The shared layers are those of the encoder; the last one is called `shared_encoder`. Above it each task has a task
    encoder, the BiLSTM `{task}_encoder`, and a head, `{task}_head`, which gives its emission scores. The model maps
    features to the emission scores of every task, `{task: float32 [batch, time, tags]}`.

    Tasks may have any names. Where Keras does not allow a layer of such a name, `get_layer` knows the layer by another
    one, and `for_task(task).layer_named` by both.

    Training takes batches of one task each, from `tfkd.training.multitask_batches`. A step runs and changes the shared
    layers and those of that task. The weights and the optimizer state of the other tasks stay as they are, except
    those of tasks that have the entities of this one as `negatives`. The cost of a step does not grow with the number
    of tasks.

    Args:
        text: The featurizer.
        tasks: For each task a corpus to take the entity types from, or its tags.
        encoder: Description of the shared encoder. Default: `BiLSTM()`.
        head: `"softmax"`, `"crf"`, the name of a registered head, or a `Head`; for every task.
        task_encoder: Units of each direction of a task's own BiLSTM, or `None` for no such layer.
        negatives: For a task other tasks whose labelled entities are not entities of it, such as `{"chemical":
            ["gene"]}`. In training, the tokens of such entities are examples of the tag `O` for the task, with the
            weights of gold tags. Default: none.
        scheme: The tag scheme to train and decode in.
        dtype: Dtype policy of the layers. Default: Keras' global policy.
        name: The model's name.

    Raises:
        TfkdError: There is no task, a task has no name, there is no such head, or `negatives` names no task.

    Example:
        >>> from tfkd_base.corpora import demo_corpora
        >>> from tfkd.text import WordFeatures
        >>> tasks = demo_corpora(seed=1)
        >>> encoder = BiLSTM(units=8)
        >>> teacher = MultiTaskTagger(WordFeatures.adapt(tasks.values()), tasks, encoder=encoder, task_encoder=4)
        >>> teacher.for_task("gene").tags
        ('O', 'B-Gene', 'I-Gene')
    """

    batches_code = "tfkd.multitask_batches(corpora, model.text)"
    loss_weights_remedy = (
        "each batch is of one task. `power` of `tfkd.multitask_batches` sets how often each task is drawn; for weights "
        "of sentences or tokens use sample_weight."
    )

    def __init__(
        self,
        text: Text,
        tasks: Mapping[str, Corpus | Sequence[str]],
        *,
        encoder: Encoder | None = None,
        head: str | Mapping[str, Any] | Head = "crf",
        task_encoder: int | None = None,
        negatives: Mapping[str, Sequence[str]] | None = None,
        scheme: Scheme = "iob2",
        dtype: keras.DTypePolicy | str | None = None,
        name: str = "multitask_tagger",
    ) -> None:
        check_task_names(tasks)
        check_model_name(name)
        check_parts(text, encoder, *tasks.values())
        encoder = encoder or BiLSTM()
        checked = Negatives(negatives or {}, tuple(tasks))
        tags = {t: tag_list(c.types, scheme) if isinstance(c, Corpus) else tuple(c) for t, c in tasks.items()}
        with dtype_policy(dtype) as policy:
            inputs = text.inputs()
            mask = text.mask(inputs)
            encoded = encoder.build(text, inputs, mask, "shared_encoder")
            above = TaskLayers(head, task_encoder, encoder.head_dropout, scheme)
            taken = {layer.name for layer in keras.Model(inputs, encoded.states).layers}
            prefixes = {task: task_prefix(task, taken) for task in tags}
            built = {
                task: above.build(encoded.states, mask, tags[task], prefix=f"{prefix}_")
                for task, prefix in prefixes.items()
            }
            super().__init__(
                inputs=inputs, outputs={task: emissions for task, (emissions, _) in built.items()}, name=name
            )
        self.text = text
        self._prefixes = prefixes
        self._negatives = Untracked(checked)
        self.tasks = tuple(tags)
        self.scheme = scheme
        self._task_tags = {task: list(names) for task, names in tags.items()}
        self._arguments: dict[str, Any] = {
            "encoder": encoder,
            "head": describe_head(make_head(head)),
            "task_encoder": task_encoder,
            "dtype": policy,
        }
        self._distinct_tokens = DistinctTokens()
        graphs = {task: Graph(inputs, encoded, emissions, layer) for task, (emissions, layer) in built.items()}
        self._views = Untracked({task: self._view(task, graph) for task, graph in graphs.items()})

    @property
    def negatives(self) -> Negatives:
        """For each task the other tasks whose labelled entities are not entities of it."""
        return self._negatives.value

    @property
    @override
    def weighs_tokens(self) -> bool:
        return all(view.weighs_tokens for view in self._views.value.values())

    @override
    def task_views(self) -> Mapping[str, Tagger]:
        return self._views.value

    def for_task(self, task: str) -> Tagger:
        """Return the view of one task: a `Tagger` that shares the teacher's layers.

        Args:
            task: The task's name.

        Raises:
            TfkdError: There is no such task.
        """
        if task not in self._views.value:
            raise TfkdError(f"the model has no task {task!r}: {nearest(task, self.tasks)}")
        return self._views.value[task]

    def with_tasks(self, tasks: Sequence[str]) -> MultiTaskTagger:
        """Return a teacher of some of the tasks, in the given order, with copies of the weights.

        Args:
            tasks: Names of one or more tasks.

        Raises:
            TfkdError: There is no such task, no task is named, or a task is named twice.
        """
        for number, task in enumerate(tasks):
            self.for_task(task)
            if task in tasks[:number]:
                raise TfkdError(f"the task {task!r} is named twice: name each task once")
        chosen = {task: self._task_tags[task] for task in tasks}
        negatives = self.negatives.among(tasks)
        some = MultiTaskTagger(
            self.text, chosen, negatives=negatives, scheme=self.scheme, name=self.name, **self._arguments
        )
        for layer in some.layers:
            layer.set_weights(self.get_layer(layer.name).get_weights())
        return some

    def _view(self, task: str, graph: Graph) -> Tagger:
        prefix = self._prefixes[task]
        own = {"encoder": "task_encoder", "head": "head"} if self._arguments["task_encoder"] else {"head": "head"}
        aliases = {alias: f"{prefix}_{name}" for name, alias in own.items()}
        if prefix != task:
            layers = {layer.name for layer in self.layers}
            aliases |= {f"{task}_{name}": f"{prefix}_{name}" for name in own if f"{task}_{name}" not in layers}
        aliases["encoder"] = "shared_encoder"
        return Tagger.of_graph(
            self.text, self._task_tags[task], self.scheme, self._arguments, graph, aliases, f"{self.name}_{prefix}"
        )

    def _prepare_optimizer(self, optimizer: Any) -> keras.optimizers.Optimizer:
        optimizer = super()._prepare_optimizer(optimizer)
        inner = getattr(optimizer, "inner_optimizer", optimizer)
        if isinstance(inner, TaskOptimizer):
            return optimizer
        groups = {task: [f"{prefix}_encoder", f"{prefix}_head"] for task, prefix in self._prefixes.items()}
        if inner is optimizer:
            return TaskOptimizer(optimizer, groups)
        return keras.optimizers.LossScaleOptimizer(
            TaskOptimizer(inner, groups),
            initial_scale=optimizer.initial_scale,
            dynamic_growth_steps=optimizer.dynamic_growth_steps,
            name=optimizer.name,
        )

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Set the optimizer; each task gets a copy of it for its own layers. See `Tagger.compile`."""
        if kwargs.get("steps_per_execution", 1) != 1:
            raise ValueError("The steps of a multi-task tagger are of different tasks: steps_per_execution must be 1.")
        super().compile(*args, **kwargs)

    def make_train_function(self, force: bool = False) -> None:
        """Make the function that `fit` calls for each batch."""
        if force or getattr(self, "train_function", None) is None:
            self.train_function: Any = self._dispatch(self._train_step_of)

    def make_test_function(self, force: bool = False) -> None:
        """Make the function that `evaluate` calls for each batch."""
        if force or getattr(self, "test_function", None) is None:
            self.test_function: Any = self._dispatch(self._test_step_of)

    def _train_step_of(self, task: str) -> Callable[[Any], Any]:
        """Return the training step of batches of a task."""
        view, negatives = self.for_task(task), self._negatives_of(task)
        return lambda data: view.train_step_of(data, self.optimizer, self, negatives)

    def _test_step_of(self, task: str) -> Callable[[Any], Any]:
        """Return the step of `evaluate` for batches of a task."""
        view, negatives = self.for_task(task), self._negatives_of(task)
        return lambda data: view.test_step_of(data, self, negatives)

    def _negatives_of(self, task: str) -> TaskNegatives | None:
        """Return what the entities of a task are negatives for, if there is such a task."""
        if not self.negatives.targets(task):
            return None
        name = f"{self.for_task(task).name}_with_negatives"
        return TaskNegatives(self.negatives, task, self.task_views(), name)

    def _dispatch(self, step_of: Callable[[str], Callable[[Any], Any]]) -> Callable[[Any], Any]:
        """Return a function that runs each batch through a function traced for its task alone."""
        functions: dict[tuple[int, str], Callable[[Any], Any]] = {}
        many = self.distribute_strategy.num_replicas_in_sync > 1
        # Outside of a graph, fetching the parts of a batch takes a second.
        fetch = tf.function(lambda iterator: next(iterator), autograph=False) if many and not self.run_eagerly else next

        def function(iterator: Any) -> Any:
            data = fetch(iterator)
            task, form = self._task_of(data), data_form(data)
            if (task, form) not in functions:
                step = step_of(self.tasks[task])
                functions[task, form] = self._trace_replicas(step, iterator) if many else self._trace(step, data)
            return functions[task, form](data)

        return function

    def _trace(self, step: Callable[[Any], Any], data: Any) -> Callable[[Any], Any]:
        if self.run_eagerly:
            return step
        if self.jit_compile:
            return tf.function(step, jit_compile=True, reduce_retracing=True, autograph=False)
        spec = tf.nest.map_structure(lambda t: tf.TensorSpec([None] * len(t.shape), t.dtype), data)
        return tf.function(step, autograph=False).get_concrete_function(spec)

    def _trace_replicas(self, step: Callable[[Any], Any], iterator: Any) -> Callable[[Any], Any]:
        strategy = self.distribute_strategy

        def in_each(data: Any) -> Any:
            return tf.nest.map_structure(
                lambda values: strategy.experimental_local_results(values)[0], strategy.run(step, args=(data,))
            )

        if self.run_eagerly:
            return in_each
        return tf.function(in_each, autograph=False, input_signature=[iterator.element_spec])

    def _task_of(self, data: Any) -> int:
        x = keras.utils.unpack_x_y_sample_weight(data)[0]
        if not isinstance(x, dict) or "task" not in x:
            raise ValueError(
                "A multi-task tagger needs batches with the feature 'task': make them with "
                "`tfkd.training.multitask_batches`, or train one task through `for_task(...)`."
            )
        return int(self.distribute_strategy.experimental_local_results(x["task"])[0][0])

    def train_step(self, data: Any) -> dict[str, Any]:
        """Train on a batch of one task, outside of a graph."""
        return self._train_step_of(self.tasks[self._task_of(data)])(data)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Compute loss and metrics of a batch of one task, outside of a graph."""
        return self._test_step_of(self.tasks[self._task_of(data)])(data)

    def predict_step(self, data: Any) -> dict[str, dict[str, Tensor]]:
        """Decode a batch for every task, see `decode`."""
        return self.decode(keras.utils.unpack_x_y_sample_weight(data)[0])

    def decode(self, features: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
        """Decode a batch for every task: `{task: {"tags": ..., "scores": ...}}`. The shared layers run once."""
        mask = self.text.mask(features)
        decoded = {}
        for task, emissions in self.emissions(features).items():
            tags, scores = self.for_task(task).head.decode(emissions, mask)
            decoded[task] = {"tags": tags, "scores": scores}
        return decoded

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        self.check_file_format()
        return {
            "text": keras.saving.serialize_keras_object(self.text),
            "tasks": {task: list(tags) for task, tags in self._task_tags.items()},
            "negatives": self.negatives.among(self.tasks),
            "scheme": self.scheme,
            "name": self.name,
            **self._arguments,
            "encoder": keras.saving.serialize_keras_object(self._arguments["encoder"]),
        }
