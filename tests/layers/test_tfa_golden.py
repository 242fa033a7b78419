"""CRF functions against results of tensorflow-addons 0.23, written by `tfa_golden/make.py`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfkd import layers

with np.load(Path(__file__).parent / "tfa_golden" / "crf.npz") as file:
    NUMBERS = dict(file)
CASES = sorted({key.partition(".")[0] for key in NUMBERS})


@pytest.fixture(params=CASES)
def case(request):
    prefix = f"{request.param}."
    return {key.removeprefix(prefix): value for key, value in NUMBERS.items() if key.startswith(prefix)}


def test_scores_norms_and_likelihoods(case):
    x, n, a, path = (case[key] for key in ("inputs", "lengths", "transitions", "path"))
    scores = {
        "sequence_score": layers.crf_sequence_score(x, path, n, a),
        "unary_score": layers.crf_unary_score(path, n, x),
        "binary_score": layers.crf_binary_score(path, n, a),
        "multitag_score": layers.crf_multitag_sequence_score(x, case["bitmap"], n, a),
        "log_norm": layers.crf_log_norm(x, n, a),
        "log_likelihood": layers.crf_log_likelihood(x, path, n, a)[0],
    }
    # The size of the scores limits the precision of their differences.
    atol = 1e-6 * np.abs(case["log_norm"]).max() + 1e-5
    for key, value in scores.items():
        np.testing.assert_allclose(value, case[key], rtol=1e-5, atol=atol, err_msg=key)


def compute_gradients(x, path, n, a):
    with tf.GradientTape() as tape:
        tape.watch([x, a])
        total = tf.reduce_sum(layers.crf_log_likelihood(x, path, n, a)[0])
    return tape.gradient(total, [x, a])


traced_gradients = tf.function(compute_gradients, reduce_retracing=True, autograph=False)  # one trace for all cases


@pytest.mark.parametrize("graph", [False, True])
def test_gradients(case, graph):
    function = traced_gradients if graph else compute_gradients
    tensors = (tf.constant(case[key]) for key in ("inputs", "path", "lengths", "transitions"))
    by_inputs, by_transitions = function(*tensors)
    np.testing.assert_allclose(by_inputs, case["by_inputs"], rtol=1e-5, atol=2e-4)
    np.testing.assert_allclose(by_transitions, case["by_transitions"], rtol=1e-5, atol=2e-3)


def test_decoded_paths(case):
    x, n, a = (case[key] for key in ("inputs", "lengths", "transitions"))
    real = np.arange(x.shape[1]) < n[:, None]
    for (paths, scores), key in (
        (layers.crf_decode(x, a, n), "decoded"),
        (layers.crf_constrained_decode(x, case["bitmap"], a, n), "constrained"),
    ):
        np.testing.assert_array_equal(paths, np.where(real, case[key], 0))
        np.testing.assert_allclose(scores, case["best" if key == "decoded" else "constrained_best"], rtol=1e-5)
    best = layers.crf_decode_top_k(x, a, n, 3)
    np.testing.assert_array_equal(best[0][:, 0], np.where(real, case["decoded"], 0))
