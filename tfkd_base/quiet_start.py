"""Import of TensorFlow without its start-up messages on standard error."""

from __future__ import annotations

import os
import sys
import tempfile


def import_tensorflow() -> None:
    """Import TensorFlow and Keras, and show their messages on standard error only if the import fails.

    TensorFlow's C++ code reports, for example, a missing GPU driver before it reads the variable that silences it.
    These lines bypass `sys.stderr`, so the file descriptor itself is redirected.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as written:
        os.dup2(written.fileno(), 2)
        failed = False
        try:
            import keras  # noqa: F401
            import tensorflow  # noqa: F401
        except Exception:
            failed = True
            raise
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            if failed:
                written.seek(0)
                os.write(2, written.read())
