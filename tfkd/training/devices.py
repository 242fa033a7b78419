"""Which devices a run computes on."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tfkd_base.errors import TfkdError


def parse_devices(named: str) -> tuple[str, int]:
    """Return the kind of devices that a text names, `auto`, `cpu` or `gpu`, and how many.

    Raises:
        TfkdError: It names none.
    """
    found = re.fullmatch(r"(auto)|(cpu|gpu)(?::([1-9][0-9]?))?", named)
    if not found:
        raise TfkdError(f"expected auto, cpu, gpu, or so many of a kind, gpu:2 for example, got {named!r}")
    return found[1] or found[2], int(found[3] or 1)


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
        """Say in a line what is used."""
        if self.kind == "CPU" and len(self.names) == 1:
            across = tf.config.threading.get_inter_op_parallelism_threads() or _threads("TF_NUM_INTEROP_THREADS")
            within = tf.config.threading.get_intra_op_parallelism_threads() or _threads("TF_NUM_INTRAOP_THREADS")
            return f"CPU ({_counted(across, 'operation')} side by side, {_counted(within, 'thread')} in each)"
        if len(self.names) == 1:
            return self.names[0]
        shared = f"each with a copy of the model and 1/{len(self.names)} of every batch"
        return f"{', '.join(self.names)}, {shared}"

    def strategy(self) -> tf.distribute.Strategy:
        """Make what to build and train a model under."""
        if len(self.names) > 1:
            return tf.distribute.MirroredStrategy([*self.names])
        if self.kind == "CPU" and tf.config.list_logical_devices("GPU"):
            return tf.distribute.OneDeviceStrategy(self.names[0])
        return tf.distribute.get_strategy()


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _threads(variable: str) -> int:
    """Return how many threads TensorFlow takes where it is not told, but by a variable of the environment."""
    said = os.environ.get(variable, "")
    return int(said) if said.isdecimal() and int(said) else os.cpu_count() or 1


def choose_devices(wanted: str) -> Devices:
    """Find the devices that a configuration asks for.

    Args:
        wanted: `"auto"`: the first GPU if there is one, else the CPU; `"cpu"`, `"gpu"`; or so many of a kind,
            `"gpu:2"`. More CPUs than one are logical ones: parts of the same, to try out what several devices do.

    Raises:
        TfkdError: It is none of these, there are not so many, or TensorFlow has begun to compute and cannot part the
            CPU any more.
    """
    kind, number = parse_devices(wanted)
    gpus = tf.config.list_physical_devices("GPU")
    if kind == "gpu" or (kind == "auto" and gpus):
        if number > len(gpus):
            raise TfkdError(
                f"devices: {wanted} asks for {number} GPU{'s' * (number > 1)}, but TensorFlow finds "
                f"{len(gpus) or 'none'}; take cpu or auto, or see the README for what a GPU needs."
            )
        return Devices("GPU", tuple(f"GPU:{n}" for n in range(number)))
    if number > 1:
        _part_the_cpu(number)
    return Devices("CPU", tuple(f"CPU:{n}" for n in range(number)))


def _part_the_cpu(number: int) -> None:
    cpu: Any = tf.config.list_physical_devices("CPU")[0]
    try:
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * number)
    except RuntimeError:
        there = len(tf.config.list_logical_devices("CPU"))
        if there < number:
            raise TfkdError(
                f"devices: cpu:{number} must be chosen before TensorFlow computes anything in this process, which has "
                f"{there} logical CPU{'s' * (there > 1)} now: start anew."
            ) from None
