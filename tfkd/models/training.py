"""One step of gradient descent, the same for taggers, teachers and distillers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfkd.checkpoints import Checkpoints
from tfkd.optimizers import Adam

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


class Trained:
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
        """
        if kwargs.pop("loss", None) is not None:
            raise ValueError("The loss belongs to the head (softmax: cross-entropy, crf: likelihood): give no `loss`.")
        weighted = [*(metrics or []), *(kwargs.pop("weighted_metrics", None) or [])]
        super().compile(  # type: ignore[misc]
            optimizer=self._prepare_optimizer(optimizer),
            weighted_metrics=weighted or None,
            jit_compile=jit_compile,
            **kwargs,
        )
        self._build_optimizer()

    def fit(self, x: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Train, as `keras.Model.fit`; a dataset keeps its own order of batches.

        With `tfkd.checkpoints.Checkpoints` among the callbacks it goes on from the last checkpoint, if there is one.
        """
        if isinstance(x, tf.data.Dataset):
            kwargs.setdefault("shuffle", False)
        callbacks = keras.tree.flatten(kwargs.get("callbacks") or [])
        checkpoints = next((c for c in callbacks if isinstance(c, Checkpoints)), None)
        if checkpoints is not None:
            callbacks.remove(checkpoints)
            x, kwargs["initial_epoch"] = checkpoints.begin(x, callbacks, kwargs.get("epochs", 1))
            # First: a state is taken when all callbacks are done with a step, and before any begins the next.
            kwargs["callbacks"] = [checkpoints, *callbacks]
        return super().fit(x, *args, **kwargs)  # type: ignore[misc]

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as the saved model was."""
        settings = keras.saving.deserialize_keras_object(config)
        settings["metrics"] = settings.pop("weighted_metrics", None)
        self.compile(**settings)

    def _prepare_optimizer(self, optimizer: Any) -> keras.optimizers.Optimizer:
        return resolve_optimizer(optimizer)

    def _build_optimizer(self) -> None:
        # Not left to the first step, which may know but one task's variables.
        self.optimizer.build(self.trainable_variables)  # type: ignore[attr-defined]


def gradient_step(optimizer: keras.optimizers.Optimizer, variables: list[Any], loss: Callable[[], Tensor]) -> Tensor:
    """Compute a loss, take its gradient by the variables, and let the optimiser change them.

    Args:
        optimizer: Scales the loss where it must (mixed precision).
        variables: What to change.
        loss: Computes the scalar loss.

    Returns:
        The loss, unscaled.
    """
    with tf.GradientTape() as tape:
        value = loss()
        scaled = optimizer.scale_loss(value)
    gradients = tape.gradient(scaled, [v.value for v in variables])
    optimizer.apply(gradients, variables)
    return value


def real_tokens(mask: Tensor) -> Tensor:
    """Count the real tokens of a batch, as a float32 scalar of at least 1."""
    return tf.maximum(tf.reduce_sum(tf.cast(mask, tf.float32)), 1.0)
