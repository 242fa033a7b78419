"""`tfkd annotate`, as a process, and its highlighting."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from click.testing import CliRunner, Result

from tests.commands import Forked, until
from tfkd.models import BiLSTM, Tagger
from tfkd.serving import Annotation, Annotator
from tfkd.text import WordFeatures
from tfkd_base.documents import Entity
from tfkd_base.errors import TfkdError
from tfkd_cli.annotate import annotate
from tfkd_cli.highlight import highlight

TfkdProcess = Callable[..., CompletedProcess[str]]
INPUT = "BRCA1 mutations cause 𝛼 cancer.\r\n\n  \nTwo\u2028lines, cafe\u0301.\n".encode() + b"bad \xff byte"
LINES = ["BRCA1 mutations cause 𝛼 cancer.", "", "  ", "Two\u2028lines, cafe\u0301.", "bad \ufffd byte"]


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not trained: what it finds is of no matter here, but it finds something."""
    folder = tmp_path_factory.mktemp("run")
    tagger = Tagger(
        WordFeatures(["cancer"], ["c"]), ("O", "B-X", "I-X"), encoder=BiLSTM(4, characters=None), head="softmax"
    )
    tagger.head.bias.assign([-1.0, 1.0, 0.0])
    tagger.save(folder / "model.keras")
    return folder


@pytest.mark.slow
def test_a_line_in_gives_a_line_out(run_folder: Path, tmp_path: Path, call_tfkd: TfkdProcess) -> None:
    (tmp_path / "in.txt").write_bytes(INPUT)
    done = call_tfkd("annotate", run_folder, tmp_path / "in.txt", "--batch-size", "2")
    assert done.returncode == 0, done.stderr
    summary, *changes = done.stderr.splitlines()
    assert re.fullmatch(r"5 documents with \d+ entities \(X \d+\), 11 words", summary)
    assert "  documents with bytes that are not UTF-8, read as U+FFFD: 1" in changes
    assert [change for change in changes if "each line is a document" in change]
    assert len(changes) == 2
    found = [json.loads(line) for line in done.stdout.removesuffix("\n").split("\n")]
    assert [one["text"] for one in found] == LINES
    assert [one.pop("id") for one in found] == list("12345")
    assert [bool(one["entities"]) for one in found] == [True, False, False, True, True]
    assert found == [json.loads(a.to_json()) for a in Annotator(run_folder).annotate(LINES, batch_size=2)]
    for one in found:
        assert all(set(e) == {"start", "end", "type", "text", "score"} for e in one["entities"])
        assert all(one["text"][e["start"] : e["end"]] == e["text"] for e in one["entities"])


