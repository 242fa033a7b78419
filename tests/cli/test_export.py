"""`tfkd export`, as a process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from click.testing import CliRunner

from tfkd.errors import TfkdError
from tfkd.models import BiLSTM, MultiTaskTagger, Tagger
from tfkd.preprocessing import WordFeatures
from tfkd_cli.export import export

TfkdProcess = Callable[..., CompletedProcess[str]]
TAGS = ("O", "B-X", "I-X")


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    Tagger(WordFeatures(["cancer"], ["c"]), TAGS, encoder=BiLSTM(2, characters=None)).save(folder / "model.keras")
    return folder


@pytest.mark.slow
def test_a_run_becomes_the_next_version(run_folder: Path, tmp_path: Path, run_tfkd: TfkdProcess) -> None:
    for number in ("1", "2"):
        done = run_tfkd("export", run_folder, "savedmodels/x", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == f"savedmodels/x/{number}"
        assert done.stderr == ""
        assert (tmp_path / "savedmodels" / "x" / number / "saved_model.pb").is_file()
    done = run_tfkd("export", run_folder, "savedmodels/x/2", cwd=tmp_path)
    assert done.returncode == 2
    assert "savedmodels/x/2 exists" in done.stderr


@pytest.mark.slow
def test_a_teacher_needs_a_task(tmp_path: Path) -> None:
    text, encoder = WordFeatures(["cancer"], ["c"]), BiLSTM(2, characters=None)
    MultiTaskTagger(text, {"a": TAGS, "b": TAGS}, encoder=encoder).save(tmp_path / "model.keras")
    refused = CliRunner().invoke(export, [str(tmp_path), str(tmp_path / "x")])
    assert isinstance(refused.exception, TfkdError)
    assert str(refused.exception).endswith("holds a multi-task teacher; choose one of its tasks with --task: 'a', 'b'")
    done = CliRunner().invoke(export, [str(tmp_path), str(tmp_path / "x"), "--task", "b"])
    assert (done.exit_code, done.output.strip()) == (0, str(tmp_path / "x" / "1"))


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(export, [str(tmp_path / "nothing"), str(tmp_path / "x")])
    assert isinstance(done.exception, TfkdError)
    assert "nothing: expected the folder of a run, with model.keras in it" in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_help_has_an_example(run_tfkd: TfkdProcess) -> None:
    assert "Example: tfkd export runs/student savedmodels/disease" in run_tfkd("export", "--help").stdout
