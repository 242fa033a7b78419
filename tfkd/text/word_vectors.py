"""Pre-trained word vectors: reading them, mapping large files, and finding a vocabulary's words among them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import struct
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from tfkd.text.word_features import WordFeatures
from tfkd_base.errors import TfkdError

MAP_ABOVE = 256 * 2**20
"""Size in bytes above which a file of vectors is mapped into memory rather than read."""

_FASTTEXT_MAGIC = struct.pack("<i", 793712314)
_FASTTEXT_HEADER = struct.Struct("<2i12id3i2q")
_CHUNK = 2**16
_CACHE = ".tfkd-vectors"
_DAMAGED = (OSError, ValueError, EOFError)

Format = Literal["text", "binary", "fasttext"]


@dataclass(frozen=True, eq=False)
class WordVectors:
    """Words and the vector of each.

    Args:
        words: The words, most frequent first, each once.
        matrix: Their vectors, float32 `[words, width]`; may be mapped from a file.
        source: Where they are from, for messages.

    Raises:
        TfkdError: `matrix` has not one row for each word, or is not float32.

    Example:
        >>> vectors = WordVectors(("gene", "p53"), np.array([[1.0, 2.0], [3.0, 4.0]], np.float32))
        >>> len(vectors), vectors.width
        (2, 2)
        >>> rows, values = vectors.for_vocabulary(WordFeatures(["p00", "the"], []))
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
                f"{self.source}: expected a float32 matrix with a row for each of {len(self.words)} words, "
                f"got {self.matrix.dtype} of shape {self.matrix.shape}."
            )

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        return int(self.matrix.shape[1])

    def __len__(self) -> int:
        """Return the number of words."""
        return len(self.words)

    def for_vocabulary(self, text: WordFeatures) -> tuple[np.ndarray, np.ndarray]:
        """Find the vectors of a vocabulary's words.

        A word has the vector of the same word here, or else that of the first one here which `text` normalises
        to it: the most frequent.

        Args:
            text: What holds the vocabulary and normalises words.

        Returns:
            The word ids that have a vector, int32 `[found]`, ascending; and the vectors, float32 `[found, width]`.
        """
        ids = {word: number for number, word in enumerate(text.words, start=2)}
        same: dict[int, int] = {}
        normalized: dict[int, int] = {}
        for start in range(0, len(self.words), _CHUNK):
            chunk = self.words[start : start + _CHUNK]
            forms = text.normalize(tf.constant(chunk, tf.string)).numpy()
            for index, (word, form) in enumerate(zip(chunk, forms, strict=True), start=start):
                if word in ids:
                    same.setdefault(ids[word], index)
                elif (wanted := ids.get(form.decode("utf-8", "replace"))) is not None:
                    normalized.setdefault(wanted, index)
        found = normalized | same
        rows = np.array(sorted(found), np.int32)
        return rows, np.array(self.matrix[[found[row] for row in rows.tolist()]], np.float32).reshape(-1, self.width)


