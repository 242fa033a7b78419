"""`tfkd annotate`, as a process, and its highlighting."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from click.testing import CliRunner

from tfkd.errors import TfkdError
from tfkd.models import BiLSTM, Tagger
from tfkd.preprocessing import WordFeatures
from tfkd.serving import Annotation, Annotator, Entity
from tfkd_cli.annotate import Lines, annotate
from tfkd_cli.highlight import highlight

TfkdProcess = Callable[..., CompletedProcess[str]]
INPUT = "BRCA1 mutations cause 𝛼 cancer.\r\n\n  \nTwo\u2028lines, cafe\u0301.\n".encode() + b"bad \xff byte"
LINES = ["BRCA1 mutations cause 𝛼 cancer.", "", "  ", "Two\u2028lines, cafe\u0301.", "bad \ufffd byte"]


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not trained: what it finds is of no matter here, but it finds something."""
    folder = tmp_path_factory.mktemp("run")
    tagger = Tagger(WordFeatures(["cancer"], ["c"]), ("O", "B-X", "I-X"), encoder=BiLSTM(4, characters=None))
    tagger.head.bias.assign([-1.0, 1.0, 0.0])
    tagger.save(folder / "model.keras")
    return folder


@pytest.mark.slow
def test_a_line_in_gives_a_line_out(run_folder: Path, tmp_path: Path, run_tfkd: TfkdProcess) -> None:
    (tmp_path / "in.txt").write_bytes(INPUT)
    done = run_tfkd("annotate", run_folder, tmp_path / "in.txt", "--batch-size", "2")
    assert done.returncode == 0, done.stderr
    assert done.stderr == "tfkd: 1 lines held bytes that are not UTF-8, annotated as U+FFFD\n"
    found = [json.loads(line) for line in done.stdout.removesuffix("\n").split("\n")]
    assert [one["text"] for one in found] == LINES
    assert [bool(one["entities"]) for one in found] == [True, False, False, True, True]
    assert found == [json.loads(a.to_json()) for a in Annotator(run_folder).annotate(LINES, batch_size=2)]
    for one in found:
        assert all(set(e) == {"start", "end", "type", "text", "score"} for e in one["entities"])
        assert all(one["text"][e["start"] : e["end"]] == e["text"] for e in one["entities"])


@pytest.mark.slow
def test_standard_input_and_highlighting(run_folder: Path, run_tfkd: TfkdProcess) -> None:
    done = run_tfkd("annotate", run_folder, "--highlight", stdin="Some cancer.\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert "[X]" in done.stdout
    assert done.stdout.replace("[X]", "") == "Some cancer.\n"


@pytest.mark.slow
def test_a_reader_that_leaves_is_no_error(run_folder: Path) -> None:
    command = [sys.executable, "-m", "tfkd_cli", "annotate", str(run_folder)]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = subprocess.Popen(command, env=os.environ, **pipes)
    assert process.stdin
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    process.stdin.write(b"cancer\n" * 100)
    process.stdin.close()
    assert process.stderr.read() == b""
    assert process.wait() != 2


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(annotate, [str(tmp_path)], input="x\n")
    assert isinstance(done.exception, TfkdError)
    assert str(done.exception).startswith("expected the folder of a run, with model.keras in it, or of a SavedModel")
    assert done.output == ""


def test_a_file_that_is_not_there(run_tfkd: TfkdProcess, tmp_path: Path) -> None:
    done = run_tfkd("annotate", "run", tmp_path / "nothing.txt")
    assert done.returncode == 2
    assert "No such file" in done.stderr


def test_help_has_an_example(run_tfkd: TfkdProcess) -> None:
    assert "| tfkd annotate savedmodels/disease" in run_tfkd("annotate", "--help").stdout


def test_lines_end_at_line_feeds_only() -> None:
    lines = Lines(io.BytesIO(b"\xef\xbb\xbfa\x0bb\rc\r\n\n\xef\xbb\xbf" + "d\u2028e\x85".encode()))
    assert list(lines) == ["a\x0bb\rc", "", "\ufeffd\u2028e\x85"]
    assert lines.repaired == 0


def test_highlighting_marks_each_entity_with_its_type() -> None:
    text = "No cancer\x1b[2J by BRCA1."
    entities = (Entity(3, 9, "Disease", "cancer", 0.9), Entity(17, 22, "Gene", "BRCA1", 0.8))
    shown = highlight(Annotation(text, entities))
    assert shown.plain == "No cancer[Disease]\ufffd[2J by BRCA1[Gene]."
    styled = {shown.plain[span.start : span.end]: str(span.style) for span in shown.spans}
    assert styled["cancer"] == "bold reverse red"
    assert styled["BRCA1"] == "bold reverse blue"
