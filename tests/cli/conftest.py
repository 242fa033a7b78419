"""The command line inside the test's own process, which has imported TensorFlow already."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tfkd_cli.main import main


@dataclass(frozen=True)
class Answer:
    """Exit status and output of a command, named as those of `subprocess.run`."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def call_tfkd(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    """`call_tfkd("train", "x.yaml", cwd=...)`: run `tfkd` without a new process."""
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("NO_COLOR", "1")

    def call(*arguments: str | Path, cwd: Path | None = None) -> Answer:
        capsys.readouterr()
        with contextlib.chdir(cwd or Path.cwd()), pytest.raises(SystemExit) as caught:
            main([*map(str, arguments)])
        captured = capsys.readouterr()
        assert isinstance(caught.value.code, int)
        return Answer(caught.value.code, captured.out, captured.err)

    return call
