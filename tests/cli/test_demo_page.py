"""`tfkd demo-page`, as a process."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import requests

from tests.commands import Forked, until
from tfkd.models import BiLSTM, Tagger
from tfkd.text import WordFeatures


@pytest.mark.slow
def test_it_serves_until_it_is_interrupted(tmp_path: Path) -> None:
    tagger = Tagger(WordFeatures(["x"], ["c"]), ["O", "B-X", "I-X"], encoder=BiLSTM(2, characters=None), head="softmax")
    tagger.save(tmp_path / "model.keras")
    process = Forked("demo-page", tmp_path, "--port", "0")
    until(lambda: process.poll() is not None or "Press Ctrl-C" in process.output_so_far())
    (address,) = re.findall(r"http://\S+", process.output_so_far())
    assert f"{tmp_path}: X" in requests.post(address, data={"text": "cancer"}, timeout=60).text
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_what_is_no_model_is_refused(tmp_path: Path, call_tfkd: Callable[..., CompletedProcess[str]]) -> None:
    done = call_tfkd("demo-page", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "expected the folder of a run" in done.stderr
