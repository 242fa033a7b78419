"""`tfkd export`, as a process."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from click.testing import CliRunner

from tfkd.config import load_config
from tfkd.models import BiLSTM, MultiTaskTagger, Tagger
from tfkd.runs import train
from tfkd.text import WordFeatures
from tfkd_base.errors import TfkdError
from tfkd_cli.export import export
from tfkd_runtime.onnx_model import OnnxModel

TfkdProcess = Callable[..., CompletedProcess[str]]
TAGS = ("O", "B-X", "I-X")


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    Tagger(WordFeatures(["cancer"], ["c"]), TAGS, encoder=BiLSTM(2, characters=None), head="softmax").save(
        folder / "model.keras"
    )
    return folder


@pytest.mark.slow
def test_a_run_becomes_the_next_version(run_folder: Path, tmp_path: Path, call_tfkd: TfkdProcess) -> None:
    for number in ("1", "2"):
        done = call_tfkd("export", run_folder, "savedmodels/x", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == f"savedmodels/x/{number}"
        assert done.stderr in ("", "  exporting the model ...\n")  # it is shown after some seconds
        assert (tmp_path / "savedmodels" / "x" / number / "saved_model.pb").is_file()
    done = call_tfkd("export", run_folder, "savedmodels/x/2", cwd=tmp_path)
    assert done.returncode == 2
    assert "savedmodels/x/2 exists" in done.stderr


@pytest.mark.slow
def test_a_teacher_is_exported_whole_or_by_its_tasks(tmp_path: Path) -> None:
    text, encoder = WordFeatures(["cancer"], ["c"]), BiLSTM(2, characters=None)
    tasks = dict.fromkeys(("a", "b", "c"), TAGS)
    MultiTaskTagger(text, tasks, encoder=encoder, task_encoder=None, head="softmax").save(tmp_path / "model.keras")
    for number, (options, found) in enumerate(
        [([], ["a", "b", "c"]), (["--task", "c", "--task", "a"], ["c", "a"]), (["--task", "b"], None)], start=1
    ):
        done = CliRunner().invoke(export, [str(tmp_path), str(tmp_path / "x"), *options, "--licence", "CC BY 4.0"])
        folder = tmp_path / "x" / str(number)
        assert (done.exit_code, done.stdout.strip()) == (0, str(folder))
        card = json.loads((folder / "assets.extra" / "tfkd.json").read_text())
        assert (list(card["tasks"]) if "tasks" in card else None) == found
        assert card["data_license"] == "CC BY 4.0"
    refused = CliRunner().invoke(export, [str(tmp_path), str(tmp_path / "x"), "--task", "d"])
    assert isinstance(refused.exception, TfkdError)
    assert "has no task 'd'" in str(refused.exception)


@pytest.mark.slow
def test_the_card_tells_of_the_run(tmp_path: Path) -> None:
    config = load_config(
        "demo-student", ["training.epochs=1", "tasks={gene: {path: 'demo:gene', train_sentences: 20}}"]
    )
    result = train(config, tmp_path / "run")
    done = CliRunner().invoke(export, [str(tmp_path / "run"), str(tmp_path / "gene")])
    assert done.exit_code == 0, done.exception
    card = json.loads((tmp_path / "gene" / "1" / "assets.extra" / "tfkd.json").read_text())
    assert card["corpora"] == {"gene": "demo:gene"}
    scores = card["scores"]["gene"]["test"]
    assert scores.pop("overlap") == {"in_training_sets": 0, "trained_on": 0}
    assert scores == result.scores["gene"]["test"].to_dict()
    assert card["sizes"]["parameters"] == result.parameters
    assert card["configuration"]["training"]["epochs"] == 1
    assert card["data_license"] is None
    page = (tmp_path / "gene" / "1" / "assets.extra" / "README.md").read_text()
    assert f"| gene | test | all (micro) | {100 * result.scores['gene']['test'].micro.precision:.2f} |" in page


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(export, [str(tmp_path / "nothing"), str(tmp_path / "x")])
    assert isinstance(done.exception, TfkdError)
    assert "nothing: expected the folder of a run, with model.keras in it" in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_help_has_an_example(call_tfkd: TfkdProcess) -> None:
    assert "Example: tfkd export runs/student savedmodels/disease" in call_tfkd("export", "--help").stdout


def test_a_run_becomes_an_onnx_file(run_folder: Path, tmp_path: Path) -> None:
    for options, name in (([], "a.onnx"), (["--format", "onnx", "--weights", "float32"], "b")):
        done = CliRunner().invoke(export, [str(run_folder), str(tmp_path / name), *options, "--licence", "CC BY 4.0"])
        assert (done.exit_code, done.stdout.strip()) == (0, str(tmp_path / name))
    card = OnnxModel(tmp_path / "b").description
    assert (card["types"], card["weights"], card["data_license"]) == (["X"], "float32", "CC BY 4.0")


def test_a_savedmodel_may_store_word_vectors_as_int8(run_folder: Path, tmp_path: Path) -> None:
    for options, weights in (([], "float32"), (["--weights", "int8"], "int8")):
        done = CliRunner().invoke(export, [str(run_folder), str(tmp_path / weights), *options])
        assert done.exit_code == 0, done.exception
        card = json.loads((tmp_path / weights / "1" / "assets.extra" / "tfkd.json").read_text(encoding="utf-8"))
        assert card["weights"] == weights
