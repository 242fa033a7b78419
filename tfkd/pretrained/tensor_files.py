"""Reading single arrays from the safetensors files of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tfkd.pretrained.json_files import read_json
from tfkd_base.errors import TfkdError

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"


_FLOATS = ("F64", "F32", "F16", "BF16")


class TensorFiles:
    """The weights of a folder by name, read one by one.

    Args:
        folder: The folder; its weights may lie in several files.
        marker: A weight that every encoder has. What stands before it in its name, such as `bert.`, stands before all.

    Raises:
        TfkdError: There are none in the format of safetensors, they cannot be read, or there is no such weight.
    """

    def __init__(self, folder: Path, marker: str) -> None:
        self.folder = folder
        self._opened: dict[str, Any] = {}
        if (folder / INDEX).is_file():
            self._files: dict[str, str] = read_json(folder / INDEX).get("weight_map", {})
            if not isinstance(self._files, dict) or not self._files or not all(map(_is_text, self._files.values())):
                raise TfkdError(f"{folder / INDEX}: expected a weight_map, which names the file of each weight.")
        elif (folder / WEIGHTS).is_file():
            self._files = dict.fromkeys(self._open(WEIGHTS).keys(), WEIGHTS)
        else:
            other = next((path.name for path in sorted(folder.glob("*.bin"))), None)
            remedy = (
                f"; {other} is of another format: save the model anew with `safe_serialization=True`" if other else ""
            )
            raise TfkdError(f"{folder / WEIGHTS} is missing{remedy}.")
        found = [key.removesuffix(marker) for key in self._files if key.endswith(marker)]
        if not found:
            raise TfkdError(f"{folder}: no weight is called {marker!r}: expected those of an encoder.")
        self._prefix = found[0]

    def get(self, name: str, *shape: int) -> np.ndarray:
        """Read a weight as float32.

        Args:
            name: Its name after what stands before all.
            shape: The shape that it must have.

        Raises:
            TfkdError: There is none, it has another shape, or holds integers or what is no finite number.
        """
        key = self.check(name, *shape)
        value = np.asarray(self._open(self._files[key]).get_tensor(key)).astype(np.float32)
        if not np.isfinite(value).all():
            raise TfkdError(f"{self.folder}: the weight {key!r} holds what is no finite number.")
        return value

    def check(self, name: str, *shape: int) -> str:
        """Refuse a weight that cannot be taken, by what its file's header says; nothing of it is read.

        Args:
            name: Its name after what stands before all.
            shape: The shape that it must have.

        Returns:
            Its whole name.

        Raises:
            TfkdError: There is none, it has another shape, or holds integers.
        """
        key = self._key(name)
        if key is None:
            raise TfkdError(f"{self.folder}: there is no weight {self._prefix + name!r}, which config.json asks for.")
        header = self._header(key)
        there = tuple(header.get_shape())
        if there != shape:
            raise TfkdError(f"{self.folder}: the weight {key!r} has shape {there}, but config.json asks for {shape}.")
        if header.get_dtype() not in _FLOATS:
            raise TfkdError(
                f"{self.folder}: the weight {key!r} is of type {header.get_dtype()}, expected one of "
                f"{', '.join(_FLOATS)}: models whose weights were made integers cannot be read."
            )
        return key

    def first_row(self, name: str, units: int) -> np.ndarray:
        """Read the first row of a table of any length; zeros where there is none.

        Raises:
            TfkdError: The table has another width.
        """
        key = self._key(name)
        if key is None:
            return np.zeros([units], np.float32)
        shape = tuple(self._header(key).get_shape())
        return self.get(name, max(shape[0], 1) if shape else 1, units)[0]

    def _key(self, name: str) -> str | None:
        key = self._prefix + name
        # Early checkpoints, made with TensorFlow, call the two weights of a normalisation so.
        older = key.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        return next((known for known in (key, older) if known in self._files), None)

    def _header(self, key: str) -> Any:
        from safetensors import SafetensorError

        try:
            return self._open(self._files[key]).get_slice(key)
        except SafetensorError:
            path = self.folder / self._files[key]
            raise TfkdError(
                f"{path} does not hold the weight {key!r}, as {INDEX} says: the files do not go together."
            ) from None

    def _open(self, name: str) -> Any:
        from safetensors import SafetensorError, safe_open

        if name not in self._opened:
            try:
                self._opened[name] = safe_open(self.folder / name, "np")
            except (SafetensorError, OSError) as error:
                raise TfkdError(f"{self.folder / name} cannot be read: {error}.") from None
        return self._opened[name]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)
