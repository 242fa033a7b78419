"""Imports TensorFlow without the lines that it writes to the terminal while it starts."""

from __future__ import annotations

import os
import sys
import tempfile


def import_tensorflow() -> None:
    """Import TensorFlow, and show what it wrote to standard error only if that failed.

    Its C++ side says, among other things, that no GPU driver was found, before it reads the variable that asks it
    to be quiet. Those lines go past Python's `sys.stderr`, so the file descriptor itself is turned away.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # A recurrent step is many small operations: on two cores they run faster side by side than each split in two.
    cores = os.cpu_count() or 1
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(max(1, cores // 2)))
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
