"""Progress on a console: lines where there is no terminal, a bar that goes away where there is one."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from tfkd_base import progress as shown
from tfkd_cli.progress import ConsoleProgress


def test_elsewhere_lines_are_plain_and_counted_work_is_reported_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.StringIO()
    progress = ConsoleProgress(Console(file=output, width=40))
    progress.stage("Teacher [1]")
    progress.message("a [line] longer than the width of the console, not wrapped")
    progress.start("epoch 1/2", 5, "batches")
    progress.advance(1)
    now = shown.time.monotonic()
    monkeypatch.setattr(shown.time, "monotonic", lambda: now + 10)
    monkeypatch.setattr(shown, "INTERVAL", 0.0)
    progress.advance(2)
    progress.end()
    with progress.counted("loading the model"):
        pass
    monkeypatch.setattr(shown, "DELAY", 0.0)
    with progress.counted("loading a large model"):
        time.sleep(0.2)
    assert output.getvalue().splitlines() == [
        "Teacher [1]",
        "  a [line] longer than the width of the console, not wrapped",
        "  epoch 1/2: 2 of 5 batches, 15 s left",
        "  loading a large model ...",
    ]


def test_on_a_terminal_a_bar_moves_and_messages_stay_above_it() -> None:
    output = io.StringIO()
    progress = ConsoleProgress(Console(file=output, width=80, force_terminal=True))
    for epoch in (1, 2):
        progress.start(f"epoch {epoch}", 5, "batches")
        progress.advance(3)
        progress.message("loss 0.5")
    progress.end()
    progress.end()
    text = output.getvalue()
    assert "epoch 2" in text
    assert "3/5" in text
    assert text.count("loss 0.5") == 2
    assert text.endswith("\x1b[2K")  # the bar's line is erased
