"""Finding out what kind of pre-trained encoder a path or a name leads to."""

from __future__ import annotations

import os
from pathlib import Path

from tfkd.pretrained.architecture import Pretrained
from tfkd.pretrained.hugging_face import CONFIG, HuggingFaceFolder
from tfkd.pretrained.json_files import read_json
from tfkd_base.errors import TfkdError


def open_pretrained(source: str | os.PathLike[str]) -> Pretrained:
    """Open a pre-trained encoder; its weights are read when they are asked for.

    Args:
        source: A folder as Hugging Face's `transformers` saves it (BERT, RoBERTa or DistilBERT; `config.json`,
            safetensors, vocabulary), which needs no network; or a preset of keras-hub, by its name or in a folder.

    Raises:
        TfkdError: There is none, or it cannot be read; the message says which file or key.

    Example:
        >>> open_pretrained("no-such-folder/biobert")
        Traceback (most recent call last):
        tfkd_base.errors.TfkdError: no-such-folder/biobert: there is no such folder
    """
    path = Path(source).expanduser()
    if path.is_dir():
        if "registered_name" in read_json(path / CONFIG):
            from tfkd.pretrained.keras_presets import KerasPreset

            return KerasPreset(str(path))
        return HuggingFaceFolder(path)
    if path.exists():
        raise TfkdError(f"{source} is a file; expected the folder of an encoder, with {CONFIG}.")
    if os.sep in os.fspath(source) and "://" not in os.fspath(source):
        raise TfkdError(f"{source}: there is no such folder")
    from tfkd.pretrained.keras_presets import KerasPreset, require_known

    require_known(os.fspath(source))
    return KerasPreset(os.fspath(source))
