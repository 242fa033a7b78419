"""The CRF's functions of `crf.py` in tensorflow-addons. Runs in an environment of its own."""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa  # type: ignore[import-not-found]
from _peer_calls import answer_calls


class Work:
    """What the benchmark asks for."""

    def __init__(self, settings: dict[str, Any]) -> None:
        tf.config.threading.set_intra_op_parallelism_threads(settings["intra"])
        tf.config.threading.set_inter_op_parallelism_threads(settings["inter"])
        self.steps: dict[str, Callable[[], Any]] = {}
        for size in settings["sizes"]:
            with np.load(os.path.join(settings["folder"], f"{size}.npz")) as data:
                chain = tuple(tf.constant(data[name]) for name in ("inputs", "lengths", "transitions"))
            self.steps[f"norm_{size}"] = functools.partial(_gradients, *chain)
            self.steps[f"decode_{size}"] = functools.partial(_decode, *chain)

    def run(self, name: str, number: int) -> dict[str, float]:
        """Run one function some times."""
        started = time.perf_counter()
        for _ in range(number):
            self.steps[name]()[0].numpy()
        return {"seconds": time.perf_counter() - started}


@tf.function
def _gradients(inputs: tf.Tensor, lengths: tf.Tensor, transitions: tf.Tensor) -> list[tf.Tensor]:
    with tf.GradientTape() as tape:
        tape.watch([inputs, transitions])
        total = tf.reduce_sum(tfa.text.crf_log_norm(inputs, lengths, transitions))
    return [total, *tape.gradient(total, [inputs, transitions])]


@tf.function
def _decode(inputs: tf.Tensor, lengths: tf.Tensor, transitions: tf.Tensor) -> Any:
    return tfa.text.crf_decode(inputs, transitions, lengths)


if __name__ == "__main__":
    answer_calls(Work)
