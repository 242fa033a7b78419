"""Checks that apply to every layer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf


def check_layer(
    layer: keras.layers.Layer,
    *inputs: Any,
    shape: Sequence[int | None],
    weights: int,
    tmp_path: Path,
    learned: int | None = None,
) -> None:
    """Check shape, weights, serialisation, saving in a functional model, half precision and gradients of a layer.

    `learned` is the number of weights that the output depends on, if some weights are used only by the loss.
    """
    x = [tf.constant(i) for i in inputs]
    output = layer(*x)
    assert tuple(output.shape) == tuple(shape)
    assert len(layer.trainable_weights) == weights

    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(tf.cast(layer(*x), tf.float32)))
    gradients = tape.gradient(loss, [w.value for w in layer.trainable_weights])
    nonzero = [g for g in gradients if g is not None and np.abs(tf.convert_to_tensor(g)).sum() > 0]
    assert len(nonzero) == (weights if learned is None else learned)

    symbolic = [
        keras.Input(batch_shape=(None,) * (i.ndim - 1) + (i.shape[-1] if i.ndim > 2 else None,), dtype=str(i.dtype))
        for i in map(np.asarray, inputs)
    ]
    model = keras.Model(symbolic, layer(*symbolic))
    assert model.output_shape[-1] == shape[-1]
    model.save(tmp_path / "layer.keras")
    loaded = keras.models.load_model(tmp_path / "layer.keras")
    np.testing.assert_array_equal(loaded(x), model(x))

    for policy in ("mixed_float16", "mixed_bfloat16"):
        config = layer.get_config()
        config["dtype"] = policy
        half = type(layer).from_config(config)
        half(*x)
        half.set_weights(layer.get_weights())
        assert all(w.dtype == "float32" for w in half.weights)
        np.testing.assert_allclose(tf.cast(half(*x), tf.float32), tf.cast(output, tf.float32), atol=0.05, rtol=0.05)
