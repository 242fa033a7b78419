"""Progress on a console: lines where there is no terminal, a bar that goes away where there is one."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from tfkd.annotate import AnnotationProgress, AnnotationReport
from tfkd_base import progress as shown
from tfkd_cli import annotate_progress
from tfkd_cli.annotate_progress import ProgressDisplay
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


def test_annotating_shows_the_share_then_the_writing_and_of_a_stream_the_documents(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(annotate_progress, "INTERVAL", 0.0)
    output = io.StringIO()
    done = AnnotationProgress(200)
    with ProgressDisplay(Console(file=output, width=80)) as display:
        done.advance(50, AnnotationReport(documents=1, words=9, characters=50))
        display.show(done)
        done.write(1, 4)
        display.show(done)
        display.show_documents(AnnotationReport(documents=1200, words=20000))
    assert output.getvalue().splitlines() == [
        "25.0% of the input annotated; 9 words, 0 words/s",
        "1 of 4 documents written",
        "1,200 documents, 20,000 words annotated",
    ]
    output = io.StringIO()
    with ProgressDisplay(Console(file=output, width=80, force_terminal=True)) as display:
        display.show(done)
    assert "loading the models" in output.getvalue()
    assert "writing the output" in output.getvalue()
