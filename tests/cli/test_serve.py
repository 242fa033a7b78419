"""`tfkd serve`, as a process."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import requests
import tensorflow as tf

from tests.commands import Forked


class Lengths(tf.Module):
    """A model of one input."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def measure(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"length": tf.strings.length(text)}


@pytest.mark.slow
def test_it_serves_until_it_is_interrupted(tmp_path: Path) -> None:
    module = Lengths()
    tf.saved_model.save(module, tmp_path / "lengths" / "1", signatures={"serving_default": module.measure})
    process = Forked("serve", "a=lengths", "lengths", "--grpc-port", "0", "--rest-port", "0", cwd=tmp_path)
    until = time.monotonic() + 120
    while not (urls := re.findall(r"http://\S+", process.output_so_far())):
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.05)
    for name, url in zip(("a", "lengths"), urls, strict=True):
        address, slash, model = url.rpartition("/")
        assert (model, slash) == (name, "/")
        answer = requests.post(f"{address}/v1/models/{name}:predict", json={"instances": ["ab", ""]}, timeout=30)
        assert answer.json() == {"predictions": [2, 0]}
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
