"""`tfkd serve`, as a process."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import requests

from tests.commands import Forked, until
from tests.serving.sums import save_sums


@pytest.mark.slow
def test_it_serves_until_it_is_interrupted(tmp_path: Path) -> None:
    save_sums(tmp_path / "sums" / "1")
    process = Forked("serve", "a=sums", "sums", "--grpc-port", "0", "--rest-port", "0", cwd=tmp_path)
    until(lambda: process.poll() is not None or "Press Ctrl-C" in process.output_so_far())
    urls = re.findall(r"http://\S+", process.output_so_far())
    for name, url in zip(("a", "sums"), urls, strict=True):
        address, slash, model = url.rpartition("/")
        assert (model, slash) == (name, "/")
        answer = requests.post(
            f"{address}/v1/models/{name}:predict", json={"instances": [{"a": 1.5, "b": 2}]}, timeout=30
        )
        assert answer.json() == {"predictions": [3.5]}
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert output.splitlines()[-1] == "Press Ctrl-C to stop."


def test_mistakes_are_named(tmp_path: Path, call_tfkd: Callable[..., CompletedProcess[str]]) -> None:
    for arguments, message in (
        (["no-such-model"], "no-such-model: expected the folder of an exported model"),
        (["x/disease", "y/disease"], "there are two models named 'disease'; name one of them: NAME=y/disease"),
        (["=x"], "a model's name has at least one character"),
    ):
        done = call_tfkd("serve", *arguments, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert message in done.stderr
