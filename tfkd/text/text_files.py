"""Sentences of plain text files, split in the same way as by an exported model."""

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
from tfkd_base.files import read_lines

_LINES = 512
"""Number of documents that are split at once."""


def is_text_file(source: str | os.PathLike[str]) -> bool:
    """Tell whether a source of sentences is a text file, by its name, and not a corpus."""
    return os.fspath(source).endswith((".txt", ".txt.gz"))


class TextSentences(Iterable[tuple[str, ...]]):
    """Sentences of a text file with one document per line, plain or gzip. Each iteration reads the file again.

    Bytes that are not UTF-8 are read as U+FFFD, as in serving.

    Args:
        path: Path of the file.

    Raises:
        TfkdError: The file does not exist, is empty or cannot be read.

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
            problem = "is a folder" if self.path.is_dir() else "does not exist"
            raise TfkdError(f"{self.path} {problem}: expected a text file with one document per line.")
        if next(iter(self), None) is None:
            raise TfkdError(f"{self.path} is empty: expected text with one document per line.")

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        """Yield one sentence after another."""
        split = traced_segment()
        try:
            with self._open() as file:
                text_lines = read_lines(file)
                while lines := list(islice(text_lines, _LINES)):
                    segments = split(tf.constant(lines, tf.string))
                    tokens = np.array([token.decode("utf-8", "replace") for token in segments.tokens.numpy()], object)
                    splits = segments.sentence_splits.numpy()
                    for start, end in pairwise(splits):
                        yield tuple(tokens[start:end])
        except (OSError, EOFError, zlib.error) as error:
            raise TfkdError(f"{self.path} cannot be read: {error}.") from error

    def _open(self) -> IO[bytes]:
        with self.path.open("rb") as file:
            is_gzip = file.read(2) == b"\x1f\x8b"
        return gzip.open(self.path) if is_gzip else self.path.open("rb")  # type: ignore[return-value]
