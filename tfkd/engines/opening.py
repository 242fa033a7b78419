"""Engines by name."""

from __future__ import annotations

from tfkd.engines.base import Engine, MakeWork, Payload, Result
from tfkd.engines.local import LocalEngine
from tfkd.engines.ray import RayEngine
from tfkd_base.errors import TfkdError, nearest

ENGINES = ("local", "ray")


def open_engine(
    name: str,
    make_work: MakeWork[Payload, Result],
    *,
    workers: int | None = None,
    address: str | None = None,
    default_workers: int | None = None,
) -> Engine[Payload, Result]:
    """Return an engine, ready for jobs.

    Args:
        name: `local`, this process; or `ray`.
        make_work: Makes a worker.
        workers: How many workers. Default: on Ray, one for each core; otherwise `default_workers`.
        address: With Ray, the address of a cluster, or `auto`. Default: Ray is started on this machine.
        default_workers: How many workers the local engine has unless `workers` says otherwise, with a thread each.
            `None`: it has one, without a thread, and refuses `workers`.

    Raises:
        TfkdError: As `check_engine`, Ray is not installed, or there is no such cluster.

    Example:
        >>> with open_engine("local", lambda: len) as engine:
        ...     engine.submit("a", "text")
        ...     engine.wait(1.0)[0].unwrap()
        4
    """
    check_engine(name, workers=workers, address=address, default_workers=default_workers)
    if name == "ray":
        return RayEngine(make_work, workers, address)
    return LocalEngine(make_work, workers or default_workers or 1, threads=default_workers is not None)


def check_engine(
    name: str, *, workers: int | None = None, address: str | None = None, default_workers: int | None = None
) -> None:
    """Check the options of an engine without opening it; the arguments are those of `open_engine`.

    Raises:
        TfkdError: There is no such engine, there are fewer than 1 worker, or an option belongs to Ray.

    Example:
        >>> check_engine("rya")
        Traceback (most recent call last):
        tfkd_base.errors.TfkdError: there is no engine 'rya': did you mean 'ray'?
    """
    if name not in ENGINES:
        raise TfkdError(f"there is no engine {name!r}: {nearest(name, ENGINES)}")
    if workers is not None and workers < 1:
        raise TfkdError(f"expected 1 worker or more, got {workers}")
    if name != "local":
        return
    if address is not None:
        raise TfkdError("an address belongs to the engine ray: use --engine ray, or omit --address")
    if workers is not None and default_workers is None:
        raise TfkdError("workers belong to the engine ray: use --engine ray, or omit --workers")
