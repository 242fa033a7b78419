"""The configuration file of a TensorFlow Serving server for several models."""

from __future__ import annotations

from pathlib import Path

from tfkd.serving.export import list_versions
from tfkd_base.errors import TfkdError


def server_config(folder: str | Path, *, base_path: str | None = None) -> str:
    """Return the configuration of a server, for `tensorflow_model_server --model_config_file`.

    Each model gets the name of its folder. The server loads the newest version of each.

    Args:
        folder: A folder of models, such as `savedmodels`, with `NAME/1/saved_model.pb` for each.
        base_path: The same folder as the server sees it. Default: its absolute path on this machine.

    Returns:
        A `model_config_list`, in the text format of protocol buffers.

    Raises:
        TfkdError: There is no such folder, or it has no model.

    Example:
        >>> server_config("no-such-folder")
        Traceback (most recent call last):
        tfkd_base.errors.TfkdError: no-such-folder: expected a folder of exported models, such as savedmodels; ...
    """
    from google.protobuf import text_format
    from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

    folder = Path(folder)
    models = sorted(path for path in folder.iterdir() if _is_model(path)) if folder.is_dir() else []
    if not models:
        missing = "there is no NAME/VERSION/saved_model.pb in it" if folder.is_dir() else "there is no such folder"
        raise TfkdError(
            f"{folder}: expected a folder of exported models, such as savedmodels; {missing}. "
            "`tfkd export RUN savedmodels/NAME` writes one"
        )
    config = ModelServerConfig()
    for path in models:
        place = f"{(base_path if base_path is not None else str(folder.absolute())).rstrip('/')}/{path.name}"
        config.model_config_list.config.add(name=path.name, base_path=place, model_platform="tensorflow")
    return text_format.MessageToString(config, as_utf8=True)


def _is_model(path: Path) -> bool:
    return any((path / str(number) / "saved_model.pb").is_file() for number in list_versions(path))
