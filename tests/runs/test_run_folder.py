from __future__ import annotations

import pytest

from tfkd.config import parse_config
from tfkd.runs import RunFolder
from tfkd_base.errors import TfkdError

CONFIG = parse_config("kind: tagger\ntasks: {gene: {path: 'demo:gene'}}")


def test_a_folder_is_held_by_one_at_a_time(tmp_path):
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


def test_an_unfinished_run_is_gone_on_with_by_its_own_configuration_only(tmp_path):
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


def test_a_finished_run_has_no_checkpoint_and_is_kept(tmp_path):
    folder = RunFolder(tmp_path)
    with folder.hold(CONFIG):
        (tmp_path / "checkpoint.npz").write_text("a checkpoint")
        folder.finish({"gene": 1})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.yaml", "scores.json"]
    with pytest.raises(TfkdError, match="holds a finished run"):
        folder.check(CONFIG)
    with folder.hold(CONFIG, overwrite=True):
        assert not folder.is_finished
