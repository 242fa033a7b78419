"""Compiling, fitting and training steps that taggers, teachers and distillers share."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfkd.keras_internals import BuildsMetrics
from tfkd.optimizers import Adam
from tfkd.tensors import Tensor
from tfkd.training.batches import Batches
from tfkd.training.checkpoints import Checkpoints
from tfkd.training.replicas import (
    check_replicas,
    count_replicas,
    expect_summed_gradients,
    sum_gradients,
    sum_replicas,
)


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
            metrics: Keras metrics of gold tags, as indices, and emission scores of each token; padding has no weight.
            jit_compile: Whether to compile the step with XLA, once for each batch shape.
            **kwargs: As `keras.Model.compile`, without `loss`.

        Raises:
            ValueError: A loss is given.
            TfkdError: The model was built under a strategy of several devices that does not allow these settings.
        """
        if kwargs.pop("loss", None) is not None:
            raise ValueError("The loss belongs to the head (softmax: cross-entropy, crf: likelihood): give no `loss`.")
        weighted = [*(metrics or []), *(kwargs.pop("weighted_metrics", None) or [])]
        strategy = self.distribute_strategy  # type: ignore[attr-defined]
        with strategy.scope():
            prepared = self._prepare_optimizer(optimizer)
            check_replicas(strategy, prepared, jit_compile)
            super().compile(  # type: ignore[misc]
                optimizer=prepared,
                weighted_metrics=weighted or None,
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
        if isinstance(x, Batches | tf.data.Dataset):
            kwargs.setdefault("shuffle", False)
        if "validation_data" in kwargs:
            kwargs["validation_data"] = _plain(kwargs["validation_data"])
        callbacks = keras.tree.flatten(kwargs.get("callbacks") or [])
        checkpoints = next((c for c in callbacks if isinstance(c, Checkpoints)), None)
        if checkpoints is not None:
            callbacks.remove(checkpoints)
            x, kwargs["initial_epoch"] = checkpoints.begin(x, callbacks, kwargs.get("epochs", 1), self.depends_on)
            # First: a state is taken after all callbacks are done with a step, and before one begins the next.
            kwargs["callbacks"] = [checkpoints, *callbacks]
        with checkpoints.saving_at_stop() if checkpoints is not None else contextlib.nullcontext():
            return super().fit(_plain(x), *args, **kwargs)  # type: ignore[misc]

    def evaluate(self, x: Batches | tf.data.Dataset | None = None, *args: Any, **kwargs: Any) -> Any:
        """Compute loss and metrics of batches or of a plain dataset, as `keras.Model.evaluate`."""
        return super().evaluate(_plain(x), *args, **kwargs)  # type: ignore[misc]

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Decode batches, a plain dataset or features, as `keras.Model.predict`."""
        return super().predict(_plain(x), *args, **kwargs)  # type: ignore[misc]

    @property
    def depends_on(self) -> str:
        """Hash of what the training depends on beside the model's settings and the data, for example a teacher."""
        return ""

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile with the settings of a saved model."""
        settings = keras.saving.deserialize_keras_object(config)
        settings["metrics"] = settings.pop("weighted_metrics", None)
        self.compile(**settings)

    def _prepare_optimizer(self, optimizer: Any) -> keras.optimizers.Optimizer:
        return resolve_optimizer(optimizer)


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
