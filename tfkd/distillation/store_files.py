"""The files of a store of outputs: what stands in them, what they are called, how large they are."""

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
DTYPES, PER = ("float32", "float16", "int8"), ("token", "sentence")
# `end` is the number of tokens up to the end of the sentence, the same sum as for the one before plus its length.
RECORD = np.dtype([("key", "S16"), ("end", "<i8")])


@dataclass(frozen=True)
class ArraySpec:
    """What an array holds for each token or each sentence.

    Raises:
        TfkdError: A size below 1, or a dtype or `per` that is none of those below.

    Example:
        >>> ArraySpec((9,), "float16", "token").row.itemsize
        18
    """

    shape: tuple[int, ...]
    """of one row; `()` for a single number"""
    dtype: str
    """`float32`, `float16` or `int8`"""
    per: Literal["token", "sentence"]
    """a row for each token of a sentence, or one row a sentence"""

    def __post_init__(self) -> None:
        if min(self.shape, default=1) < 1 or self.dtype not in DTYPES or self.per not in PER:
            raise TfkdError(f"expected a shape of sizes from 1, a dtype of {DTYPES} and per of {PER}, got {self}.")

    @property
    def row(self) -> np.dtype[Any]:
        """One row as NumPy's dtype: little-endian on every machine."""
        return np.dtype((np.dtype(self.dtype).newbyteorder("<"), self.shape))


def content_key(tokens: Sequence[str]) -> bytes:
    """Return 16 bytes that stand for the tokens of a sentence, the same on every machine.

    Args:
        tokens: The tokens, of any characters; where one ends and the next begins counts.

    Example:
        >>> content_key(["a", "b"]).hex()
        '9c73009dd899160987822845f68642d4'
        >>> content_key(["a b"]) == content_key(["a", "b"])
        False
    """
    # The lengths come first, up to the first line break: no character of a token can pass for a boundary.
    text = ",".join([str(len(token)) for token in tokens]) + "\n" + "".join(tokens)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def read_contents(folder: Path) -> dict[str, Any]:
    """Read what a store's folder says of it.

    Raises:
        TfkdError: It is no store, or one of another version.
    """
    try:
        contents = json.loads((folder / CACHE).read_text(encoding="utf-8"))
        version = contents["version"]
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError) as error:
        raise TfkdError(
            f"{folder} is no store of a teacher's outputs: expected a folder with a {CACHE}, as `tfkd cache-teacher` "
            f"makes it, found {'another' if (folder / CACHE).exists() else 'none'}."
        ) from error
    if version != VERSION:
        raise TfkdError(
            f"{folder} is a store of version {version}, expected {VERSION}: make it again in a new folder with `tfkd "
            "cache-teacher`."
        )
    return dict(contents)


def file_name(name: str) -> str:
    """Return the name of an array's file, for any name of an array."""
    return quote(name, safe="").replace(".", "%2E") + ".bin"


def file_sizes(specs: Mapping[str, ArraySpec], sentences: int, tokens: int) -> dict[str, int]:
    """Return the size of each file by its name; the index first, which must not speak of what is cut off already."""
    rows = {"token": tokens, "sentence": sentences}
    arrays = {file_name(name): spec.row.itemsize * rows[spec.per] for name, spec in specs.items()}
    return {INDEX: RECORD.itemsize * sentences, **arrays}


def key_array(keys: Sequence[bytes]) -> np.ndarray:
    """Put keys into one array.

    Raises:
        TfkdError: A key is not of 16 bytes.
    """
    for key in keys:
        if len(key) != 16:
            raise TfkdError(f"expected keys of 16 bytes, as `content_key` makes them, got {key!r}.")
    return np.frombuffer(b"".join(keys), RECORD["key"])


def converted(name: str, spec: ArraySpec, array: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Bring the rows to be stored to their dtype.

    Raises:
        TfkdError: The array does not fit the spec, or holds a number that the dtype cannot.
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
    """Write an array to a file from this byte on, and return when it is on the disk."""
    rest = array.reshape(-1).view(np.uint8).data
    with path.open("r+b", buffering=0) as file:
        while len(rest):
            written = os.pwrite(file.fileno(), rest, offset)
            rest, offset = rest[written:], offset + written
        os.fsync(file.fileno())
