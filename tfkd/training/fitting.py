"""Compiling, fitting and training steps that taggers, teachers and distillers share."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import keras
import tensorflow as tf

from tfkd.keras_internals import BuildsMetrics, is_writing_hdf5
from tfkd.optimizers import Adam
from tfkd.tensors import Tensor
from tfkd.training.arguments import bind_arguments, check_model_data, check_weights_argument
from tfkd.training.batches import Batches
from tfkd.training.checkpoints import Checkpoints
from tfkd.training.replicas import (
    check_replicas,
    count_replicas,
    expect_summed_gradients,
    sum_gradients,
    sum_replicas,
)
from tfkd_base.errors import TfkdError


def resolve_optimizer(optimizer: keras.optimizers.Optimizer | str | dict[str, Any]) -> keras.optimizers.Optimizer:
    """Return an optimizer, its name or its configuration as an optimizer; `"adam"` is `tfkd.optimizers.Adam`.

    Example:
        >>> type(resolve_optimizer("adam")).__module__
        'tfkd.optimizers.adam'
    """
    if isinstance(optimizer, str) and optimizer.lower() == "adam":
        return Adam()
    return keras.optimizers.get(optimizer)


class Trained(BuildsMetrics):
    """Mix-in of `keras.Model` that compiles and fits the models of this library.

    It is no subclass of `keras.Model`, because Keras makes the base classes of a functional model functional, and
    `Distiller` is not functional.
    """

    batches_code: ClassVar[str] = ""
    """Code that makes batches for the model, for messages."""

    loss_weights_remedy: ClassVar[str] = ""
    """What to use instead of Keras' weights of losses, for messages."""

    @property
    def weighs_tokens(self) -> bool:
        """Whether a loss can weigh each token, not only each sentence."""
        return True

    def compile(
        self,
        optimizer: keras.optimizers.Optimizer | str = "adam",
        metrics: Sequence[keras.metrics.Metric | str] | None = None,
        jit_compile: bool = False,
        **kwargs: Any,
    ) -> None:
        """Set the optimizer and the metrics; the loss is the head's own.

        Args:
            optimizer: A Keras optimizer or its name. `"adam"` is `tfkd.optimizers.Adam`, whose step does not become
                slower with the size of the vocabulary.
            metrics: Keras metrics of gold tags, as indices, and emission scores of each token. Each token counts once,
                the padding does not. For metrics with sample weights use `weighted_metrics`.
            jit_compile: Whether to compile the step with XLA, once for each batch shape.
            **kwargs: As `keras.Model.compile`, without `loss` and `loss_weights`.

        Raises:
            ValueError: A loss is given.
            TfkdError: Weights of losses or metrics by output are given, or the model was built under a strategy of
                several devices that does not allow these settings.
        """
        if kwargs.pop("loss", None) is not None:
            raise ValueError("The loss belongs to the head (softmax: cross-entropy, crf: likelihood): give no `loss`.")
        if kwargs.pop("loss_weights", None) is not None:
            raise TfkdError(f"`compile` takes no loss_weights: {self.loss_weights_remedy}")
        weighted = _check_metrics(kwargs.pop("weighted_metrics", None), "weighted_metrics")
        strategy = self.distribute_strategy  # type: ignore[attr-defined]
        with strategy.scope():
            prepared = self._prepare_optimizer(optimizer)
            check_replicas(strategy, prepared, jit_compile)
            super().compile(  # type: ignore[misc]
                optimizer=prepared,
                metrics=_check_metrics(metrics, "metrics"),
                weighted_metrics=weighted,
                jit_compile=jit_compile,
                **kwargs,
            )
            # Not in the first step, which may have the variables of one task only.
            self.optimizer.build(self.trainable_variables)  # type: ignore[attr-defined]
        if strategy.num_replicas_in_sync > 1:
            expect_summed_gradients(self.optimizer)  # type: ignore[attr-defined]

    def fit(self, x: Batches | tf.data.Dataset | None = None, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        """Train, as `keras.Model.fit`.

        With `tfkd.training.Checkpoints` among the callbacks the training resumes from the last checkpoint, if there is
        one.

        Args:
            x: Batches, or a plain dataset, which `Checkpoints` refuse. Both keep their own order.
            *args: As `keras.Model.fit`.
            **kwargs: As `keras.Model.fit`; `validation_data` may be batches too.
        """
        given = self._checked("fit", (x, *args), kwargs)
        if isinstance(x, Batches | tf.data.Dataset):
            given.setdefault("shuffle", False)
        if given.get("validation_data") is not None:
            check_model_data(given["validation_data"], "fit(validation_data=...)", self.batches_code)
            given["validation_data"] = _plain(given["validation_data"])
        callbacks = keras.tree.flatten(given.get("callbacks") or [])
        has_tensorboard = any(isinstance(callback, keras.callbacks.TensorBoard) for callback in callbacks)
        if has_tensorboard and importlib.util.find_spec("tensorboard") is None:
            raise TfkdError(
                "the callback TensorBoard needs the package tensorboard, which is not installed: pip install "
                "tensorboard"
            )
        checkpoints = next((c for c in callbacks if isinstance(c, Checkpoints)), None)
        if checkpoints is not None:
            callbacks.remove(checkpoints)
            given["x"], given["initial_epoch"] = checkpoints.begin(
                x, callbacks, given.get("epochs", 1), self.depends_on
            )
            # First: a state is taken after all callbacks are done with a step, and before one begins the next.
            given["callbacks"] = [checkpoints, *callbacks]
        with checkpoints.saving_at_stop() if checkpoints is not None else contextlib.nullcontext():
            return super().fit(**given)  # type: ignore[misc]

    def evaluate(self, x: Batches | tf.data.Dataset | None = None, *args: Any, **kwargs: Any) -> Any:
        """Compute loss and metrics of batches or of a plain dataset, as `keras.Model.evaluate`."""
        return super().evaluate(**self._checked("evaluate", (x, *args), kwargs))  # type: ignore[misc]

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Decode batches, a plain dataset or features, as `keras.Model.predict`."""
        return super().predict(**self._checked("predict", (x, *args), kwargs))  # type: ignore[misc]

    def train_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        """Train on the features and tags of one batch, as `keras.Model.train_on_batch`."""
        return super().train_on_batch(**self._checked("train_on_batch", args, kwargs))  # type: ignore[misc]

    def test_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        """Compute loss and metrics of the features and tags of one batch, as `keras.Model.test_on_batch`."""
        return super().test_on_batch(**self._checked("test_on_batch", args, kwargs))  # type: ignore[misc]

    def predict_on_batch(self, *args: Any, **kwargs: Any) -> Any:
        """Decode the features of one batch, as `keras.Model.predict_on_batch`."""
        return super().predict_on_batch(**self._checked("predict_on_batch", args, kwargs))  # type: ignore[misc]

    def make_train_function(self, force: bool = False) -> None:
        """Make the function that `fit` calls for each batch."""
        if force or getattr(self, "train_function", None) is None:
            self.train_function: Any = self._for_each_form("train_function", super().make_train_function)  # type: ignore[misc]

    def make_test_function(self, force: bool = False) -> None:
        """Make the function that `evaluate` calls for each batch."""
        if force or getattr(self, "test_function", None) is None:
            self.test_function: Any = self._for_each_form("test_function", super().make_test_function)  # type: ignore[misc]

    def _for_each_form(self, name: str, make: Callable[..., None]) -> Callable[[Any], Any]:
        """Return a function that has one of Keras' functions for data with and without weights, and of each rank."""
        functions: dict[str, Callable[[Any], Any]] = {}

        def function(iterator: Any) -> Any:
            if hasattr(iterator, "element_spec"):
                form = data_form(iterator.element_spec)
            else:
                first = next(iterator)
                iterator, form = itertools.chain([first], iterator), data_form(first)
            if form not in functions:
                make(force=True)
                functions[form] = getattr(self, name)
                setattr(self, name, function)
            return functions[form](iterator)

        return function

    def _checked(self, method: str, args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of a method by name, after checks, with batches as the dataset that Keras reads."""
        arguments = bind_arguments(method, args, kwargs)
        x = arguments.get("x")
        check_model_data(x, method, self.batches_code)
        check_weights_argument(arguments, method, per_token=self.weighs_tokens)
        if method.endswith("_on_batch") and isinstance(x, Batches | tf.data.Dataset):
            raise TfkdError(f"`{method}` takes one batch: give it the parts of `next(iter(data))`.")
        return {**arguments, "x": _plain(x)}

    def save(self, filepath: str | os.PathLike[str], *args: Any, **kwargs: Any) -> None:
        """Write the model as a `.keras` file, as `keras.Model.save`.

        Raises:
            TfkdError: The file is an HDF5 file.
        """
        if os.fspath(filepath).lower().endswith((".h5", ".hdf5")):
            self.refuse_hdf5(os.fspath(filepath))
        super().save(filepath, *args, **kwargs)  # type: ignore[misc]

    def check_file_format(self) -> None:
        """Refuse to describe the model for an HDF5 file.

        Raises:
            TfkdError: Keras is writing such a file.
        """
        if is_writing_hdf5():
            self.refuse_hdf5("an HDF5 file")

    @staticmethod
    def refuse_hdf5(file: str) -> None:
        """Raise an error that says which file to write instead."""
        raise TfkdError(
            f"a model of tfkd cannot be saved as {file}, since Keras' HDF5 format does not hold its vocabulary and "
            "parts in a form that can be loaded again: save it as a file whose name ends in `.keras`, or its weights "
            "alone with `save_weights` in a file whose name ends in `.weights.h5`."
        )

    @property
    def depends_on(self) -> str:
        """Hash of what the training depends on beside the model's settings and the data, for example a teacher."""
        return ""

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile with the settings of a saved model."""
        self.compile(**keras.saving.deserialize_keras_object(config))

    def _prepare_optimizer(self, optimizer: Any) -> keras.optimizers.Optimizer:
        return resolve_optimizer(optimizer)


def data_form(data: Any) -> str:
    """Return the structure of the data of a batch and the rank of each tensor, or of its specification.

    Data of several replicas have the tensors of each.

    Example:
        >>> data_form(({"words": tf.ones([2, 3])}, tf.ones([2])))
        "({'words': 0}, 0) [2, 1]"
    """
    parts = tf.nest.flatten(data, expand_composites=True)
    ranks = [getattr(getattr(part, "shape", None), "rank", None) for part in parts]
    return f"{tf.nest.map_structure(lambda _: 0, data)} {ranks}"


def _check_metrics(metrics: Any, name: str) -> list[Any] | None:
    if isinstance(metrics, dict) or any(isinstance(m, list | tuple | dict) for m in metrics or []):
        raise TfkdError(
            f"`compile` takes {name} as one list, got {metrics!r}: each metric is of the tokens of a batch, whatever "
            "its task; for scores of each task use the callback `tfkd.EntityF1`."
        )
    if isinstance(metrics, str | keras.metrics.Metric):
        return [metrics]
    return list(metrics) if metrics else None


def _plain(data: Any) -> Any:
    """Return batches as the dataset that Keras reads; other data as they are."""
    return data.as_dataset() if isinstance(data, Batches) else data


def take_gradient_step(
    optimizer: keras.optimizers.Optimizer, variables: Sequence[keras.Variable], loss: Callable[[], Tensor]
) -> Tensor:
    """Compute a loss and its gradients, and let the optimizer change the variables.

    Args:
        optimizer: The optimizer, which scales the loss in mixed precision.
        variables: The variables.
        loss: Computes the scalar loss.

    Returns:
        The loss, unscaled; with several replicas this replica's share of it.
    """
    with tf.GradientTape() as tape:
        value = loss()
        scaled = optimizer.scale_loss(value)
    gradients = tape.gradient(scaled, [v.value for v in variables])
    optimizer.apply(sum_gradients(gradients), variables)
    return value


def count_tokens(mask: Tensor) -> Tensor:
    """Return the number of tokens of a batch in all replicas, a float32 scalar of at least 1."""
    return tf.maximum(sum_replicas(tf.reduce_sum(tf.cast(mask, tf.float32))), 1.0)


def regularization_losses(model: keras.Model) -> list[Tensor]:
    """Return this replica's share of the losses that layers add."""
    return [loss / count_replicas() for loss in model.losses]


def update_mean(metric: keras.metrics.Mean, loss: Tensor, tokens: Tensor) -> None:
    """Add a batch's loss to a mean over tokens.

    Args:
        metric: The mean.
        loss: The loss, or this replica's share of it: the metrics of all replicas are summed in the end.
        tokens: The number of tokens of the batch in all replicas.
    """
    metric.update_state(loss * count_replicas(), sample_weight=tokens / count_replicas())
