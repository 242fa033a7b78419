"""An optimiser that keeps a state for each task beside the shared one."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf
from typing_extensions import override

from tfkd.keras_internals import (
    accumulate_gradients,
    batch_counter,
    state_variables,
    trained_variables,
    variable_key,
)
from tfkd.optimizers.rows import on_values, sum_rows
from tfkd.tensors import Tensor


@keras.saving.register_keras_serializable("tfkd")
class TaskOptimizer(keras.optimizers.Optimizer):
    """Give the shared layers and each task's own layers an optimiser of their own.

    A step of multi-task training has gradients for the shared layers and for one task's. With a single
    optimiser the other tasks' moments are left alone, but its one counter of steps goes on, so that a rare
    task's first steps are corrected for bias as if they were late ones (too large), and with gradient
    accumulation a task's gradient is dropped unless it falls on the updating step. Here every group of
    variables has a copy of the given optimiser, with moments, counter and accumulators of its own, and a copy
    steps only when its group has gradients. All follow the learning rate of the shared one, and so
    its schedule and what callbacks set.

    With gradient accumulation over N batches, of whatever tasks, all groups that had a gradient among them step
    together, each by its sum divided by N: the gradient of the mean of the N losses.

    Args:
        optimizer: Any Keras optimiser; it becomes the shared layers' own.
        groups: For each task the names of its layers.

    `global_clipnorm` is taken over the gradients of the whole step, unless gradients are accumulated:
    then over those of each group.

    Example:
        >>> optimizer = TaskOptimizer(keras.optimizers.Adam(), {"gene": ["gene_head"]})
        >>> sorted(optimizer.tasks)
        ['gene']
    """

    def __init__(
        self,
        optimizer: keras.optimizers.Optimizer | dict[str, Any],
        groups: Mapping[str, Sequence[str]],
        name: str = "task_optimizer",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate=0.0, name=name, **kwargs)
        self.shared: keras.optimizers.Optimizer = keras.optimizers.get(optimizer)
        self.groups = {task: list(layers) for task, layers in groups.items()}
        self.tasks = {task: _copy(self.shared) for task in self.groups}
        self.step_clipnorm = None
        if not self.shared.gradient_accumulation_steps:
            self.step_clipnorm = self.shared.global_clipnorm
            for one in (self.shared, *self.tasks.values()):
                one.global_clipnorm = None

    def build(self, variables: Sequence[Any]) -> None:
        """Make the state of every group for the model's variables, each known by its layer's name."""
        if self.built:
            return
        task_of_layer = {layer: task for task, layers in self.groups.items() for layer in layers}
        members: dict[str | None, list[Any]] = {None: [], **{task: [] for task in self.tasks}}
        self._task_of_variable: dict[Any, str | None] = {}
        for variable in variables:
            task = next((task_of_layer[part] for part in variable.path.split("/") if part in task_of_layer), None)
            members[task].append(variable)
            self._task_of_variable[variable_key(self, variable)] = task
        for task, one in self._by_task().items():
            one.build(members[task])
        if self._accumulates:
            self._pending = {
                task: self.add_variable((), initializer="zeros", dtype="int32", name=f"{task}_pending")
                for task in self.tasks
            }
        super().build(variables)

    def apply(self, grads: Sequence[Tensor], trainable_variables: Sequence[Any] | None = None) -> None:
        """Apply the gradients of one step: each group that has any takes one step of its own."""
        variables = list(trained_variables(self) if trainable_variables is None else trainable_variables)
        if not self.built:
            self.build(variables)
        grads = self._clip_step(list(grads))
        given: dict[str | None, tuple[Any, Any]] = {}
        for task in self._by_task():
            pairs = [
                (g, v)
                for g, v in zip(grads, variables, strict=True)
                if g is not None and self._task_of_variable[variable_key(self, v)] == task
            ]
            if pairs:
                given[task] = tuple(zip(*pairs, strict=True))  # type: ignore[assignment]
        if self._accumulates:
            full = (batch_counter(self) + 1) % self._accumulates == 0
            keras.ops.cond(full, lambda: self._step_together(given), lambda: self._accumulate(given))
        else:
            for task, (own, theirs) in given.items():
                self._by_task()[task].apply(own, theirs)
        batch_counter(self).assign_add(1)

    @property
    def _accumulates(self) -> int | None:
        """Over how many batches."""
        return self.shared.gradient_accumulation_steps

    def _accumulate(self, given: Mapping[str | None, tuple[Any, Any]]) -> None:
        """Add gradients, by group, to those of the batches before."""
        for task, (grads, variables) in given.items():
            one = self._by_task()[task]
            accumulate_gradients(one, grads, variables)
            if task is not None:
                self._pending[task].assign(1)
        # Its schedule goes by batches.
        batch_counter(self.shared).assign_add(1)

    def _step_together(self, given: Mapping[str | None, tuple[Any, Any]]) -> None:
        """Let every group step that had a gradient in this batch or in those that were accumulated."""
        for task, one in self._by_task().items():
            if task in given:
                self._step_full(one, *given[task])
                if task is not None:
                    self._pending[task].assign(0)
            elif task is not None:
                variables = trained_variables(one)
                nothing = [tf.zeros(v.shape, v.dtype) for v in variables]
                step = functools.partial(self._step_full, one, nothing, variables)
                keras.ops.cond(self._pending[task] > 0, step, lambda: None)
                self._pending[task].assign(0)
        if None not in given:
            batch_counter(self.shared).assign_add(1)

    def _step_full(self, one: keras.optimizers.Optimizer, grads: Sequence[Tensor], variables: Sequence[Any]) -> None:
        """Let a copy step with what it has accumulated, and these gradients."""
        # Keras steps where the copy's own count of batches is full.
        steps = self._accumulates
        counter = batch_counter(one)
        counter.assign((counter // steps + 1) * steps - 1)
        one.apply(grads, variables)

    @property
    @override
    def variables(self) -> list[Any]:
        return [*state_variables(self), *(v for one in self._by_task().values() for v in one.variables)]

    @property
    @override
    def learning_rate(self) -> Any:
        return self.shared.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.shared.learning_rate = value

    def scale_loss(self, loss: Tensor) -> Tensor:
        """Scale the loss as the shared optimiser does."""
        return self.shared.scale_loss(loss)

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """Write moving averages, if any are kept, into the weights of each group."""
        for task, one in self._by_task().items():
            one.finalize_variable_values([v for v in var_list if self._task_of_variable[variable_key(self, v)] == task])

    @override
    def get_config(self) -> dict[str, Any]:
        inner = keras.saving.serialize_keras_object(self.shared)
        if self.step_clipnorm is not None:
            inner["config"]["global_clipnorm"] = self.step_clipnorm
        return {"name": self.name, "optimizer": inner, "groups": self.groups}

    @classmethod
    @override
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> TaskOptimizer:
        optimizer = keras.saving.deserialize_keras_object(config.pop("optimizer"), custom_objects=custom_objects)
        return cls(optimizer=optimizer, **config)

    def parts(self) -> list[keras.optimizers.Optimizer]:
        """Return the shared layers' optimiser and those of the tasks."""
        # Under the name `optimizers` Keras' callbacks would take it for optimisers with learning rates of their own.
        return [*self._by_task().values()]

    def _by_task(self) -> dict[str | None, keras.optimizers.Optimizer]:
        optimizers: dict[str | None, keras.optimizers.Optimizer] = {None: self.shared}
        optimizers.update(self.tasks)
        return optimizers

    def _clip_step(self, grads: list[Tensor]) -> list[Tensor]:
        norm = self.step_clipnorm
        if norm is None:
            return grads
        return on_values(lambda values: tf.clip_by_global_norm(values, norm)[0], [sum_rows(g) for g in grads])


def _copy(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Make an unused optimiser of the same settings that reads its learning rate from the given one."""
    config = optimizer.get_config()
    config["learning_rate"] = 0.0
    copy = type(optimizer).from_config(config)
    copy.learning_rate = lambda: optimizer.learning_rate
    return copy
