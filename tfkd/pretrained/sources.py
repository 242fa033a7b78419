"""Opening of pre-trained encoders by path or name."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tfkd.pretrained import keras_presets
from tfkd.pretrained.architecture import Pretrained
from tfkd.pretrained.folder_files import read_json
from tfkd.pretrained.folder_kinds import describe_missing_config, describe_missing_folder
from tfkd.pretrained.hugging_face import CONFIG, HuggingFaceFolder
from tfkd_base.errors import TfkdError, nearest

MODULES = "modules.json"
"""File of sentence-transformers that lists the parts of a model."""


def open_pretrained(source: str | os.PathLike[str]) -> Pretrained:
    """Open a pre-trained encoder. Its weights are read on demand.

    Args:
        source: A folder that Hugging Face's `transformers` has saved (BERT, RoBERTa or DistilBERT: `config.json`,
            safetensors files and vocabulary), which needs no network; or a preset of keras-hub, as a name or a folder.

    Raises:
        TfkdError: The encoder does not exist or cannot be read. The message names the file or the key.

    Example:
        >>> open_pretrained("no-such-folder/models/biobert")
        Traceback (most recent call last):
        tfkd_base.errors.TfkdError: the folder no-such-folder/models/biobert does not exist
    """
    name, path = os.fspath(source), Path(source).expanduser()
    if path.is_dir():
        path = _find_transformer(path)
        if not (path / CONFIG).exists():
            raise TfkdError(f"{path / CONFIG} is missing.{describe_missing_config(path)}")
        if "registered_name" in read_json(path / CONFIG):
            return keras_presets.KerasPreset(str(path))
        return HuggingFaceFolder(path)
    if path.exists():
        raise TfkdError(f"{source} is a file; expected the folder of an encoder, with {CONFIG}.")
    if os.sep in name and "://" not in name:
        raise TfkdError(f"the folder {source} does not exist{describe_missing_folder(name)}")
    if "://" not in name:
        _require_preset(name)
    return keras_presets.KerasPreset(name)


def _find_transformer(folder: Path) -> Path:
    """Return the folder of the encoder in a folder of sentence-transformers; any other folder as it is."""
    if (folder / CONFIG).exists() or not (folder / MODULES).is_file():
        return folder
    try:
        modules = json.loads((folder / MODULES).read_text(encoding="utf-8"))
        paths = [module["path"] for module in modules if module["type"].endswith(".Transformer")]
        return folder / paths[0] if (folder / paths[0] / CONFIG).is_file() else folder
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return folder


def _require_preset(name: str) -> None:
    """Refuse a name that is not a preset, before anything is fetched."""
    try:
        presets = keras_presets.list_presets()
    except TfkdError:
        raise TfkdError(
            f"the folder {name} does not exist. A preset of this name needs keras-hub, which is not installed: "
            "`pip install 'tfkd[presets]'`."
        ) from None
    if name not in presets:
        suggestion = nearest(name, presets)
        hint = suggestion if suggestion.startswith("did you mean") else "expected a name such as 'bert_tiny_en_uncased'"
        raise TfkdError(f"{name} is neither a folder nor a preset of keras-hub; {hint}")
