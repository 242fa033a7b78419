"""`tfkd server-config`, as a process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

EXPECTED = """model_config_list {
  config {
    name: "disease"
    base_path: "/models/disease"
    model_platform: "tensorflow"
  }
}
"""


@pytest.mark.slow
def test_it_prints_the_configuration(tmp_path: Path, call_tfkd: Callable[..., CompletedProcess[str]]) -> None:
    (tmp_path / "disease" / "1").mkdir(parents=True)
    (tmp_path / "disease" / "1" / "saved_model.pb").touch()
    done = call_tfkd("server-config", tmp_path, "--base-path", "/models")
    assert (done.returncode, done.stdout, done.stderr) == (0, EXPECTED, "")
    refused = call_tfkd("server-config", tmp_path / "disease" / "1")
    assert refused.returncode == 2
    assert "expected a folder of exported models" in refused.stderr
