"""Summing of row gradients."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfkd.optimizers.rows import apply_to_values, sum_rows

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("indices", [[0], [0, 0, 0], [2, 1, 0], [7, 7, 0, 3, 3, 3]])
def test_sum_rows_has_the_same_dense_form(indices):
    values = RNG.normal(size=(len(indices), 2)).astype("float32")
    gradient = tf.IndexedSlices(tf.constant(values), tf.constant(indices), tf.constant([8, 2]))
    summed = sum_rows(gradient)
    np.testing.assert_allclose(tf.convert_to_tensor(summed), tf.convert_to_tensor(gradient), atol=1e-6)
    used = len(set(indices))
    assert summed.indices.numpy()[:used].tolist() == sorted(set(indices))
    assert not summed.values.numpy()[used:].any()
    assert sum_rows(summed) is summed


def test_other_gradients_are_unchanged():
    dense = tf.ones([2])
    assert sum_rows(dense) is dense
    assert sum_rows(None) is None
    assert apply_to_values(lambda values: values, [dense, None]) == [dense, None]
