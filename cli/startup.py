"""Imports TensorFlow without the lines that it writes to the terminal while it starts."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from tfkd import quiet_start

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tfkd.experiments.config import Config


def import_tensorflow(configs: Iterable[Config] = (), runs: Iterable[str | Path] = ()) -> None:
    """Import TensorFlow, and show what it wrote to standard error only if that failed.

    A BiLSTM is many small operations, which run faster side by side than each split in two; a transformer is few large
    ones. The threads are chosen by what will run, unless TF_NUM_INTRAOP_THREADS and TF_NUM_INTEROP_THREADS say.

    Args:
        configs: Configurations of the models that will run.
        runs: Folders of runs whose models will; what is no such folder says nothing.
    """
    if "tensorflow" in sys.modules:
        return
    cores = os.cpu_count() or 1
    within = cores if _transformers(configs, runs) else max(1, cores // 2)
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(within))
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", str(cores))
    quiet_start.import_tensorflow()


def _transformers(configs: Iterable[Config], runs: Iterable[str | Path]) -> bool:
    """Tell whether one of the models is a transformer."""
    if not configs and not runs:
        return False
    from tfkd.errors import TfkdError
    from tfkd.experiments.config import TransformerConfig
    from tfkd.experiments.run_folder import RunFolder

    found = list(configs)
    for run in runs:
        # A mistake in it is told when it is opened.
        with contextlib.suppress(TfkdError, OSError):
            found.append(RunFolder(run).config())
    return any(isinstance(config.encoder, TransformerConfig) for config in found)