def read_word_vectors(
    path: str | os.PathLike[str], *, limit: int | None = None, map_above: int = MAP_ABOVE
) -> WordVectors:
    r"""Read pre-trained word vectors: word2vec text or binary, fastText text (`.vec`) or binary (`.bin`).

    The format is told by the content. A large file is converted once, to a folder `.tfkd-vectors` beside it, or in the
    user's cache where that cannot be written; from then on it is mapped into memory from there, so that a
    run holds but the vectors of its own vocabulary. The copy is made anew when the file's size or time changes.
    Pickled files, such as gensim's own, are refused: reading them would run whatever code they hold.

    Args:
        path: The file.
        limit: How many words to read, the first ones; all by default.
        map_above: Size of file in bytes above which it is mapped.

    Returns:
        The words with their vectors. Of a word that stands twice the first is taken.

    Raises:
        TfkdError: There is no such file, it is broken, its format is another, or gensim is not installed.

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
        got = "it is a folder" if file.is_dir() else "there is none"
        raise TfkdError(f"{path}: expected a file of word vectors, but {got}.")
    if limit is not None and limit < 1:
        raise TfkdError(f"the limit of word vectors must be at least 1, got {limit}.")
    if file.stat().st_size <= map_above:
        return WordVectors(*_read(file, limit), source=str(path))
    return WordVectors(*_mapped(file, limit), source=str(path))


def _read(path: Path, limit: int | None) -> tuple[tuple[str, ...], np.ndarray]:
    """Read a file into memory by gensim, which trusts what a file says of itself: so that is checked first."""
    kind = _format(path)
    if kind == "text":
        _check_text(path, limit)
    try:
        from gensim.models import KeyedVectors
        from gensim.models.fasttext import load_facebook_vectors
    except ImportError:
        raise TfkdError(f"{path}: reading word vectors needs gensim: pip install 'tfkd[vectors]'") from None
    try:
        if kind == "fasttext":
            vectors = load_facebook_vectors(str(path.absolute()))
        else:
            vectors = KeyedVectors.load_word2vec_format(
                str(path.absolute()), binary=kind == "binary", limit=limit, unicode_errors="replace"
            )
    except (ValueError, EOFError, AssertionError, NotImplementedError, struct.error, OSError) as error:
        raise TfkdError(f"{path}: broken word vectors, read as {_NAMES[kind]}: {error}") from error
    # gensim leaves empty rows at the end where words stood twice.
    count = min(len(vectors.key_to_index), limit or len(vectors.key_to_index))
    matrix = np.ascontiguousarray(vectors.vectors[:count], np.float32)
    words = tuple(vectors.index_to_key[:count])
    for start in range(0, len(matrix), _CHUNK):
        bad = ~np.isfinite(matrix[start : start + _CHUNK]).all(axis=1)
        if bad.any():
            word = words[start + int(bad.argmax())]
            raise TfkdError(f"{path}: the vector of {word!r} holds a number that is not finite; is the file damaged?")
    return words, matrix


_NAMES = {"text": "word2vec or fastText text", "binary": "word2vec binary", "fasttext": "fastText binary"}


def _format(path: Path) -> Format:
    """Tell the format by the first bytes, and check what the header says against the file's size."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(2**16)
    if not head:
        raise TfkdError(f"{path}: expected word vectors, but the file is empty.")
    if head.startswith(_FASTTEXT_MAGIC):
        _check_fasttext(path, head, size)
        return "fasttext"
    if head[0] == 0x80 and head[1:2] <= b"\x05":
        raise TfkdError(
            f"{path}: it is a Python pickle, such as gensim's own `save` writes, and reading one could run any code. "
            "Write it with gensim's `save_word2vec_format` instead."
        )
    if head.startswith(b"\x1f\x8b") or head.startswith(b"BZh") or head.startswith(b"PK\x03\x04"):
        raise TfkdError(f"{path}: the file is compressed; unpack it first.")
    header = re.match(rb"([0-9]{1,18}) ([0-9]{1,9})[ \r]*\n", head)
    if header is None:
        raise TfkdError(
            f"{path}:1: expected the number of words and the width, such as '200000 100', "
            f"got {head[:40].split(bytes([10]))[0]!r}. Known are word2vec and fastText, each text or binary; before "
            "vectors in GloVe's form put such a line."
        )
    words, width = int(header[1]), int(header[2])
    if words < 1 or width < 1:
        raise TfkdError(f"{path}:1: expected at least one word and a width of at least 1, got {words} and {width}.")
    if _is_text(head[header.end() :], width):
        return "text"
    least = header.end() + words * (4 * width + 2)
    if size < least:
        raise TfkdError(
            f"{path}: line 1 promises {words} words of width {width}, at least {least} bytes as binary, "
            f"but the file has {size}. Is it cut off?"
        )
    return "binary"


def _is_text(body: bytes, width: int) -> bool:
    """Tell text, even broken one, from numbers in binary."""
    first = body.partition(b"\n")[0].decode("utf-8", "replace").split()
    with contextlib.suppress(ValueError):
        if len([float(number) for number in first[1:]]) == width:
            return True
    # The last character may be cut off.
    return "\ufffd" not in body.decode("utf-8", "replace")[:-1] and not re.search(rb"[\x00-\x08\x0e-\x1f]", body)


