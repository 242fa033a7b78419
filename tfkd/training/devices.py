"""Devices of a run."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tfkd_base.errors import TfkdError


def parse_devices(named: str) -> tuple[str, int]:
    """Return the kind of devices in a text, `auto`, `cpu` or `gpu`, and their number.

    Raises:
        TfkdError: The text is none of these.

    Example:
        >>> parse_devices("gpu:2")
        ('gpu', 2)
    """
    match = re.fullmatch(r"(auto)|(cpu|gpu)(?::([1-9][0-9]?))?", named)
    if not match:
        raise TfkdError(f"expected auto, cpu, gpu, or a number of devices such as gpu:2, got {named!r}")
    return match[1] or match[2], int(match[3] or 1)


@dataclass(frozen=True)
class Devices:
    """The devices of a run.

    Attributes:
        kind: `"CPU"` or `"GPU"`.
        names: The devices, e.g. `("GPU:0", "GPU:1")`.
    """

    kind: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        """Return a description of the devices in one line."""
        if self.kind == "CPU" and len(self.names) == 1:
            across = tf.config.threading.get_inter_op_parallelism_threads() or _threads("TF_NUM_INTEROP_THREADS")
            within = tf.config.threading.get_intra_op_parallelism_threads() or _threads("TF_NUM_INTRAOP_THREADS")
            return f"CPU ({_format_count(across, 'operation')} side by side, {_format_count(within, 'thread')} in each)"
        if len(self.names) == 1:
            return self.names[0]
        shared = f"each with a copy of the model and 1/{len(self.names)} of every batch"
        return f"{', '.join(self.names)}, {shared}"

    def strategy(self) -> tf.distribute.Strategy:
        """Return the strategy to build and train a model under."""
        if len(self.names) > 1:
            return tf.distribute.MirroredStrategy([*self.names])
        if self.kind == "CPU" and tf.config.list_logical_devices("GPU"):
            return tf.distribute.OneDeviceStrategy(self.names[0])
        return tf.distribute.get_strategy()


def _format_count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _threads(variable: str) -> int:
    """Return the number of threads that TensorFlow takes from an environment variable, by default one per core."""
    value = os.environ.get(variable, "")
    return int(value) if value.isdecimal() and int(value) else os.cpu_count() or 1


def choose_devices(wanted: str) -> Devices:
    """Return the devices for a setting.

    Args:
        wanted: `"auto"`: the first GPU if there is one, else the CPU; `"cpu"`, `"gpu"`; or a number of devices such as
            `"gpu:2"`. Several CPUs are logical ones: parts of one CPU, to try training on several devices.

    Raises:
        TfkdError: It is none of these, there are fewer devices, or TensorFlow has started to compute and can no longer
            divide the CPU.
    """
    kind, number = parse_devices(wanted)
    gpus = tf.config.list_physical_devices("GPU")
    if kind == "gpu" or (kind == "auto" and gpus):
        if number > len(gpus):
            raise TfkdError(
                f"devices: {wanted} asks for {number} GPU{'s' * (number > 1)}, but TensorFlow finds "
                f"{len(gpus) or 'none'}; use cpu or auto, or see the README for what a GPU needs."
            )
        return Devices("GPU", tuple(f"GPU:{n}" for n in range(number)))
    if number > 1:
        _divide_cpu(number)
    return Devices("CPU", tuple(f"CPU:{n}" for n in range(number)))


def _divide_cpu(number: int) -> None:
    cpu: Any = tf.config.list_physical_devices("CPU")[0]
    try:
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * number)
    except RuntimeError:
        current = len(tf.config.list_logical_devices("CPU"))
        if current < number:
            raise TfkdError(
                f"devices: cpu:{number} must be chosen before TensorFlow computes anything in this process, which has "
                f"{current} logical CPU{'s' * (current > 1)} now: start a new process."
            ) from None
