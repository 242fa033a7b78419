"""The type of tensors in public signatures."""

from __future__ import annotations

from typing import TypeAlias

import keras
import tensorflow as tf

Tensor: TypeAlias = "tf.Tensor | keras.KerasTensor"
"""A TensorFlow tensor, or a symbolic one of a functional Keras model."""
