"""Write results of tensorflow-addons for `tests/layers/test_tfa_golden.py` and `test_tfa_weights.py`.

tensorflow-addons supports TensorFlow up to 2.15, so the script needs its own environment (Python 3.11):

    python -m venv tfa
    tfa/bin/pip install tensorflow-cpu==2.15.1 tensorflow-addons==0.23.0 "numpy<2"
    tfa/bin/python tests/layers/tfa_golden/make.py

The script writes into its folder:

- `crf.npz`: results of the CRF functions, by case.
- For each of three small models with `tfa.layers.CRF`: the variables of a SavedModel, HDF5 files of weights, a `.keras`
  file and a checkpoint.
- `models.npz`: the inputs of these models and the tags that they decode.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa

HERE = Path(__file__).parent
CASES = {
    "plain": (0, [4, 1, 3], 3, 1.0),
    "full": (1, [6, 6], 5, 1.0),
    "single": (2, [1, 1], 4, 1.0),
    "two_tags": (3, [7, 2, 5], 2, 1.0),
    "large": (4, [5, 9, 1, 2], 6, 50.0),
    "long": (5, [60, 31], 9, 3.0),
    "wide_emissions": (6, [12, 5], 5, 1.0),
}


def numbers(seed: int, lengths: list[int], tags: int, scale: float, emission_scale: float) -> dict[str, np.ndarray]:
    """Compute all results of one case."""
    rng = np.random.default_rng(seed)
    text = tfa.text.crf
    batch, time = len(lengths), max(lengths)
    x = tf.constant(rng.normal(size=(batch, time, tags)) * emission_scale, tf.float32)
    a = tf.constant(rng.normal(size=(tags, tags)) * scale, tf.float32)
    n = tf.constant(lengths, tf.int32)
    path = tf.constant(rng.integers(0, tags, size=(batch, time)), tf.int32)
    bitmap = rng.random((batch, time, tags)) < 0.6
    bitmap[..., 0] |= ~bitmap.any(-1)
    with tf.GradientTape() as tape:
        tape.watch([x, a])
        likelihood, _ = text.crf_log_likelihood(x, path, n, a)
        total = tf.reduce_sum(likelihood)
    # If all sentences have one token, there are no transitions.
    by_inputs, by_transitions = tape.gradient(total, [x, a], unconnected_gradients="zero")
    decoded, best = text.crf_decode(x, a, n)
    constrained, constrained_best = text.crf_constrained_decode(x, bitmap, a, n)
    results = {
        "inputs": x,
        "transitions": a,
        "lengths": n,
        "path": path,
        "bitmap": bitmap,
        "sequence_score": text.crf_sequence_score(x, path, n, a),
        "unary_score": text.crf_unary_score(path, n, x),
        "binary_score": text.crf_binary_score(path, n, a),
        "multitag_score": text.crf_multitag_sequence_score(x, bitmap, n, a),
        "log_norm": text.crf_log_norm(x, n, a),
        "log_likelihood": likelihood,
        "by_inputs": by_inputs,
        "by_transitions": by_transitions,
        "decoded": decoded,
        "best": best,
        "constrained": constrained,
        "constrained_best": constrained_best,
    }
    return {name: np.asarray(tf.convert_to_tensor(value)) for name, value in results.items()}


def model(kernel: bool) -> tf.keras.Model:
    """Build a small tagger with 4 tags and random weights; without a kernel, the previous layer computes the scores."""
    tf.keras.utils.set_random_seed(7)
    inputs = tf.keras.Input([None, 5])
    mask = tf.keras.Input([None], dtype="bool")
    states = tf.keras.layers.Dense(6 if kernel else 4, name="states")(inputs)
    crf = tfa.layers.CRF(4, use_kernel=kernel, use_boundary=kernel, name="crf")
    model = tf.keras.Model([inputs, mask], [states, *crf(states, mask=mask)[:1]])
    rng = np.random.default_rng(11)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def two_chains() -> tf.keras.Model:
    """Build a model with two CRFs, with 3 and with 4 tags."""
    tf.keras.utils.set_random_seed(8)
    inputs = tf.keras.Input([None, 5])
    results = [tfa.layers.CRF(tags, name=name)(inputs)[0] for tags, name in ((3, "chemicals"), (4, "genes"))]
    model = tf.keras.Model(inputs, results)
    rng = np.random.default_rng(13)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def save(made: tf.keras.Model, name: str) -> None:
    """Save the weights in all formats, without the graph, which the tests do not read."""
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    made.save_weights(folder / "legacy.h5")
    made.save(folder / "whole.h5")
    made.save_weights(folder / "model.weights.h5")
    made.save(folder / "model.keras")
    made.save_weights(folder / "checkpoint" / "weights")
    made.save(folder / "saved_model", save_format="tf")
    for graph in (folder / "saved_model").glob("*.pb"):
        graph.unlink()


def main() -> None:
    """Write all files."""
    cases = {}
    for case, (seed, lengths, tags, scale) in CASES.items():
        emission_scale = 80.0 if case == "wide_emissions" else scale
        for key, value in numbers(seed, lengths, tags, scale, emission_scale).items():
            cases[f"{case}.{key}"] = value
    np.savez_compressed(HERE / "crf.npz", **cases)
    rng = np.random.default_rng(12)
    inputs = rng.normal(size=(8, 9, 5)).astype("float32")
    mask = np.arange(9) < rng.integers(1, 10, size=(8, 1))
    decoded = {"inputs": inputs, "mask": mask}
    for name, kernel in (("with_kernel", True), ("without_kernel", False)):
        made = model(kernel)
        states, tags = made([inputs, mask])
        decoded[f"{name}.states"], decoded[f"{name}.tags"] = states.numpy(), tags.numpy()
        save(made, name)
    two = two_chains()
    decoded["two_chains.chemicals"], decoded["two_chains.genes"] = (tags.numpy() for tags in two(inputs))
    save(two, "two_chains")
    np.savez_compressed(HERE / "models.npz", **decoded)


if __name__ == "__main__":
    main()
