"""Files of a store of teacher outputs: their format, names and sizes.

`cache.json` describes the arrays. Each array has a raw file. `index.bin` has a record for each sentence.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import numpy as np

from tfkd_base.errors import TfkdError

VERSION = 2
CACHE, INDEX = "cache.json", "index.bin"
CHUNK = 512
"""Number of sentences that are written or looked up at once."""
DTYPES, PER = ("float32", "float16", "int8"), ("token", "sentence")
# `end` is the number of tokens of this sentence and all before it.
RECORD = np.dtype([("key", "S16"), ("end", "<i8")])


@dataclass(frozen=True)
class ArraySpec:
    """Shape and dtype of an array's row for each token or each sentence.

    Attributes:
        shape: Shape of one row; `()` for a single number.
        dtype: `float32`, `float16` or `int8`.
        per: `token`: a row for each token of a sentence; `sentence`: one row for a sentence.

    Raises:
        TfkdError: A size is below 1, or there is no such dtype or `per`.

    Example:
        >>> ArraySpec((9,), "float16", "token").row.itemsize
        18
    """

    shape: tuple[int, ...]
    dtype: str
    per: Literal["token", "sentence"]

    def __post_init__(self) -> None:
        if min(self.shape, default=1) < 1 or self.dtype not in DTYPES or self.per not in PER:
            raise TfkdError(f"expected a shape of sizes from 1, a dtype of {DTYPES} and per of {PER}, got {self}.")

    @property
    def row(self) -> np.dtype[Any]:
        """NumPy dtype of one row: little-endian on every machine."""
        return np.dtype((np.dtype(self.dtype).newbyteorder("<"), self.shape))


def content_key(tokens: Sequence[str]) -> bytes:
    """Return a hash of the tokens of a sentence, 16 bytes, the same on every machine.

    Args:
        tokens: The tokens, of any characters; their boundaries count.

    Example:
        >>> content_key(["a", "b"]).hex()
        '9c73009dd899160987822845f68642d4'
        >>> content_key(["a b"]) == content_key(["a", "b"])
        False
    """
    # The lengths come first, up to the first line break: no character of a token can look like a boundary.
    text = ",".join([str(len(token)) for token in tokens]) + "\n" + "".join(tokens)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def read_contents(folder: Path) -> dict[str, Any]:
    """Read the description of a store.

    Raises:
        TfkdError: The folder is no store, or a store of another version.
    """
    try:
        contents = json.loads((folder / CACHE).read_text(encoding="utf-8"))
        version = contents["version"]
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError) as error:
        raise TfkdError(
            f"{folder} is no cache of teacher outputs: expected a folder of `tfkd cache-teacher` with a {CACHE}, found "
            f"{'another kind of file' if (folder / CACHE).exists() else 'none'}."
        ) from error
    if version != VERSION:
        raise TfkdError(
            f"{folder} is a cache of version {version}, expected {VERSION}: make it again in a new folder with `tfkd "
            "cache-teacher`."
        )
    return dict(contents)


def array_file_name(name: str) -> str:
    """Return the name of the file of an array with any name."""
    return quote(name, safe="").replace(".", "%2E") + ".bin"


def file_sizes(specs: Mapping[str, ArraySpec], sentences: int, tokens: int) -> dict[str, int]:
    """Return the size of each file by its name, the index first: it must not have records of rows that are cut off."""
    rows = {"token": tokens, "sentence": sentences}
    arrays = {array_file_name(name): spec.row.itemsize * rows[spec.per] for name, spec in specs.items()}
    return {INDEX: RECORD.itemsize * sentences, **arrays}


def key_array(keys: Sequence[bytes]) -> np.ndarray:
    """Return keys as one array.

    Raises:
        TfkdError: A key does not have 16 bytes.
    """
    for key in keys:
        if len(key) != 16:
            raise TfkdError(f"expected keys of 16 bytes, as `content_key` makes them, got {key!r}.")
    return np.frombuffer(b"".join(keys), RECORD["key"])


def convert_rows(name: str, spec: ArraySpec, array: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the chosen rows of an array in the dtype of its spec.

    Args:
        name: The array's name, for messages.
        spec: Its spec.
        array: All rows.
        rows: True at the rows to return.

    Raises:
        TfkdError: The array does not fit the spec, or has a number that the dtype cannot hold.
    """
    array = np.asarray(array)
    if array.shape != (len(rows), *spec.shape):
        raise TfkdError(
            f"expected {name!r} of the shape {(len(rows), *spec.shape)}, a row for each {spec.per}, got {array.shape}."
        )
    array = array if rows.all() else array[rows]
    with np.errstate(over="ignore", invalid="ignore"):
        stored = np.ascontiguousarray(array, spec.row.base)
    lost = stored != array if spec.dtype == "int8" else np.isinf(stored) & np.isfinite(array)
    if lost.any():
        limits = np.iinfo(np.int8) if spec.dtype == "int8" else np.finfo(spec.dtype)
        remedy = "look for what is wrong with it" if spec.dtype == "float32" else "store it as float32"
        raise TfkdError(
            f"{name!r} holds {array[lost][0]:g}, which {spec.dtype} cannot hold ({limits.min:g} to {limits.max:g}): "
            f"{remedy}."
        )
    return stored


def write_at(path: Path, array: np.ndarray, offset: int) -> None:
    """Write an array to a file from a byte offset, and return when it is on the disk."""
    rest = array.reshape(-1).view(np.uint8).data
    with path.open("r+b", buffering=0) as file:
        file.seek(offset)
        while len(rest):
            rest = rest[file.write(rest) :]
        os.fsync(file.fileno())
