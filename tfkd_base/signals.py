"""Signals that ask a process to end: as `KeyboardInterrupt`, and held back until work is saved."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NoReturn

STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
)
"""The signals of this system that ask a process to end: Windows has no SIGHUP, others have no SIGBREAK."""
REPEAT_SECONDS = 0.5
"""A signal so soon after the first one is the same request: a closed terminal and some clusters send several."""


class StopRequest:
    """The first signal that asked this process to end, and whether the user insists.

    Attributes:
        number: The signal; `None` until one came.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._time = 0.0

    def add(self, number: int) -> bool:
        """Record a signal; return whether it is a second request after the first one."""
        now = time.monotonic()
        if self.number is None:
            self.number, self._time = number, now
            return False
        return number != getattr(signal, "SIGHUP", None) and now - self._time >= REPEAT_SECONDS


class Interrupts:
    """Handlers that turn the first stop signal into `KeyboardInterrupt`; a second one ends the process at once.

    SIGINT is handled even if the shell started this process with the signal ignored, as it starts jobs in the
    background. SIGHUP stays ignored if it is, as under `nohup`.

    Args:
        before_exit: Called before a second signal ends the process, for example to restore the terminal.
    """

    def __init__(self, before_exit: Callable[[], object] | None = None) -> None:
        self.request = StopRequest()
        self._before_exit = before_exit

    def install(self) -> None:
        """Set the handlers of the main thread; in another thread nothing is done."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in STOP_SIGNALS:
            is_ignored = signal.getsignal(number) == signal.SIG_IGN
            if not (is_ignored and number == getattr(signal, "SIGHUP", None)):
                signal.signal(number, self._handle)

    @property
    def name(self) -> str:
        """Name of the signal that came, such as `SIGTERM`."""
        return signal.Signals(self.request.number or signal.SIGINT).name

    @property
    def status(self) -> int:
        """Exit status for the signal that came: 128 and its number."""
        return 128 + (self.request.number or signal.SIGINT)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.request.number is None:
            self.request.add(number)
            raise KeyboardInterrupt
        if self.request.add(number):
            self._exit(number)

    def _exit(self, number: int) -> NoReturn:
        with contextlib.suppress(Exception):
            if self._before_exit is not None:
                self._before_exit()
        os._exit(128 + number)


class HeldSignals:
    """Holds stop signals back while they would lose work, and delivers them to the handlers that were set before.

    Example:
        >>> held = HeldSignals(may_deliver=lambda: False)
        >>> try:
        ...     with held.hold():
        ...         signal.raise_signal(signal.SIGINT)
        ...         print("is asked to stop:", held.is_pending)
        ...         held.deliver()
        ... except KeyboardInterrupt:
        ...     print("interrupted")
        is asked to stop: True
        interrupted

    Args:
        may_deliver: Called in the handler: whether the signal can be delivered at once. It may save work first. A
            second signal is delivered in any case.
    """

    def __init__(self, may_deliver: Callable[[], bool]) -> None:
        self._may_deliver = may_deliver
        self._request = StopRequest()
        self._before: dict[int, Any] = {}

    @property
    def is_pending(self) -> bool:
        """Whether a signal is held back."""
        return self._request.number is not None

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Hold signals back in a block. A signal that is still held at the end is delivered then.

        Ignored signals stay ignored. In a thread other than the main one nothing is held.
        """
        if threading.current_thread() is threading.main_thread():
            for number in STOP_SIGNALS:
                handler = signal.getsignal(number)
                if handler is not None and handler != signal.SIG_IGN:
                    self._before[number] = handler
                    signal.signal(number, self._receive)
        try:
            yield
        finally:
            self._restore()
        self.deliver()

    def deliver(self) -> None:
        """Give the signal that is held back, if there is one, to the handler that was set before."""
        number, self._request = self._request.number, StopRequest()
        if number is None:
            return
        handler = self._before.get(number, signal.getsignal(number))
        self._restore()
        if callable(handler):
            handler(number, None)
        else:
            signal.raise_signal(number)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self._request.add(number) or self._may_deliver():
            self.deliver()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            if signal.getsignal(number) == self._receive:
                signal.signal(number, handler)


@contextlib.contextmanager
def kept_handlers() -> Iterator[None]:
    """Restore the handlers of stop signals after a block that sets its own.

    Python cannot restore a handler that a program in C set before it started Python. In a thread other than the main
    one nothing is restored.

    Example:
        >>> before = signal.getsignal(signal.SIGTERM)
        >>> with kept_handlers():
        ...     _ = signal.signal(signal.SIGTERM, signal.SIG_IGN)
        >>> signal.getsignal(signal.SIGTERM) == before
        True
    """
    handlers = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            for number, handler in handlers.items():
                if handler is not None:
                    signal.signal(number, handler)
