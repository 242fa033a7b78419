"""The connection to Ray: to one that is started here, or to a cluster."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tfkd_base.errors import TfkdError

MISSING = "the engine ray needs Ray, which is not installed: pip install 'tfkd[ray]'"

SECONDS_TO_CONNECT = 10


def import_ray(address: str | None = None) -> Any:
    """Import Ray.

    Args:
        address: Of the cluster that will be asked for. It may want the token that stands on this machine, which Ray
            sends by itself to the cluster that it calls `auto`, and to another only where it is told to.

    Raises:
        TfkdError: It is not installed.
    """
    # Ray's own reports and what its C++ side says are left out, but for what ends the work; a worker that died is none.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    tokens = (os.environ.get("RAY_AUTH_TOKEN"), os.environ.get("RAY_AUTH_TOKEN_PATH"))
    if address is not None and (any(tokens) or (Path.home() / ".ray" / "auth_token").is_file()):
        os.environ.setdefault("RAY_AUTH_MODE", "token")
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
        _require_reachable(address)
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


def _require_reachable(address: str | None) -> None:
    """Refuse an address where nothing listens; Ray itself would try for minutes."""
    host, _, port = (address or "").rpartition(":")
    if not host or "/" in host or not port.isdecimal():
        return  # `auto`, or a form that is Ray's to understand
    try:
        socket.create_connection((host.strip("[]"), int(port)), SECONDS_TO_CONNECT).close()
    except (OSError, OverflowError) as error:
        raise TfkdError(f"there is no Ray cluster at {address}: {error}") from None
