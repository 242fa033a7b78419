"""Reading the files of a Hugging Face folder: JSON objects, and single arrays of safetensors files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tfkd.pretrained.folder_kinds import check_content, describe_missing_weights
from tfkd_base.errors import TfkdError

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"

_FLOATS = ("F64", "F32", "F16", "BF16")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object from a file.

    Raises:
        TfkdError: The file is missing, cannot be read, or does not hold a JSON object.

    Example:
        >>> read_json(Path("no-such-folder/config.json"))
        Traceback (most recent call last):
        tfkd_base.errors.TfkdError: no-such-folder/config.json is missing.
    """
    check_content(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TfkdError(f"{path} is missing.") from None
    except OSError as error:
        raise TfkdError(f"{path} cannot be read: {error.strerror or error}.") from None
    except ValueError as error:
        raise TfkdError(f"{path} is not valid JSON: {error}.") from None
    if not isinstance(content, dict):
        raise TfkdError(f"{path}: expected a JSON object, got a {type(content).__name__}.")
    return content


def read_optional_json(path: Path) -> dict[str, Any]:
    """Read a JSON object from a file; return an empty object if the file does not exist.

    Raises:
        TfkdError: The file cannot be read, or does not hold a JSON object.

    Example:
        >>> read_optional_json(Path("no-such-folder/config.json"))
        {}
    """
    return read_json(path) if path.exists() else {}


class TensorFiles:
    """Weights of the safetensors files of a folder. Each weight is read on its own, by name.

    Args:
        folder: The folder. The weights may be in several files.
        marker: Name of a weight that every encoder has. The text before it in the file, such as `bert.`, is the prefix
            of all weights.

    Raises:
        TfkdError: The folder has no safetensors files, they cannot be read, or the marker is missing.
    """

    def __init__(self, folder: Path, marker: str) -> None:
        self.folder = folder
        self._opened: dict[str, Any] = {}
        if (folder / INDEX).is_file():
            self._files: dict[str, str] = read_json(folder / INDEX).get("weight_map", {})
            if not isinstance(self._files, dict) or not self._files or not all(map(_is_text, self._files.values())):
                raise TfkdError(f"{folder / INDEX}: expected a weight_map with the file of each weight.")
        elif (folder / WEIGHTS).is_file():
            self._files = dict.fromkeys(self._open(WEIGHTS).keys(), WEIGHTS)
        else:
            raise TfkdError(f"{folder / WEIGHTS} is missing{describe_missing_weights(folder)}.")
        prefixes = [key.removesuffix(marker) for key in self._files if key.endswith(marker)]
        if not prefixes:
            raise TfkdError(f"{folder}: expected the weights of an encoder, but the weight {marker!r} is missing.")
        self._prefix = prefixes[0]

    def read(self, name: str, *shape: int) -> np.ndarray:
        """Read a weight as float32.

        Args:
            name: Name of the weight without the prefix.
            shape: Expected shape.

        Raises:
            TfkdError: The weight is missing, has another shape, or holds integers or non-finite numbers.
        """
        key = self.check(name, *shape)
        value = np.asarray(self._open(self._files[key]).get_tensor(key)).astype(np.float32)
        if not np.isfinite(value).all():
            raise TfkdError(f"{self.folder}: the weight {key!r} contains a number that is not finite.")
        return value

    def check(self, name: str, *shape: int) -> str:
        """Refuse a weight that cannot be used. Only the header of its file is read.

        Args:
            name: Name of the weight without the prefix.
            shape: Expected shape.

        Returns:
            The full name.

        Raises:
            TfkdError: The weight is missing, has another shape, or holds integers.
        """
        key = self._find_key(name)
        if key is None:
            raise TfkdError(
                f"{self.folder}: config.json requires the weight {self._prefix + name!r}, which is missing."
            )
        header = self._read_header(key)
        actual = tuple(header.get_shape())
        if actual != shape:
            raise TfkdError(
                f"{self.folder}: config.json requires the shape {shape} for {key!r}, got {actual}. Do the files belong "
                "to the same model?"
            )
        if header.get_dtype() not in _FLOATS:
            raise TfkdError(
                f"{self.folder}: expected the weight {key!r} to have one of the types {', '.join(_FLOATS)}, got "
                f"{header.get_dtype()}. Models with integer weights cannot be read."
            )
        return key

    def read_first_row(self, name: str, units: int) -> np.ndarray:
        """Read the first row of a table of any length; return zeros if the table is missing.

        Raises:
            TfkdError: The table has another width.
        """
        key = self._find_key(name)
        if key is None:
            return np.zeros([units], np.float32)
        shape = tuple(self._read_header(key).get_shape())
        return self.read(name, max(shape[0], 1) if shape else 1, units)[0]

    def _find_key(self, name: str) -> str | None:
        key = self._prefix + name
        # Early checkpoints, converted from TensorFlow, use these names for normalisations.
        old_key = key.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        return next((candidate for candidate in (key, old_key) if candidate in self._files), None)

    def _read_header(self, key: str) -> Any:
        from safetensors import SafetensorError

        try:
            return self._open(self._files[key]).get_slice(key)
        except SafetensorError:
            path = self.folder / self._files[key]
            raise TfkdError(
                f"{path} does not contain the weight {key!r}, although {INDEX} says so. Do the files belong together?"
            ) from None

    def _open(self, name: str) -> Any:
        from safetensors import SafetensorError, safe_open

        if name not in self._opened:
            check_content(self.folder / name)
            try:
                self._opened[name] = safe_open(self.folder / name, "np")
            except (SafetensorError, OSError) as error:
                raise TfkdError(f"{self.folder / name} cannot be read: {error}.") from None
        return self._opened[name]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)
