"""The folder of a run: who may write to it, and what a run resumes from."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tfkd.config import load_config, parse_config
from tfkd.runs import RunFolder
from tfkd_base.errors import TfkdError

CONFIG = parse_config("kind: tagger\ntasks: {gene: {path: 'demo:gene'}}")


def test_one_process_at_a_time_holds_a_folder(tmp_path):
    folder = RunFolder(tmp_path / "run")
    with folder.hold(CONFIG):
        with pytest.raises(TfkdError, match="is in use by process"), RunFolder(folder.path).hold(CONFIG):
            pass
        with (
            pytest.raises(TfkdError, match="is in use by process"),
            RunFolder(folder.path).hold(CONFIG, overwrite=True),
        ):
            pass
    with folder.hold(CONFIG):
        pass


def test_an_unfinished_run_resumes_with_its_own_configuration_only(tmp_path):
    folder = RunFolder(tmp_path)
    with folder.hold(CONFIG):
        (tmp_path / "checkpoint.npz").write_text("a checkpoint")
    other = parse_config("kind: tagger\nseed: 2\ntasks: {gene: {path: 'demo:gene'}}\ntraining: {epochs: 3}")
    with pytest.raises(TfkdError, match="other settings: seed was 1 and is now 2, and 1 more keys differ"):
        folder.check(other)
    with folder.hold(CONFIG):
        assert (tmp_path / "checkpoint.npz").exists()
    with folder.hold(other, overwrite=True):
        assert not (tmp_path / "checkpoint.npz").exists()
    folder.check(other)


def test_a_finished_run_has_no_checkpoint_and_is_not_overwritten(tmp_path):
    folder = RunFolder(tmp_path)
    with folder.hold(CONFIG):
        (tmp_path / "checkpoint.npz").write_text("a checkpoint")
        folder.finish({"gene": 1})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.yaml", "scores.json"]
    with pytest.raises(TfkdError, match="holds a finished run"):
        folder.check(CONFIG)
    with folder.hold(CONFIG, overwrite=True):
        assert not folder.is_finished


@pytest.mark.parametrize("name", ["demo-teacher", "demo-student"])
def test_an_unfinished_run_of_the_first_version_resumes(tmp_path, name):
    """The configurations are those that the first version wrote into its run folders."""
    shutil.copy(Path(__file__).with_name("version_0_1") / f"{name}.yaml", tmp_path / "config.yaml")
    (tmp_path / "checkpoint.npz").touch()
    RunFolder(tmp_path).check(load_config(name).with_choices())
    with pytest.raises(TfkdError, match="other settings: seed was 1 and is now 2"):
        RunFolder(tmp_path).check(load_config(name, ["seed=2"]).with_choices())


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("config.yaml", "holds an unfinished run: finish it first, by the command that started it"),
        ("saved_model.pb", "is a SavedModel and not a run: score it with `tfkd evaluate SAVEDMODEL --corpus PATH`"),
        ("2/saved_model.pb", "is a SavedModel and not a run"),
        ("cache.json", "is an output cache of a teacher and not a run: name the teacher's run"),
        ("study.yaml", "is a study and not a run: its runs are in "),
        ("config.json", "is a pretrained model and not a run: train a tagger with `encoder: {transformer: "),
        ("train.tsv", "is a corpus and not a run: expected the folder that `tfkd train`"),
        ("notes.txt", "holds no run: expected the folder that `tfkd train`"),
    ],
)
def test_another_folder_is_named(tmp_path, file, message):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("")
    with pytest.raises(TfkdError) as caught:
        RunFolder(tmp_path).config()
    assert message in str(caught.value)


def test_a_file_is_no_run(tmp_path):
    (tmp_path / "model.keras").write_text("")
    with pytest.raises(TfkdError, match="is a file: expected the folder that `tfkd train`"):
        RunFolder(tmp_path / "model.keras").config()