@pytest.mark.slow
def test_standard_input_and_highlighting(run_folder: Path, call_tfkd: TfkdProcess) -> None:
    done = call_tfkd("annotate", run_folder, "--highlight", "--quiet", stdin="Some cancer.\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert "[X]" in done.stdout
    assert done.stdout.replace("[X]", "") == "Some cancer.\n"


def invoke(*args: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(annotate, list(map(str, args)), input=stdin, standalone_mode=False)


@pytest.mark.slow
def test_broken_documents_give_status_3(run_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(b'{"text": "cancer"}\n{"text": 7}\n')
    done = invoke(run_folder, tmp_path / "in.jsonl", "--out", tmp_path / "out.bioc.xml")
    assert done.return_value == 3
    assert f"tfkd: {tmp_path / 'in.jsonl'}:2: expected an object" in done.stderr
    assert f"1 broken document, set aside in {tmp_path / 'out.bioc.xml.errors.jsonl'}" in done.stderr
    held = json.loads((tmp_path / "out.bioc.xml.errors.jsonl").read_text())
    assert (held["line"], held["raw"]) == (2, '{"text": 7}\n')
    done = invoke(run_folder, "--from", "jsonl", "--errors", tmp_path / "e", stdin='{"text": "cancer"}\nno\n')
    assert done.return_value == 3
    assert json.loads(done.stdout)["text"] == "cancer"
    assert json.loads((tmp_path / "e").read_text())["source"] == "standard input"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--parts"], "--parts needs --out PATH"),
        (["--engine", "ray", "--out", "x.jsonl"], "--engine ray needs files as input"),
        (["--highlight", "--to", "jsonl"], "omit --out and --to"),
        (["--to", "jsnl"], "there is no document format 'jsnl': did you mean 'jsonl'?"),
        (["--out", "x.json"], "which format is x.json to be in"),
        (
            ["demo:gene"],
            "write its files with `tfkd corpus demo corpora/demo`, then annotate corpora/demo/gene/test.tsv",
        ),
    ],
)
def test_options_that_do_not_go_together(options: list[str], said: str) -> None:
    done = invoke("biomedical", *options, stdin="")
    assert isinstance(done.exception, TfkdError)
    assert said in str(done.exception)


@pytest.mark.slow
def test_killed_and_begun_again(run_folder: Path, tmp_path: Path, call_tfkd: TfkdProcess) -> None:
    source = tmp_path / "in.txt"
    source.write_text("Some cancer is here, and some is there.\n" * 2000)
    unbroken, out = tmp_path / "unbroken.jsonl", tmp_path / "out.jsonl"
    assert invoke(run_folder, source, "--out", unbroken, "--block-size", "0.004").return_value == 0
    options = ["annotate", str(run_folder), str(source), "--out", str(out), "--block-size", "0.004"]
    process = Forked(*options)
    until(lambda: len(list(tmp_path.glob("out.jsonl.progress/report-*"))) >= 3, every=0.002)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not out.exists()
    done = call_tfkd(*options)
    assert done.returncode == 0, done.stderr
    assert "resuming an interrupted run" in done.stderr
    assert out.read_bytes() == unbroken.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.txt", "out.jsonl", "unbroken.jsonl"]


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


@pytest.mark.slow
def test_several_models(run_folder: Path, tmp_path: Path) -> None:
    tagger = Tagger(
        WordFeatures(["cancer"], ["c"]), ("O", "B-Y", "I-Y"), encoder=BiLSTM(4, characters=None), head="softmax"
    )
    tagger.head.bias.assign([-1.0, 1.0, 0.0])
    tagger.save(tmp_path / "model.keras")
    done = CliRunner().invoke(annotate, [str(run_folder), "--and", str(tmp_path)], input="cancer\n")
    assert done.exit_code == 0, done.exception
    assert [(e["text"], e["type"]) for e in json.loads(done.stdout)["entities"]] == [("cancer", "X"), ("cancer", "Y")]


def test_a_server_that_is_not_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        done = CliRunner().invoke(annotate, [f"http://127.0.0.1:{taken.getsockname()[1]}/x"], input="cancer\n")
    assert isinstance(done.exception, TfkdError)
    assert "does the server run there" in str(done.exception)


def test_an_unfinished_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("kind: tagger\n")
    done = CliRunner().invoke(annotate, [str(tmp_path)], input="x\n")
    assert isinstance(done.exception, TfkdError)
    assert str(done.exception).startswith("expected the folder of a run, with model.keras in it, or of a SavedModel")
    assert done.output == ""


def test_a_file_that_is_not_there(call_tfkd: TfkdProcess, tmp_path: Path) -> None:
    done = call_tfkd("annotate", "biomedical", tmp_path / "nothing.txt")
    assert done.returncode == 2
    assert "No such file" in done.stderr


def test_the_default_model_finds_entities_in_text(call_tfkd: TfkdProcess) -> None:
    done = call_tfkd("annotate", stdin="Loss of BRCA1 causes hereditary breast cancer in mice.\n")
    assert done.returncode == 0, done.stderr
    assert "  model: biomedical, the default; `tfkd models` has its scores" in done.stderr
    found = {(entity["text"], entity["type"]) for entity in json.loads(done.stdout)["entities"]}
    assert {("BRCA1", "Gene"), ("hereditary breast cancer", "Disease"), ("mice", "Species")} <= found


def test_help_has_an_example(call_tfkd: TfkdProcess) -> None:
    assert "| tfkd annotate" in call_tfkd("annotate", "--help").stdout


def test_highlighting_shows_the_surest_of_overlapping_entities() -> None:
    entities = (Entity(0, 5, "Gene", score=0.7), Entity(0, 12, "Disease", score=0.8))
    assert highlight(Annotation("BRCA1 cancer", entities)).plain == "BRCA1 cancer[Disease]"


def test_highlighting_marks_each_entity_with_its_type() -> None:
    text = "No cancer\x1b[2J by BRCA1."
    entities = (Entity(3, 9, "Disease", score=0.9), Entity(17, 22, "Gene", score=0.8))
    shown = highlight(Annotation(text, entities))
    assert shown.plain == "No cancer[Disease]\ufffd[2J by BRCA1[Gene]."
    styled = {shown.plain[span.start : span.end]: str(span.style) for span in shown.spans}
    assert styled["cancer"] == "bold reverse red"
    assert styled["BRCA1"] == "bold reverse blue"
