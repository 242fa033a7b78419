"""The configuration file of a server of several models."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from tfkd.serving import server_config
from tfkd_base.errors import TfkdError


def test_every_model_is_listed(tmp_path: Path) -> None:
    for name in ("gene", "disease", "maladie-é", "no-version", "empty/1"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("gene/1", "gene/12", "disease/3", "maladie-é/1", "gene/.being-written-x"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "saved_model.pb").touch()
    (tmp_path / "README.md").touch()
    for base, expected in (("/models/", "/models"), (None, str(tmp_path))):
        config = text_format.Parse(server_config(tmp_path, base_path=base), ModelServerConfig())
        listed = [(one.name, one.base_path, one.model_platform) for one in config.model_config_list.config]
        names = ["disease", "gene", "maladie-é"]
        assert listed == [(name, f"{expected}/{name}", "tensorflow") for name in names]


def test_a_folder_without_models_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TfkdError, match=r"there is no NAME/VERSION/saved_model\.pb in it.*tfkd export RUN"):
        server_config(tmp_path)
    with pytest.raises(TfkdError, match="there is no such folder"):
        server_config(tmp_path / "nothing")
