"""A model of numbers, for tests of servers that need no tagger."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf


class Sums(tf.Module):
    """A model of two numeric inputs."""

    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.float32, name="a"), tf.TensorSpec([None], tf.int32, name="b")]
    )
    def add(self, a: tf.Tensor, b: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"sum": a + tf.cast(b, tf.float32)}


def save_sums(folder: Path) -> None:
    """Write the model as a SavedModel."""
    module = Sums()
    tf.saved_model.save(module, folder, signatures={"serving_default": module.add})
