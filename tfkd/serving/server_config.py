"""The configuration file of a TensorFlow Serving server that serves several models."""

from __future__ import annotations

from pathlib import Path

from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from tfkd.serving.export import versions
from tfkd_base.errors import TfkdError


def server_config(folder: str | Path, *, base_path: str | None = None) -> str:
    """List the exported models of a folder for `tensorflow_model_server --model_config_file`.

    Each is called by the name of its folder. The server loads the newest version of each.

    Args:
        folder: A folder of models, such as `savedmodels`, in which `NAME/1/saved_model.pb` stands for each.
        base_path: The same folder as the server sees it; by default its absolute path on this machine.

    Returns:
        A `model_config_list`, as text of a protocol message.

    Raises:
        TfkdError: There is no such folder, or no model in it.

    Example:
        >>> server_config("no-such-folder")
        Traceback (most recent call last):
        tfkd_base.errors.TfkdError: no-such-folder: expected a folder of exported models, such as savedmodels; ...
    """
    folder = Path(folder)
    found = sorted(path for path in folder.iterdir() if _is_model(path)) if folder.is_dir() else []
    if not found:
        missing = "there is no NAME/VERSION/saved_model.pb in it" if folder.is_dir() else "there is no such folder"
        raise TfkdError(
            f"{folder}: expected a folder of exported models, such as savedmodels; {missing}. "
            "`tfkd export RUN savedmodels/NAME` makes one"
        )
    config = ModelServerConfig()
    for path in found:
        where = f"{(base_path if base_path is not None else str(folder.absolute())).rstrip('/')}/{path.name}"
        config.model_config_list.config.add(name=path.name, base_path=where, model_platform="tensorflow")
    return text_format.MessageToString(config, as_utf8=True)


def _is_model(path: Path) -> bool:
    return any((path / str(number) / "saved_model.pb").is_file() for number in versions(path))
