"""Pre-trained word vectors: reading files, mapping large files into memory, selecting the words of a vocabulary."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import struct
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfkd.text.vector_formats import FORMAT_NAMES, check_numbers, check_text, detect_format
from tfkd.text.word_features import WordFeatures
from tfkd_base.errors import TfkdError, TfkdWarning
from tfkd_base.files import atomic_file, user_cache
from tfkd_base.wording import count_of

MAP_ABOVE = 256 * 2**20
"""Size in bytes above which a file of vectors is mapped into memory instead of read."""

_CHUNK = 2**16
_CACHE = ".tfkd-vectors"
_DAMAGED = (OSError, ValueError, EOFError)


@dataclass(frozen=True, eq=False)
class WordVectors:
    """Words with their vectors.

    Args:
        words: The words, most frequent first, each once.
        matrix: The vectors, float32 `[words, width]`. The array may be mapped from a file.
        source: Name of the source in messages.

    Raises:
        TfkdError: The number of rows of `matrix` differs from the number of words, or its dtype is not float32.

    Example:
        >>> vectors = WordVectors(("gene", "p53"), np.array([[1.0, 2.0], [3.0, 4.0]], np.float32))
        >>> len(vectors), vectors.width
        (2, 2)
        >>> rows, values = vectors.select(WordFeatures(["p00", "the"], []))
        >>> rows.tolist(), values.tolist()
        ([2], [[3.0, 4.0]])
    """

    words: Sequence[str] = field(repr=False)
    matrix: np.ndarray = field(repr=False)
    source: str = "the word vectors"

    def __post_init__(self) -> None:
        """Check the shapes."""
        if self.matrix.ndim != 2 or len(self.matrix) != len(self.words) or self.matrix.dtype != np.float32:
            raise TfkdError(
                f"{self.source}: expected a float32 matrix with one row for each of {len(self.words)} words, "
                f"got {self.matrix.dtype} of shape {self.matrix.shape}."
            )

    @property
    def width(self) -> int:
        """Length of a vector."""
        return int(self.matrix.shape[1])

    def __len__(self) -> int:
        """Return the number of words."""
        return len(self.words)

    def select(self, text: WordFeatures) -> tuple[np.ndarray, np.ndarray]:
        """Return the vectors of the words of a vocabulary.

        A word gets the vector of the same word. If there is none, it gets the vector of the first (most frequent) word
        that `text` normalises to it.

        Args:
            text: The featurizer with the vocabulary.

        Returns:
            The ids of the words with a vector, int32 `[selected]`, ascending, and the vectors, float32
            `[selected, width]`.
        """
        ids = {word: number for number, word in enumerate(text.words, start=2)}
        identical: dict[int, int] = {}
        normalized: dict[int, int] = {}
        for start in range(0, len(self.words), _CHUNK):
            chunk = self.words[start : start + _CHUNK]
            forms = text.normalize(tf.constant(chunk, tf.string)).numpy()
            for index, (word, form) in enumerate(zip(chunk, forms, strict=True), start=start):
                if word in ids:
                    identical.setdefault(ids[word], index)
                elif (number := ids.get(form.decode("utf-8", "replace"))) is not None:
                    normalized.setdefault(number, index)
        sources = normalized | identical
        rows = np.array(sorted(sources), np.int32)
        vectors = np.array(self.matrix[[sources[row] for row in rows.tolist()]], np.float32)
        return rows, vectors.reshape(-1, self.width)


def read_word_vectors(
    path: str | os.PathLike[str], *, limit: int | None = None, map_above: int = MAP_ABOVE
) -> WordVectors:
    r"""Read pre-trained word vectors: word2vec text or binary, GloVe, fastText text (`.vec`) or binary (`.bin`).

    The format is detected from the content. A large file is converted once, to a folder `.tfkd-vectors` beside it, or
    to the user's cache if that folder cannot be written. The copy is then mapped into memory, so that a run holds only
    the vectors of its vocabulary. The copy is replaced when the size or the modification time of the file changes.
    Pickled files, such as those of gensim's `save`, are refused, because reading them could run any code.

    Args:
        path: Path of the file.
        limit: Number of words to read from the start of the file. Default: all.
        map_above: Size in bytes above which the file is mapped.

    Returns:
        The words with their vectors. If a word occurs twice, its first vector counts, and a `TfkdWarning` tells the
        number of these words.

    Raises:
        TfkdError: The file does not exist, is damaged or has another format, or gensim is not installed.

    Example:
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = Path(folder.name, "tiny.vec")
        >>> _ = path.write_text("2 3\ngene 1 2 3\np53 4 5 6\n")
        >>> read_word_vectors(path).words
        ('gene', 'p53')
        >>> folder.cleanup()
    """
    file = Path(path)
    if not file.is_file():
        problem = "is a folder" if file.is_dir() else "does not exist"
        raise TfkdError(f"{path} {problem}: expected a file of word vectors.")
    if limit is not None and limit < 1:
        raise TfkdError(f"expected a limit of at least 1 word vector, got {limit}.")
    if file.stat().st_size <= map_above:
        return WordVectors(*_read(file, limit), source=str(path))
    return WordVectors(*_map(file, limit), source=str(path))


def write_word_vectors(vectors: WordVectors, path: str | os.PathLike[str]) -> None:
    """Write word vectors in the binary format of word2vec, which `read_word_vectors` and other tools read.

    Args:
        vectors: The words with their vectors.
        path: The file to create or replace. It appears complete or not at all.

    Raises:
        TfkdError: A word contains a space or a line break, which the format cannot hold.

    Example:
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = Path(folder.name, "tiny.bin")
        >>> write_word_vectors(WordVectors(("gene", "p53"), np.array([[1, 2], [3, 4]], np.float32)), path)
        >>> read_word_vectors(path).matrix.tolist()
        [[1.0, 2.0], [3.0, 4.0]]
        >>> folder.cleanup()
    """
    for word in vectors.words:
        if not word or " " in word or "\n" in word:
            raise TfkdError(f"{path}: word2vec files cannot hold the word {word!r}, which is empty or has white space.")
    with atomic_file(path) as part, part.open("wb") as file:
        file.write(f"{len(vectors)} {vectors.width}\n".encode())
        for word, row in zip(vectors.words, vectors.matrix, strict=True):
            file.write(word.encode("utf-8", "surrogatepass") + b" " + row.astype("<f4").tobytes() + b"\n")


def _read(path: Path, limit: int | None) -> tuple[tuple[str, ...], np.ndarray]:
    """Read a file with gensim. gensim does not check the header, so this function checks it first."""
    kind = detect_format(path)
    lines = check_text(path, kind, limit) if kind in ("text", "glove") else None
    try:
        from gensim.models import KeyedVectors
        from gensim.models.fasttext import load_facebook_vectors
    except ImportError:
        raise TfkdError(f"{path}: reading word vectors needs gensim. Install it: pip install 'tfkd[vectors]'") from None
    try:
        if kind == "fasttext":
            vectors = load_facebook_vectors(str(path.absolute()))
        else:
            vectors = KeyedVectors.load_word2vec_format(
                str(path.absolute()),
                binary=kind == "binary",
                limit=limit,
                unicode_errors="replace",
                no_header=kind == "glove",
            )
    except (ValueError, EOFError, AssertionError, NotImplementedError, struct.error, OSError) as error:
        if lines is not None:
            check_numbers(path, kind)
        raise TfkdError(f"{path}: damaged word vectors, read as {FORMAT_NAMES[kind]}: {error}") from error
    # gensim leaves empty rows at the end if words occur twice.
    count = min(len(vectors.key_to_index), limit or len(vectors.key_to_index))
    expected = len(vectors.vectors) if lines is None else lines
    if kind != "fasttext" and count < expected:
        warnings.warn(
            f"{path}: {count_of(expected - count, 'word')} of {expected:,} occur again. The first vector of each word "
            "counts.",
            TfkdWarning,
            stacklevel=3,
        )
    matrix = np.ascontiguousarray(vectors.vectors[:count], np.float32)
    words = tuple(vectors.index_to_key[:count])
    for start in range(0, len(matrix), _CHUNK):
        invalid = ~np.isfinite(matrix[start : start + _CHUNK]).all(axis=1)
        if invalid.any():
            word = words[start + int(invalid.argmax())]
            raise TfkdError(
                f"{path}: the vector of {word!r} contains a number that is not finite. Is the file damaged?"
            )
    return words, matrix


def _map(path: Path, limit: int | None) -> tuple[Sequence[str], np.ndarray]:
    """Map the cached copy of a file into memory; create it if it is missing."""
    status = path.stat()
    digest = hashlib.blake2s(os.fsencode(path.resolve()), digest_size=4).hexdigest()
    version = f"{path.name}.{digest}.{status.st_size}-{status.st_mtime_ns}"
    name = version if limit is None else f"{version}-{limit}"
    caches = list(_list_caches(path))
    for cache in caches:
        with contextlib.suppress(*_DAMAGED):
            return _open(cache / name)
    words, matrix = _read(path, limit)
    problems = []
    for cache in caches:
        try:
            _store(cache, name, words, matrix)
            _remove_older(cache, f"{path.name}.{digest}.", version)
            return _open(cache / name)
        except OSError as error:
            problems.append(f"{cache}: {error.strerror or error}")
    raise TfkdError(
        f"{path}: the file is too large to read, and the copy to map could not be written ({'; '.join(problems)}). "
        f"Make one of these folders writable, or set XDG_CACHE_HOME to another. The copy takes {matrix.nbytes} bytes."
    )


def _list_caches(path: Path) -> Iterator[Path]:
    """Yield the folders that may hold copies, in the order of preference."""
    yield path.resolve().parent / _CACHE
    with contextlib.suppress(OSError):
        yield user_cache() / "vectors"


def _open(folder: Path) -> tuple[Sequence[str], np.ndarray]:
    matrix: Any = np.load(folder / "matrix.npy", mmap_mode="r", allow_pickle=False)
    words = json.loads((folder / "words.json").read_text(encoding="ascii"))
    if len(words) != len(matrix):
        raise ValueError(f"{folder} is damaged")
    return tuple(words), matrix


def _store(cache: Path, name: str, words: Sequence[str], matrix: np.ndarray) -> None:
    """Write a folder under a temporary name and rename it, so that no incomplete folder remains."""
    cache.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="unfinished-", dir=cache))
    try:
        np.save(folder / "matrix.npy", matrix, allow_pickle=False)
        (folder / "words.json").write_text(json.dumps(words), encoding="ascii")
        try:
            folder.rename(cache / name)
        except OSError:
            # Another process may have written it. A folder that cannot be opened is damaged.
            try:
                _open(cache / name)
            except _DAMAGED:
                shutil.rmtree(cache / name, ignore_errors=True)
                folder.rename(cache / name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_older(cache: Path, prefix: str, version: str) -> None:
    """Remove the copies of older versions of the file."""
    for folder in cache.iterdir():
        if folder.name.startswith(prefix) and not re.fullmatch(re.escape(version) + r"(-[0-9]+)?", folder.name):
            shutil.rmtree(folder, ignore_errors=True)