def _check_text(path: Path, limit: int | None) -> None:
    """Check that each line has as many numbers as line 1 says, and that there are as many lines."""
    with path.open("rb") as file:
        words, width = (int(x) for x in file.readline().split())
        wanted = words if limit is None else min(words, limit)
        lines = 0
        for line in file:
            line = line.rstrip()
            if not line:
                break
            lines += 1
            if line.count(b" ") != width:
                raise TfkdError(
                    f"{path}:{lines + 1}: expected a word and {width} numbers with one space between them, as line 1 "
                    f"says, got {line.count(b' ')} spaces. Is the line cut off, or the word with a space in it?"
                )
            if lines > wanted or lines == limit:
                break
        if lines != wanted:
            got = f"more than {wanted}" if lines > wanted else f"{lines}"
            raise TfkdError(
                f"{path}: line 1 promises {words} words, the file has {got}. Is it cut off, or line 1 wrong?"
            )


def _check_fasttext(path: Path, head: bytes, size: int) -> None:
    """Check the size: of a file cut off among its words gensim would never come to the end."""
    if len(head) < _FASTTEXT_HEADER.size:
        raise TfkdError(f"{path}: the file ends within the header of a fastText model.")
    _, _, width, *_, buckets, _, _, _, _, entries, words, _, _, _ = _FASTTEXT_HEADER.unpack_from(head)
    least = _FASTTEXT_HEADER.size + 10 * entries + 4 * width * (words + buckets)
    if min(width, words, entries, buckets + 1) < 1 or size < least:
        raise TfkdError(
            f"{path}: a fastText model of {words} words, {buckets} buckets and width {width} has at least {least} "
            f"bytes, the file has {size}. Is it cut off, or quantised? Take the whole one, or the text format (.vec)."
        )


def _mapped(path: Path, limit: int | None) -> tuple[Sequence[str], np.ndarray]:
    """Map the copy of a file in a cache, which is made if there is none."""
    status = path.stat()
    place = hashlib.blake2s(os.fsencode(path.resolve()), digest_size=4).hexdigest()
    version = f"{path.name}.{place}.{status.st_size}-{status.st_mtime_ns}"
    name = version if limit is None else f"{version}-{limit}"
    caches = list(_caches(path))
    for cache in caches:
        with contextlib.suppress(*_DAMAGED):
            return _open(cache / name)
    words, matrix = _read(path, limit)
    problems = []
    for cache in caches:
        try:
            _store(cache, name, words, matrix)
            _remove_older(cache, f"{path.name}.{place}.", version)
            return _open(cache / name)
        except OSError as error:
            problems.append(f"{cache}: {error.strerror or error}")
    raise TfkdError(
        f"{path}: too large to be read whole, and its copy to be mapped could not be written ({'; '.join(problems)}). "
        f"Make one of these folders writable, or name another in XDG_CACHE_HOME; it takes {matrix.nbytes} bytes."
    )


def _caches(path: Path) -> Iterator[Path]:
    yield path.resolve().parent / _CACHE
    with contextlib.suppress(RuntimeError):
        yield Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tfkd" / "vectors"


def _open(folder: Path) -> tuple[Sequence[str], np.ndarray]:
    matrix: Any = np.load(folder / "matrix.npy", mmap_mode="r", allow_pickle=False)
    words = json.loads((folder / "words.json").read_text(encoding="ascii"))
    if len(words) != len(matrix):
        raise ValueError(f"{folder} is damaged")
    return tuple(words), matrix


def _store(cache: Path, name: str, words: Sequence[str], matrix: np.ndarray) -> None:
    """Write a folder under another name and rename it, so that there is a whole one or none."""
    cache.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="unfinished-", dir=cache))
    try:
        np.save(folder / "matrix.npy", matrix, allow_pickle=False)
        (folder / "words.json").write_text(json.dumps(words), encoding="ascii")
        try:
            folder.rename(cache / name)
        except OSError:
            # Another process may have been faster; one that cannot be opened is damaged.
            try:
                _open(cache / name)
            except _DAMAGED:
                shutil.rmtree(cache / name, ignore_errors=True)
                folder.rename(cache / name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_older(cache: Path, prefix: str, version: str) -> None:
    """Remove the copies of what the file was before."""
    for old in cache.iterdir():
        if old.name.startswith(prefix) and not re.fullmatch(re.escape(version) + r"(-[0-9]+)?", old.name):
            shutil.rmtree(old, ignore_errors=True)
