"""Signals that ask a process to end: turned into an interrupt, held back, delivered to the handlers before."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.commands import kept_signals
from tfkd_base.signals import REPEAT_SECONDS, HeldSignals, Interrupts, kept_handlers

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no SIGHUP")


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    with kept_signals():
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may run under nohup
        yield


@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_the_first_signal_is_an_interrupt_with_its_own_status(name: str, status: int) -> None:
    interrupts = Interrupts()
    interrupts.install()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.Signals[name])
    assert (interrupts.name, interrupts.status) == (name, status)
    signal.raise_signal(signal.Signals[name])  # so soon, it is the same request


def test_the_second_one_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[Any] = []
    monkeypatch.setattr("os._exit", ends.append)
    interrupts = Interrupts(lambda: ends.append("terminal"))
    interrupts.install()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)
    time.sleep(REPEAT_SECONDS)
    signal.raise_signal(signal.SIGHUP)  # a terminal that is closed sends it twice
    assert ends == []
    signal.raise_signal(signal.SIGTERM)
    assert ends == ["terminal", 143]


def test_under_nohup_the_end_of_the_terminal_is_ignored_and_ctrl_c_is_not() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell starts a job in the background
    Interrupts().install()
    signal.raise_signal(signal.SIGHUP)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_held_signals_reach_the_handler_before_once_work_is_saved() -> None:
    heard: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    is_saved = False
    held = HeldSignals(lambda: is_saved)
    with held.hold():
        signal.raise_signal(signal.SIGHUP)
        assert not held.is_pending
        signal.raise_signal(signal.SIGTERM)
        assert (held.is_pending, heard) == (True, [])
        held.deliver()
        assert heard == [signal.SIGTERM]
    assert (held.is_pending, len(heard)) == (False, 1)
    with held.hold():
        is_saved = True
        signal.raise_signal(signal.SIGTERM)
        assert len(heard) == 2
    with held.hold():
        is_saved = False
        signal.raise_signal(signal.SIGTERM)
        time.sleep(REPEAT_SECONDS)
        signal.raise_signal(signal.SIGTERM)
        assert len(heard) == 3, "a second signal is not held back"


def test_a_handler_that_was_set_from_c_stays_as_the_block_leaves_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # `getsignal` returns None for a handler that was set before Python started.
    with monkeypatch.context() as patch:
        patch.setattr(signal, "getsignal", {signal.SIGTERM: None}.get)
        with kept_handlers():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
