"""Imports TensorFlow without the lines that it writes to standard error while it starts."""

from __future__ import annotations

import os
import sys
import tempfile


def import_tensorflow() -> None:
    """Import TensorFlow and Keras, and show what they wrote to standard error only if that failed.

    TensorFlow's C++ side says, among other things, that no GPU driver was found, before it reads the variable that asks
    it to be quiet. Those lines go past Python's `sys.stderr`, so the file descriptor itself is turned away.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
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
