"""All uses of private names of Keras and TensorFlow, each with its reason.

No other module of this library uses such a name. `tests/test_keras_internals.py` has a test for each use, which says
what has to change here when Keras or TensorFlow renames it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Generic, TypeVar

import keras
import tensorflow as tf
from keras.src.backend.common import global_state
from tensorflow.python.ops import control_flow_util

from tfkd.tensors import Tensor

Value = TypeVar("Value")


class Untracked(Generic[Value]):
    """Holder of a value that Keras neither tracks nor saves.

    Keras makes every layer, list and dictionary that is set as an attribute of a model a part of that model: its
    weights are then trained and saved with it. It does not look into other objects.

    Attributes:
        value: The value.

    Example:
        >>> layer = keras.layers.Dense(1)
        >>> layer.other = Untracked(keras.layers.Dense(2))
        >>> layer.other.value.units
        2
    """

    def __init__(self, value: Value) -> None:
        self.value = value


class UntrackedProperties:
    """Mix-in of `keras.Model` with properties whose setters receive a value before Keras sees it.

    Keras' `__setattr__` tracks a value, also of a property, before the setter is called. A list would arrive as another
    object, and a layer would already be a part of the model. The getters must not return a layer or a container of
    layers: Keras saves those of every attribute.

    Attributes:
        untracked: Names of the properties.
    """

    untracked: ClassVar[frozenset[str]] = frozenset()

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; a property of `untracked` as in plain Python."""
        if name in self.untracked:
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)


class BuildsMetrics:
    """Mix-in of `keras.Model` that builds the metrics of a model on several devices before the first step.

    Keras would take a first batch for it, which is then lost, and the mean of its parts, which differ in size. Its
    method that does so is private: `_maybe_symbolic_build`, as are the metrics, `_compile_metrics`, and the strategy
    that the model was built under, `_distribute_strategy`, which is `None` without a strategy.
    """

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        metrics = self._compile_metrics  # type: ignore[attr-defined]
        strategy: tf.distribute.Strategy | None = self._distribute_strategy  # type: ignore[attr-defined]
        if strategy is None or metrics is None or metrics.built:
            return
        tags, emissions = keras.KerasTensor([None], "int32"), keras.KerasTensor([None, None], "float32")
        with strategy.scope():
            metrics.build(tags, emissions)


class ClipsGradients:
    """Mix-in of a Keras optimizer that clips gradients with `clip_gradients` instead of Keras' own method.

    Keras' `_clip_gradients` makes sparse gradients dense, and has no public name that could be overridden.
    """

    def _clip_gradients(self, grads: list[Tensor]) -> list[Tensor]:
        return self.clip_gradients(grads, super()._clip_gradients)  # type: ignore[misc]

    def clip_gradients(self, grads: list[Tensor], clip: Callable[[list[Tensor]], list[Tensor]]) -> list[Tensor]:
        """Return clipped gradients.

        Args:
            grads: The gradients.
            clip: Keras' own clipping.
        """
        return clip(grads)


class AveragesWeights:
    """Mix-in of a Keras optimizer that consists of several: the averages of all weights, for `SwapEMAWeights`.

    That callback of Keras reads `_model_variables_moving_average`, in the order of the variables that the optimizer was
    built for, and takes an optimizer without it for one without averages.
    """

    @property
    def _model_variables_moving_average(self) -> list[keras.Variable]:
        return self.moving_averages()

    def moving_averages(self) -> list[keras.Variable]:
        """Return the moving average of each variable.

        Raises:
            AttributeError: The optimizer keeps none.
        """
        raise AttributeError


def update_metrics(model: keras.Model, tags: Tensor, scores: Tensor, real: Tensor, weight: Tensor) -> None:
    """Update the metrics of a compiled model: `metrics` with each real token once, `weighted_metrics` with weights.

    Keras gives no weights to `metrics`, and would count the padding in them. Both kinds have no public names.

    Args:
        model: The model.
        tags: Indices of the gold tags, `[tokens]`.
        scores: Emission scores, `[tokens, tags]`.
        real: 1 at real tokens, 0 in the padding, `[tokens]`.
        weight: Weights of the tokens, `[tokens]`.
    """
    metrics = model._compile_metrics
    if metrics is None:
        return
    if not metrics.built:
        metrics.build(tags, scores)
    for group, weights in ((metrics._flat_metrics, real), (metrics._flat_weighted_metrics, weight)):
        for metric in group:
            if metric is not None:
                metric.update_state(tags, scores, sample_weight=weights)


def is_writing_hdf5() -> bool:
    """Tell whether Keras is writing a model as an HDF5 file, whichever way a user asked for it.

    There is no public sign of it: Keras sets the global attribute `use_legacy_config` while it does so.
    """
    return bool(global_state.get_global_attribute("use_legacy_config", False))


