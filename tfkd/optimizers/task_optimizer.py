"""Optimiser with a separate state for each task and one for the shared layers."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf
from keras.optimizers.schedules import LearningRateSchedule as Schedule
from typing_extensions import override

from tfkd.keras_internals import (
    AveragesWeights,
    accumulate_gradients,
    batch_counter,
    copy_attributes,
    own_averages,
    state_variables,
    trained_variables,
    variable_key,
)
from tfkd.optimizers.rows import Gradient, apply_to_values, sum_rows
from tfkd.tensors import Tensor
from tfkd_base.errors import TfkdError

_Pairs = tuple[Sequence[Gradient], Sequence[keras.Variable]]
"""Gradients and the variables that they belong to."""


@keras.saving.register_keras_serializable("tfkd")
class TaskOptimizer(AveragesWeights, keras.optimizers.Optimizer):
    """Multi-task optimiser: one optimiser for the shared layers, and one copy of it for the layers of each task.

    A step of multi-task training has gradients for the shared layers and for the layers of one task. A single
    optimiser has two problems with this. It has one step counter, so the bias correction of the first steps of a rare
    task is too weak, and these steps are too large. And with gradient accumulation, the gradient of a task is lost
    unless it arrives with the updating step.

    Here each group of variables has its own moments, step counter and accumulators, and its optimiser steps only when
    the group has gradients. All optimisers follow the learning rate of the shared one, including its schedule and
    changes by callbacks.

    With gradient accumulation over N batches of any tasks, all groups that received a gradient step together. Each
    uses the sum of its gradients divided by N: the gradient of the mean of the N losses.

    `global_clipnorm` applies to all gradients of a step together. With gradient accumulation it applies to each group.
    With `use_ema` each group has its own averages, which change when it steps; a task that never steps keeps its
    weights.

    The copies have the settings of the given optimiser, its exclusions from weight decay, and all attributes that a
    user's class or script has set.

    Args:
        optimizer: Any Keras optimiser. It becomes the optimiser of the shared layers.
        groups: Names of the layers of each task.
        name: Name of the optimiser.

    Raises:
        TfkdError: A class of optimisers cannot be made from its own `get_config`.

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
            for group_optimizer in (self.shared, *self.tasks.values()):
                group_optimizer.global_clipnorm = None

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Create the state of each group. The layer names in their paths assign variables to groups."""
        if self.built:
            return
        task_of_layer = {layer: task for task, layers in self.groups.items() for layer in layers}
        members: dict[str | None, list[keras.Variable]] = {None: [], **{task: [] for task in self.tasks}}
        self._task_of_variable: dict[int | str, str | None] = {}
        for variable in variables:
            task = next((task_of_layer[part] for part in variable.path.split("/") if part in task_of_layer), None)
            members[task].append(variable)
            self._task_of_variable[variable_key(self, variable)] = task
        for task, optimizer in self._by_task().items():
            optimizer.build(members[task])
        if self._accumulates:
            self._pending = {
                task: self.add_variable((), initializer="zeros", dtype="int32", name=f"pending_{number}")
                for number, task in enumerate(self.tasks)
            }
        super().build(variables)

    def apply(
        self, grads: Sequence[Gradient | None], trainable_variables: Sequence[keras.Variable] | None = None
    ) -> None:
        """Apply the gradients of one step. Each group that has gradients takes one step."""
        variables = list(trained_variables(self) if trainable_variables is None else trainable_variables)
        if not self.built:
            self.build(variables)
        grads = self._clip_step(list(grads))
        groups: dict[str | None, _Pairs] = {}
        for task in self._by_task():
            pairs = [
                (g, v)
                for g, v in zip(grads, variables, strict=True)
                if g is not None and self._task_of_variable[variable_key(self, v)] == task
            ]
            if pairs:
                groups[task] = tuple(zip(*pairs, strict=True))  # type: ignore[assignment]
        if self._accumulates:
            complete = (batch_counter(self) + 1) % self._accumulates == 0
            keras.ops.cond(complete, lambda: self._step_together(groups), lambda: self._accumulate(groups))
        else:
            for task, (group_grads, group_variables) in groups.items():
                self._by_task()[task].apply(group_grads, group_variables)
        batch_counter(self).assign_add(1)

    @property
    def _accumulates(self) -> int | None:
        """Number of batches over which gradients are accumulated."""
        return self.shared.gradient_accumulation_steps

    def _accumulate(self, groups: Mapping[str | None, _Pairs]) -> None:
        """Add the gradients of each group to those of earlier batches."""
        for task, (grads, variables) in groups.items():
            optimizer = self._by_task()[task]
            accumulate_gradients(optimizer, grads, variables)
            if task is not None:
                self._pending[task].assign(1)
        # The schedule counts batches.
        batch_counter(self.shared).assign_add(1)

    def _step_together(self, groups: Mapping[str | None, _Pairs]) -> None:
        """Step with all groups that had a gradient in this batch or in the accumulated ones."""
        for task, optimizer in self._by_task().items():
            if task in groups:
                self._step_complete(optimizer, *groups[task])
                if task is not None:
                    self._pending[task].assign(0)
            elif task is not None:
                variables = trained_variables(optimizer)
                zeros = [tf.zeros(v.shape, v.dtype) for v in variables]
                step = functools.partial(self._step_complete, optimizer, zeros, variables)
                keras.ops.cond(self._pending[task] > 0, step, lambda: None)
                self._pending[task].assign(0)
        if None not in groups:
            batch_counter(self.shared).assign_add(1)

    def _step_complete(
        self, optimizer: keras.optimizers.Optimizer, grads: Sequence[Gradient], variables: Sequence[keras.Variable]
    ) -> None:
        """Step with the accumulated gradients of an optimiser and these gradients."""
        # Keras steps when the batch counter of the optimiser is a multiple of `steps`.
        steps = self._accumulates
        counter = batch_counter(optimizer)
        counter.assign((counter // steps + 1) * steps - 1)
        optimizer.apply(grads, variables)

    @property
    @override
    def variables(self) -> list[keras.Variable]:
        return [*state_variables(self), *(v for optimizer in self._by_task().values() for v in optimizer.variables)]

    @property
    @override
    def learning_rate(self) -> keras.Variable | Tensor:
        return self.shared.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: float | Schedule) -> None:
        self.shared.learning_rate = value

    def scale_loss(self, loss: Tensor) -> Tensor:
        """Scale the loss as the shared optimiser does."""
        return self.shared.scale_loss(loss)

    def finalize_variable_values(self, var_list: Sequence[keras.Variable]) -> None:
        """Write moving averages, if there are any, into the weights of each group."""
        self._start_averages()
        for task, optimizer in self._by_task().items():
            group = [v for v in var_list if self._task_of_variable[variable_key(self, v)] == task]
            optimizer.finalize_variable_values(group)

    def _start_averages(self) -> None:
        """Set the averages of groups that have not stepped, which Keras begins with 0, to their weights."""
        for optimizer in self._by_task().values():
            averages = own_averages(optimizer)
            if averages and not int(batch_counter(optimizer)):
                for variable, average in zip(trained_variables(optimizer), averages, strict=True):
                    average.assign(variable)

    @override
    def moving_averages(self) -> list[keras.Variable]:
        self._start_averages()
        averages = {
            variable_key(self, variable): average
            for optimizer in self._by_task().values()
            for variable, average in zip(trained_variables(optimizer), own_averages(optimizer), strict=False)
        }
        if not averages:
            raise AttributeError("the optimizer was made without use_ema=True")
        return [averages[variable_key(self, variable)] for variable in trained_variables(self)]

    @override
    def get_config(self) -> dict[str, Any]:
        inner = keras.saving.serialize_keras_object(self.shared)
        if self.step_clipnorm is not None:
            inner["config"]["global_clipnorm"] = self.step_clipnorm
        return {"name": self.name, "optimizer": inner, "groups": self.groups}

    @classmethod
    @override
    def from_config(cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None) -> TaskOptimizer:
        optimizer = keras.saving.deserialize_keras_object(config.pop("optimizer"), custom_objects=custom_objects)
        return cls(optimizer=optimizer, **config)

    def parts(self) -> list[keras.optimizers.Optimizer]:
        """Return the optimiser of the shared layers and those of the tasks."""
        # Not called `optimizers`, because callbacks of Keras would set the learning rate of each of them.
        return [*self._by_task().values()]

    def _by_task(self) -> dict[str | None, keras.optimizers.Optimizer]:
        optimizers: dict[str | None, keras.optimizers.Optimizer] = {None: self.shared}
        optimizers.update(self.tasks)
        return optimizers

    def _clip_step(self, grads: list[Gradient | None]) -> list[Gradient | None]:
        norm = self.step_clipnorm
        if norm is None:
            return grads
        norm *= self.shared.loss_scale_factor or 1.0  # The gradients are still those of the scaled loss.
        return apply_to_values(lambda values: tf.clip_by_global_norm(values, norm)[0], [sum_rows(g) for g in grads])


def _copy(optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
    """Return an unused optimiser with the same settings, which reads its learning rate from the given one."""
    config = optimizer.get_config()
    config["learning_rate"] = 0.0
    try:
        copy = type(optimizer).from_config(config)
    except TypeError as error:
        kind = type(optimizer).__name__
        raise TfkdError(
            f"a multi-task tagger needs a copy of the optimizer for each task, and cannot make one of {kind}: {error}. "
            f"Let `{kind}.get_config` return every argument of `{kind}.__init__`."
        ) from error
    copy_attributes(optimizer, copy)
    copy.learning_rate = lambda: optimizer.learning_rate
    return copy
