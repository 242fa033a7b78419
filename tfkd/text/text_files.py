"""Plain text files as sentences: cut as the exported model cuts what it is sent."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice, pairwise
from pathlib import Path
from typing import IO

import numpy as np
import tensorflow as tf

from tfkd.text.segmentation import traced_segment
from tfkd_base.errors import TfkdError

_LINES = 512
"""Documents that are cut at once."""


class TextSentences(Iterable[tuple[str, ...]]):
    """The sentences of a text file, one document a line, plain or gzip; read anew with every iteration.

    Bytes that are not UTF-8 are read as U+FFFD, as in serving.

    Args:
        path: The file.

    Raises:
        TfkdError: There is no such file, or it cannot be read.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False) as file:
        ...     _ = file.write("TNF falls. It rises.")
        >>> list(TextSentences(file.name))
        [('TNF', 'falls', '.'), ('It', 'rises', '.')]
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            found = "a folder" if self.path.is_dir() else "nothing"
            raise TfkdError(f"{self.path}: expected a text file, one document a line, found {found}.")
        if next(iter(self), None) is None:
            raise TfkdError(f"{self.path} is empty: expected text, one document a line.")

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        """Read sentence after sentence."""
        cut = traced_segment()
        try:
            with self._open() as file:
                while lines := list(islice(file, _LINES)):
                    found = cut(tf.constant(lines, tf.string))
                    tokens = np.array([token.decode("utf-8", "replace") for token in found.tokens.numpy()], object)
                    splits = found.sentence_splits.numpy()
                    for start, end in pairwise(splits):
                        yield tuple(tokens[start:end])
        except (OSError, EOFError, zlib.error) as error:
            raise TfkdError(f"{self.path} cannot be read: {error}.") from error

    def _open(self) -> IO[bytes]:
        with self.path.open("rb") as file:
            is_gzip = file.read(2) == b"\x1f\x8b"
        return gzip.open(self.path) if is_gzip else self.path.open("rb")  # type: ignore[return-value]