def is_traced_for_xla() -> bool:
    """Tell whether the operations that are added here are a part of a function with `jit_compile=True`.

    There is no public sign of it. XLA compiles fewer operations than TensorFlow runs.
    """
    return bool(control_flow_util.GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph()))


def loss_metric(model: keras.Model) -> keras.metrics.Mean:
    """Return the metric `loss` of a compiled model.

    Keras updates it, `_loss_tracker`, with a mean over sentences in its own steps. This library's steps average over
    tokens, and there is no public name for it.
    """
    return model._loss_tracker


def optimizer_strategy(optimizer: keras.optimizers.Optimizer) -> tf.distribute.Strategy:
    """Return the strategy that an optimizer was made under, `_distribution_strategy`, which has no public name."""
    return optimizer._distribution_strategy


def disable_gradient_sum(optimizer: keras.optimizers.Optimizer) -> None:
    """Let an optimizer apply gradients without summing them over the devices.

    Keras sums them after clipping, this library before. There is no setting for it, and a subclass is no way out,
    since users bring any optimizer of Keras: the method `_all_reduce_sum_gradients` of this object is replaced.
    """
    optimizer._all_reduce_sum_gradients = list


def variable_key(optimizer: keras.optimizers.Optimizer, variable: Any) -> Any:
    """Return what an optimizer knows a variable by, `_var_key`: the same for Keras' variable and TensorFlow's own."""
    return optimizer._var_key(variable)


def keras_variable(optimizer: keras.optimizers.Optimizer, variable: tf.Variable) -> keras.Variable:
    """Return the variable of Keras for the one of TensorFlow, which `update_step` gets and which knows no layer."""
    return optimizer._trainable_variables[optimizer._get_variable_index(variable)]


def trained_variables(optimizer: keras.optimizers.Optimizer) -> list[keras.Variable]:
    """Return the variables that an optimizer was built for; the public `variables` are those of its own state."""
    return optimizer._trainable_variables


def state_variables(optimizer: keras.optimizers.Optimizer) -> list[keras.Variable]:
    """Return the variables that an optimizer itself holds, for a class that overrides the public `variables`."""
    return optimizer._variables


def moments(optimizer: keras.optimizers.Adam, variable: tf.Variable) -> tuple[tf.Variable, tf.Variable]:
    """Return Adam's moments of a variable, which have no public names, as TensorFlow's variables."""
    index = optimizer._get_variable_index(variable)
    return optimizer._momentums[index].value, optimizer._velocities[index].value


def own_averages(optimizer: keras.optimizers.Optimizer) -> list[keras.Variable]:
    """Return the moving averages of an optimizer's variables; without `use_ema` there are none."""
    return optimizer._model_variables_moving_average if optimizer.use_ema else []


def weight_decays(optimizer: keras.optimizers.Optimizer, variable: keras.Variable) -> bool:
    """Tell whether a variable decays after `exclude_from_weight_decay`, whose record has no public name."""
    return optimizer._use_weight_decay(variable)


def copy_attributes(source: keras.optimizers.Optimizer, target: keras.optimizers.Optimizer) -> None:
    """Give an unused optimizer the attributes of another one that `get_config` does not hold, but not its state.

    They are the record of `exclude_from_weight_decay` and whatever a user's class or script has set. Keras' own private
    attributes are those of any optimizer, and are left alone, as are variables and what holds some.
    """
    keras_attributes = vars(keras.optimizers.SGD())
    for name, value in vars(source).items():
        is_private = name.startswith("_")
        parts = keras.tree.flatten(value) if isinstance(value, list | tuple | dict) else [value]
        is_state = any(isinstance(p, keras.Variable | tf.Variable | keras.optimizers.Optimizer) for p in parts)
        if is_state or name.startswith("_self_") or (is_private and name in keras_attributes):
            continue
        setattr(target, name, copy.copy(value) if isinstance(value, list | dict | set) else value)


def batch_counter(optimizer: keras.optimizers.Optimizer) -> keras.Variable:
    """Return the counter of an optimizer's batches; the public `iterations` counts updates instead."""
    return optimizer._iterations


def accumulate_gradients(
    optimizer: keras.optimizers.Optimizer, grads: Sequence[Tensor], variables: Sequence[keras.Variable]
) -> None:
    """Add gradients to those that an optimizer has accumulated, without counting a batch, as `apply` would do."""
    sums = [optimizer._accumulated_gradients[optimizer._get_variable_index(v)] for v in variables]
    optimizer._backend_increment_gradient_accumulators(grads, sums)
