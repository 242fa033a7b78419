"""The command `tfkd-runtime`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.commands import kept_signals
from tfkd.models import BiLSTM, Tagger
from tfkd.serving import Annotator, export_onnx
from tfkd.text import WordFeatures
from tfkd_runtime.command import main


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    model = Tagger(WordFeatures(["cancer"], ["c"]), ["O", "B-X", "I-X"], encoder=BiLSTM(units=2), head="crf")
    model.head.bias.assign([-9, 9, 0])
    return model


@pytest.fixture(scope="module")
def model(tagger: Tagger, tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(export_onnx(tagger, tmp_path_factory.mktemp("models") / "x.onnx", about={"generated": True}))


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """`call("annotate", ...)`: run the command; return its status and what it writes."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        return int(ended.value.code or 0), *capfd.readouterr()

    with kept_signals():
        yield run


def test_documents_get_their_entities(call: Callable, model: str, tagger: Tagger, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("No cancer.\n\nIt is \u03b1.\n", encoding="utf-8")
    status, out, err = call("annotate", model, tmp_path / "in.txt", "--threads", "1", "--min-score", "0.1")
    assert status == 0, err
    documents = [json.loads(line) for line in out.splitlines()]
    found = [[(e["start"], e["end"], e["type"]) for e in document["entities"]] for document in documents]
    expected = Annotator(tagger).annotate([document["text"] for document in documents])
    assert found == [[(e.start, e.end, e.type) for e in annotation.entities] for annotation in expected]
    assert "3 documents with 7 entities (X 7), 5 words" in err
    assert "was trained on generated sentences" in err


def test_the_default_is_the_bundled_model(call: Callable, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("Loss of BRCA1 causes breast cancer.\n")
    status, out, err = call("annotate", tmp_path / "in.txt", "--threads", "1")
    assert (status, "model: biomedical, the default" in err) == (0, True), err
    assert ("BRCA1", "Gene") in [(entity["text"], entity["type"]) for entity in json.loads(out)["entities"]]


def test_formats_follow_from_the_options(call: Callable, model: str, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"id": "7", "text": "No cancer."}\n{"id": 8}\n')
    out = tmp_path / "out.tsv"
    status, _, err = call("annotate", model, tmp_path / "in.jsonl", "--to", "columns", "--out", out, "--quiet")
    assert status == 3, err
    assert "cancer\tB-X" in out.read_text()
    (broken,) = map(json.loads, (tmp_path / "out.tsv.errors.jsonl").read_text().splitlines())
    assert broken["line"] == 2


def test_mistakes_end_with_a_message(call: Callable, model: str, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("Cancer.\n")
    status, _, err = call("annotate", tmp_path / "missing.onnx", tmp_path / "in.txt")
    assert (status, "which does not exist" in err) == (2, True)
    status, _, err = call("annotate", model, tmp_path / "missing.txt")
    assert (status, "missing.txt" in err.splitlines()[-1]) == (2, True)
    status, _, err = call("annotate", model, tmp_path / "in.txt", "--task", "gene")
    assert (status, "omit the task 'gene'" in err) == (2, True)


def test_batches_change_nothing(call: Callable, model: str, tmp_path: Path) -> None:
    lines = [" ".join(["cancer"] * int(n)) for n in np.random.default_rng(1).integers(1, 40, 30)]
    (tmp_path / "in.txt").write_text("\n".join(lines))
    for size in ("1", "32"):
        call(
            "annotate",
            model,
            tmp_path / "in.txt",
            "--from",
            "lines",
            "--batch-size",
            size,
            "--out",
            tmp_path / f"{size}.pubtator",
        )
    assert (tmp_path / "1.pubtator").read_text() == (tmp_path / "32.pubtator").read_text()
