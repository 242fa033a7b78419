"""The connection to Ray: to one that is started here, or to a cluster."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from typing import Any

from tfkd.errors import TfkdError

MISSING = "the engine ray needs Ray, which is not installed: pip install 'tfkd[ray]'"


def import_ray() -> Any:
    """Import Ray.

    Raises:
        TfkdError: It is not installed.
    """
    # Ray's own reports and what its C++ side says are left out, but for what ends the work; a worker that died is none.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray
    except ImportError:
        raise TfkdError(MISSING) from None
    return ray


@contextlib.contextmanager
def connected(ray: Any, workers: int | None, address: str | None) -> Iterator[None]:
    """Connect to Ray, unless the caller has; what is started here is ended here.

    Args:
        ray: The module.
        workers: How many cores Ray is given where it is started here; by default all.
        address: The address of a cluster, `auto` for the one that this machine belongs to; by default Ray is started
            here.

    Raises:
        TfkdError: There is no such cluster.
    """
    is_ours = not ray.is_initialized()
    if is_ours:
        try:
            ray.init(
                address=address,
                num_cpus=None if address else workers,
                include_dashboard=None if address else False,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
        except ConnectionError as error:
            raise TfkdError(f"there is no Ray cluster at {address}: {error}") from None
    try:
        yield
    finally:
        if is_ours:
            ray.shutdown()
