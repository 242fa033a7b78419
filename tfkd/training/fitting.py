"""One step of gradient descent, the same for taggers, teachers and distillers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfkd.keras_internals import BuildsMetrics
from tfkd.optimizers import Adam
from tfkd.training.batches import Batches
from tfkd.training.checkpoints import Checkpoints
from tfkd.training.replicas import check_replicas, replicas, summed, summed_gradients, take_summed_gradients

Tensor = Any


def resolve_optimizer(optimizer: Any) -> keras.optimizers.Optimizer:
    """Return an optimiser; by the name `"adam"` the one whose step does not grow with the vocabulary.

    Example:
        >>> type(resolve_optimizer("adam")).__module__
        'tfkd.optimizers.adam'
    """
    if isinstance(optimizer, str) and optimizer.lower() == "adam":
        return Adam()
    return keras.optimizers.get(optimizer)


class Trained(BuildsMetrics):
    """A mix-in of `keras.Model`: how our models are compiled and fitted.

    It is no subclass of `keras.Model`: Keras turns the bases of a functional model's class into functional ones, which
    a base shared with other models must not become.
    """

    def compile(self, optimizer: Any = "adam", metrics: Any = None, jit_compile: bool = False, **kwargs: Any) -> None:
        """Set the optimiser and the metrics; the loss is the head's own.

        Args:
            optimizer: A Keras optimiser or its name. `"adam"` is `tfkd.optimizers.Adam`, whose step
                does not grow with the vocabulary.
            metrics: Keras metrics of each token's gold tag, as an index, and emission scores; padding weighs nothing.
            jit_compile: Whether to compile the step with XLA; each batch shape then compiles once.
            **kwargs: As `keras.Model.compile`, but for `loss`.

        Raises:
            ValueError: A loss is given.
            TfkdError: The model was built under a strategy of several devices with which the rest cannot go.
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
            # Not left to the first step, which may know but one task's variables.
            self.optimizer.build(self.trainable_variables)  # type: ignore[attr-defined]
        if strategy.num_replicas_in_sync > 1:
            take_summed_gradients(self.optimizer)  # type: ignore[attr-defined]

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
        return super().fit(_plain(x), *args, **kwargs)  # type: ignore[misc]

    def evaluate(self, x: Batches | tf.data.Dataset | None = None, *args: Any, **kwargs: Any) -> Any:
        """Compute loss and metrics of batches or of a plain dataset, as `keras.Model.evaluate`."""
        return super().evaluate(_plain(x), *args, **kwargs)  # type: ignore[misc]

    def predict(self, x: Any, *args: Any, **kwargs: Any) -> Any:
        """Decode batches, a plain dataset or features, as `keras.Model.predict`."""
        return super().predict(_plain(x), *args, **kwargs)  # type: ignore[misc]

    @property
    def depends_on(self) -> str:
        """What the training depends on beside the model's settings and the data, in a hash; a teacher, for example."""
        return ""

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as the saved model was."""
        settings = keras.saving.deserialize_keras_object(config)
        settings["metrics"] = settings.pop("weighted_metrics", None)
        self.compile(**settings)

    def _prepare_optimizer(self, optimizer: Any) -> keras.optimizers.Optimizer:
        return resolve_optimizer(optimizer)


def _plain(data: Any) -> Any:
    """Return batches as the dataset that Keras reads; other data as they are."""
    return data.as_dataset() if isinstance(data, Batches) else data


def gradient_step(optimizer: keras.optimizers.Optimizer, variables: list[Any], loss: Callable[[], Tensor]) -> Tensor:
    """Compute a loss, take its gradient by the variables, and let the optimiser change them.

    Args:
        optimizer: Scales the loss where it must (mixed precision).
        variables: What to change.
        loss: Computes the scalar loss.

    Returns:
        The loss, unscaled; where there are replicas, this one's share of it.
    """
    with tf.GradientTape() as tape:
        value = loss()
        scaled = optimizer.scale_loss(value)
    gradients = tape.gradient(scaled, [v.value for v in variables])
    optimizer.apply(summed_gradients(gradients), variables)
    return value


def real_tokens(mask: Tensor) -> Tensor:
    """Count the real tokens of a batch, in all replicas together, as a float32 scalar of at least 1."""
    return tf.maximum(summed(tf.reduce_sum(tf.cast(mask, tf.float32))), 1.0)


def added_losses(model: keras.Model) -> list[Tensor]:
    """Return what the layers add to the loss (regularisation), of which each replica takes its share."""
    return [loss / replicas() for loss in model.losses]


def track(tracker: keras.metrics.Mean, loss: Tensor, tokens: Tensor) -> None:
    """Count a batch's loss in a mean over tokens.

    Args:
        tracker: The mean.
        loss: The loss, or this replica's share of it: the trackers of all replicas are summed in the end.
        tokens: The real tokens of the batch in all replicas.
    """
    tracker.update_state(loss * replicas(), sample_weight=tokens / replicas())
