"""Imports TensorFlow without its start-up messages, and sets the number of its threads."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from tfkd_base import quiet_start

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tfkd.config import Config


def import_tensorflow() -> None:
    """Import TensorFlow; show what it writes to standard error only if the import fails."""
    if "tensorflow" not in sys.modules:
        quiet_start.import_tensorflow()


def choose_threads(configs: Iterable[Config] = (), runs: Iterable[str | Path] = ()) -> None:
    """Set the number of TensorFlow's threads for the models that will run.

    A BiLSTM consists of many small operations, which are faster side by side than each split among threads. A
    transformer consists of few large ones. TF_NUM_INTRAOP_THREADS and TF_NUM_INTEROP_THREADS take precedence.
    TensorFlow reads both when it computes for the first time: call this before.

    Args:
        configs: Configurations of the models that will run.
        runs: Folders of the runs whose models will run; other paths are ignored.
    """
    cores = os.cpu_count() or 1
    within = cores if _has_transformer(configs, runs) else max(1, cores // 2)
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(within))
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", str(cores))


def _has_transformer(configs: Iterable[Config], runs: Iterable[str | Path]) -> bool:
    from tfkd.models import Transformer
    from tfkd.runs import RunFolder
    from tfkd_base.errors import TfkdError

    all_configs = list(configs)
    for run in runs:
        # A mistake in a run is reported when the run is opened.
        with contextlib.suppress(TfkdError, OSError):
            all_configs.append(RunFolder(run).config())
    return any(isinstance(config.encoder, Transformer) for config in all_configs)
