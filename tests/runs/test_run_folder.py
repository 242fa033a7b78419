from __future__ import annotations

import pytest

from tfkd_base.errors import TfkdError
from tfkd.runs import RunFolder
from tfkd.config import parse_config

CONFIG = parse_config("kind: tagger\ntasks: {gene: {path: 'demo:gene'}}")


def test_a_folder_is_held_by_one_at_a_time(tmp_path):
    folder = RunFolder(tmp_path / "run")
    with folder.taken(CONFIG):
        with pytest.raises(TfkdError, match="is being written by process"), RunFolder(folder.path).taken(CONFIG):
            pass
        with (
            pytest.raises(TfkdError, match="is being written by process"),
            RunFolder(folder.path).taken(CONFIG, overwrite=True),
        ):
            pass
    with folder.taken(CONFIG):
        pass


def test_an_unfinished_run_is_gone_on_with_by_its_own_configuration_only(tmp_path):
    folder = RunFolder(tmp_path)
    with folder.taken(CONFIG):
        (tmp_path / "checkpoint.npz").write_text("a checkpoint")
    other = parse_config("kind: tagger\nseed: 2\ntasks: {gene: {path: 'demo:gene'}}\ntraining: {epochs: 3}")
    with pytest.raises(TfkdError, match="another configuration: seed is 1 there and 2 here, and 1 more keys differ"):
        folder.check_free(other)
    with folder.taken(CONFIG):
        assert (tmp_path / "checkpoint.npz").exists()
    with folder.taken(other, overwrite=True):
        assert not (tmp_path / "checkpoint.npz").exists()
    folder.check_free(other)


def test_a_finished_run_has_no_checkpoint_and_is_kept(tmp_path):
    folder = RunFolder(tmp_path)
    with folder.taken(CONFIG):
        (tmp_path / "checkpoint.npz").write_text("a checkpoint")
        folder.finish({"gene": 1})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.yaml", "scores.json"]
    with pytest.raises(TfkdError, match="holds a finished run"):
        folder.check_free(CONFIG)
    with folder.taken(CONFIG, overwrite=True):
        assert not folder.is_finished
