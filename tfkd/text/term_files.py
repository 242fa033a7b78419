"""Files of terms: names of entities, such as those of a terminology, that augmentation puts into sentences."""

from __future__ import annotations

import codecs
import gzip
import os
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import tensorflow as tf

from tfkd.text.segmentation import traced_segment
from tfkd_base.errors import TfkdError, TfkdWarning, nearest
from tfkd_base.files import split_lines

_LINES = 512
"""Number of terms that are split into tokens at once."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of a file.

    Attributes:
        of_type: The tokens of the terms of each entity type.
        kept: Number of the terms.
        empty: Number of lines without a term, which were skipped.
        repeated: Number of lines with a term of a line before, which were skipped.
    """

    of_type: dict[str, list[tuple[str, ...]]]
    kept: int
    empty: int
    repeated: int


def read_terms(path: str | os.PathLike[str], types: Sequence[str]) -> Terms:
    r"""Read a file of terms: a term on each line, then a tab and its entity type if there are several types.

    The tokens of a term are those that it has in raw text. The file is UTF-8, plain or gzip.

    Args:
        path: The file.
        types: The entity types that terms may have.

    Raises:
        TfkdError: The file does not exist, is not UTF-8, or has no term; or a line has no type where there are several,
            or an unknown one.

    Warns:
        TfkdWarning: Lines were skipped, since they are empty or repeat a term.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False) as file:
        ...     _ = file.write("E. coli\nyeast\tSpecies\n")
        >>> read_terms(file.name, ["Species"]).of_type
        {'Species': [('E', '.', 'coli'), ('yeast',)]}
    """
    path = Path(path)
    lines = split_lines(_read_text(path))
    texts, kinds = [], []
    for number, line in enumerate(lines, 1):
        text, tab, kind = line.partition("\t")
        if line.strip():
            kinds.append(_type_of(kind.strip() if tab else None, types, f"{path}:{number}"))
            texts.append(text)
    of_type: dict[str, dict[tuple[str, ...], None]] = {}
    kept = repeated = 0
    for kind, tokens in zip(kinds, _split(texts), strict=True):
        terms = of_type.setdefault(kind, {})
        repeated += tokens in terms
        kept += bool(tokens) and tokens not in terms
        if tokens:
            terms[tokens] = None
    if not kept:
        raise TfkdError(f"{path} has no term: expected a term on each line, such as the name of a disease.")
    empty = len(lines) - kept - repeated
    if empty or repeated:
        skipped = [f"{empty:,} without a term"] * bool(empty) + [f"{repeated:,} that repeat a term"] * bool(repeated)
        text = f"{path}: of {len(lines):,} lines were skipped: {' and '.join(skipped)}"
        warnings.warn(text, TfkdWarning, stacklevel=2)
    return Terms({kind: list(terms) for kind, terms in of_type.items() if terms}, kept, empty, repeated)


def _read_text(path: Path) -> str:
    expected = "expected a text file with a term on each line"
    if not path.is_file():
        raise TfkdError(f"{path} {'is a folder' if path.is_dir() else 'does not exist'}: {expected}.")
    try:
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise TfkdError(f"{path} cannot be read: {error}.") from error
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise TfkdError(f"{path} is UTF-16: convert it, as with iconv -f UTF-16 -t UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = len(split_lines(content[: error.start].decode("utf-8-sig") + "x"))
        raise TfkdError(
            f"{path}:{number}: expected UTF-8, got the byte {content[error.start]:#04x}: convert the file, for example "
            "with iconv -f LATIN1 -t UTF-8."
        ) from None


def _type_of(kind: str | None, types: Sequence[str], place: str) -> str:
    if kind is not None:
        if kind in types:
            return kind
        raise TfkdError(
            f"{place}: the task has no entity type {kind!r}: {nearest(kind, types)}. A line is a term, or a term, a "
            "tab and its type."
        )
    if len(types) != 1:
        raise TfkdError(
            f"{place}: expected a term, a tab and its entity type, one of {', '.join(types) or 'none'}, got no tab. "
            "Only terms of a task with one type need none."
        )
    return types[0]


def _split(texts: Sequence[str]) -> list[tuple[str, ...]]:
    """Split terms into tokens as raw text is split; a term is one sentence, whatever stops it has."""
    split = traced_segment()
    parts: list[tuple[str, ...]] = []
    for start in range(0, len(texts), _LINES):
        segments = split(tf.constant(texts[start : start + _LINES], tf.string))
        tokens = np.array([token.decode("utf-8", "replace") for token in segments.tokens.numpy()], object)
        parts += [tuple(tokens[first:last]) for first, last in pairwise(segments.passage_splits.numpy())]
    return parts
