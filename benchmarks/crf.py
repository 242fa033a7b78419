"""The CRF's log-normaliser, gradients and best path against tensorflow-addons, and four best paths against one.

At 32 sentences of up to 40 tokens with 9 tags, and at 64 of up to 120 with 33; the lengths are drawn from half of that
on. Scores are normally distributed. Everything is a traced function, with the same number of threads on both sides:
those of this process. tensorflow-addons 0.23 runs with TensorFlow 2.15, its last version, in a process and an
environment of its own, which is created by the first run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks import Ratio
from benchmarks._peers import ADDONS, peer, seconds_of
from benchmarks._turns import Step, warm_up
from tfkd.layers import crf_decode, crf_decode_top_k, crf_log_norm

PEERS = (ADDONS,)


def run(quick: bool) -> Sequence[Ratio]:
    """Measure ours and tensorflow-addons' in turns."""
    sizes = [(2, 3, 2), (3, 4, 3)] if quick else [(32, 40, 9), (64, 120, 33)]
    turns, milliseconds = (2, 1) if quick else (15, 300)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        chains = {"x".join(map(str, size)): _chain(*size) for size in sizes}
        for name, chain in chains.items():
            np.savez(Path(folder) / f"{name}.npz", **chain)
        settings = {"folder": folder, "sizes": list(chains), **_threads()}
        with peer("_peer_tfa.py", settings, ADDONS) as addons:
            for name, chain in chains.items():
                rows += _measure(name, chain, addons, turns, milliseconds / 1000)
    return rows


def _chain(batch: int, steps: int, tags: int) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    return {
        "inputs": rng.normal(size=(batch, steps, tags)).astype("float32"),
        "lengths": rng.integers((steps + 1) // 2, steps + 1, size=batch).astype("int32"),
        "transitions": rng.normal(size=(tags, tags)).astype("float32"),
    }


def _threads() -> dict[str, int]:
    threads = tf.config.threading
    return {
        "intra": threads.get_intra_op_parallelism_threads(),
        "inter": threads.get_inter_op_parallelism_threads(),
    }


def _measure(
    name: str, chain: dict[str, Any], addons: Callable[..., dict[str, Any]], turns: int, turn: float
) -> list[Ratio]:
    steps = _steps(*(tf.constant(chain[key]) for key in ("inputs", "lengths", "transitions")))
    theirs = ("norm", "decode")
    for key in theirs:
        addons("run", f"{key}_{name}", 3)  # warm-up: traces
    # As many steps in a turn as fit into its time.
    number = {key: max(1, round(turn / max(seconds_of(step, 1), 1e-6))) for key, step in steps.items()}
    taken: dict[str, list[float]] = {key: [] for key in steps}
    for _ in range(turns):
        ours = {key: seconds_of(step, number[key]) / number[key] for key, step in steps.items()}
        for key in theirs:
            seconds = addons("run", f"{key}_{name}", number[key])["seconds"] / number[key]
            taken[key].append(ours[key] / seconds)
        taken["four"].append(ours["four"] / ours["decode"])
    shape = name.replace("x", " x ")
    return [
        Ratio(f"log-normaliser and gradients, {shape}", "tensorflow-addons 0.23", taken["norm"], "<= 1"),
        Ratio(f"best path, {shape}", "tensorflow-addons 0.23", taken["decode"], "<= 1"),
        Ratio(f"four best paths, {shape}", "the best path", taken["four"], "<= 4"),
    ]


def _steps(inputs: tf.Tensor, lengths: tf.Tensor, transitions: tf.Tensor) -> dict[str, Step]:
    @tf.function(autograph=False)
    def gradients(inputs: tf.Tensor, lengths: tf.Tensor, transitions: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch([inputs, transitions])
            total = tf.reduce_sum(crf_log_norm(inputs, lengths, transitions))
        return [total, *tape.gradient(total, [inputs, transitions])]

    decode = tf.function(crf_decode, autograph=False)
    four = tf.function(lambda x, a, n: crf_decode_top_k(x, a, n, 4), autograph=False)
    return {
        "norm": warm_up(lambda: gradients(inputs, lengths, transitions)[1].numpy()),
        "decode": warm_up(lambda: decode(inputs, transitions, lengths)[0].numpy()),
        "four": warm_up(lambda: four(inputs, transitions, lengths)[0].numpy()),
    }
