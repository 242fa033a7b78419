"""Imports TensorFlow without the lines that it writes to the terminal while it starts."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from typing import TYPE_CHECKING

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

    Its C++ side says, among other things, that no GPU driver was found, before it reads the variable that asks it
    to be quiet. Those lines go past Python's `sys.stderr`, so the file descriptor itself is turned away.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    cores = os.cpu_count() or 1
    within = cores if _transformers(configs, runs) else max(1, cores // 2)
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(within))
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", str(cores))
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as written:
        os.dup2(written.fileno(), 2)
        failed = True
        try:
            import keras  # noqa: F401
            import tensorflow  # noqa: F401

            failed = False
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            if failed:
                written.seek(0)
                os.write(2, written.read())


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
