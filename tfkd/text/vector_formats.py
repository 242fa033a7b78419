"""Formats of files of word vectors: detection from the content, and checks that gensim does not make."""

from __future__ import annotations

import contextlib
import re
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from tfkd_base.errors import TfkdError

_FASTTEXT_MAGIC = struct.pack("<i", 793712314)
_FASTTEXT_HEADER = struct.Struct("<2i12id3i2q")

_CARRIAGE_RETURNS = (
    "lines end with carriage returns alone, which the reader of word vectors does not know. Write line feeds, as with "
    "tr '\\r' '\\n' < IN > OUT."
)

Format = Literal["text", "glove", "binary", "fasttext"]

FORMAT_NAMES: dict[Format, str] = {
    "text": "word2vec or fastText text",
    "glove": "text without line 1 (GloVe)",
    "binary": "word2vec binary",
    "fasttext": "fastText binary",
}


def detect_format(path: Path) -> Format:
    """Return the format, detected from the first bytes; check the header against the size of the file."""
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
            f"{path}: the file is a Python pickle, as gensim's `save` writes it. Reading it could run any code. "
            "Write the vectors with gensim's `save_word2vec_format` instead."
        )
    if head.startswith(b"\x1f\x8b") or head.startswith(b"BZh") or head.startswith(b"PK\x03\x04"):
        raise TfkdError(f"{path}: the file is compressed. Unpack it first.")
    header = re.match(rb"([0-9]{1,18}) ([0-9]{1,9})[ \r]*\n", head)
    if header is None and b"\r" in head and b"\n" not in head:
        raise TfkdError(f"{path}:1: {_CARRIAGE_RETURNS}")
    if header is None:
        if _is_glove(head):
            return "glove"
        raise TfkdError(
            f"{path}:1: expected the number of words and the width, such as '200000 100', or a word and at least two "
            f"numbers (GloVe), got {head[:40].split(bytes([10]))[0]!r}. Supported formats: GloVe; word2vec and "
            "fastText, each as text or binary."
        )
    words, width = int(header[1]), int(header[2])
    if words < 1 or width < 1:
        raise TfkdError(f"{path}:1: expected at least one word and a width of at least 1, got {words} and {width}.")
    if _is_text(head[header.end() :], width):
        return "text"
    minimum = header.end() + words * (4 * width + 2)
    if size < minimum:
        raise TfkdError(
            f"{path}: expected at least {minimum} bytes for the {words} words of width {width} of line 1, got {size}. "
            "Is the file truncated?"
        )
    return "binary"


def _is_text(body: bytes, width: int) -> bool:
    """Return whether vectors are text, even damaged text, and not binary numbers."""
    first = body.partition(b"\n")[0].decode("utf-8", "replace").split()
    with contextlib.suppress(ValueError):
        if len([float(number) for number in first[1:]]) == width:
            return True
    # The last character may be incomplete.
    return "\ufffd" not in body.decode("utf-8", "replace")[:-1] and not re.search(rb"[\x00-\x08\x0e-\x1f]", body)


def _is_glove(head: bytes) -> bool:
    """Return whether the first line is a word and at least two numbers."""
    fields = head.partition(b"\n")[0].rstrip().split(b" ")
    with contextlib.suppress(ValueError):
        return len([float(field) for field in fields[1:]]) >= 2
    return False


def check_text(path: Path, kind: Format, limit: int | None) -> int:
    """Check that all lines are UTF-8, and that their number and their widths agree with line 1.

    Returns:
        The number of words that will be read.
    """
    with path.open("rb") as file:
        words: int | None = None
        if kind == "text":
            words, width = (int(x) for x in file.readline().split())
        else:
            width = file.readline().rstrip().count(b" ")
            file.seek(0)
        expected = limit if words is None else words if limit is None else min(words, limit)
        lines = 0
        for number, line in enumerate(file, start=2 if kind == "text" else 1):
            line = line.rstrip()
            if not line:
                _refuse_text_after(path, number, file)
                break
            lines += 1
            if b"\r" in line:
                raise TfkdError(f"{path}:{number}: {_CARRIAGE_RETURNS}")
            if line.count(b" ") != width:
                raise TfkdError(
                    f"{path}:{number}: expected a word and {width} numbers separated by single spaces, as in line 1, "
                    f"got {line.count(b' ')} spaces. Is the line truncated, or does the word contain a space?"
                )
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise TfkdError(
                    f"{path}:{number}: expected UTF-8, got the byte {line[error.start]:#04x}. Convert the file, for "
                    "instance with `iconv -f latin1 -t utf-8`."
                ) from None
            if lines == limit or (expected is not None and lines > expected):
                break
        if words is not None and lines != expected:
            got = f"more than {expected}" if expected is not None and lines > expected else f"{lines}"
            raise TfkdError(
                f"{path}: expected the {words} words of line 1, got {got}. Is the file truncated, or line 1 wrong?"
            )
    return lines


def _refuse_text_after(path: Path, number: int, file: Iterable[bytes]) -> None:
    """Refuse a file in which lines follow a blank line, since reading would end there."""
    if any(line.strip() for line in file):
        raise TfkdError(f"{path}:{number}: expected a word and its vector, got a blank line. Remove the line.")


def check_numbers(path: Path, kind: Format) -> None:
    """Refuse the first line with a field that is not a number."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            for field in line.split()[1:]:
                try:
                    float(field)
                except ValueError:
                    text = field.decode("utf-8", "replace")
                    raise TfkdError(
                        f"{path}:{number}: damaged word vectors, read as {FORMAT_NAMES[kind]}: expected a number, got "
                        f"{text!r}."
                    ) from None


def _check_fasttext(path: Path, head: bytes, size: int) -> None:
    """Check the size of a fastText model: gensim would never finish reading a truncated one."""
    if len(head) < _FASTTEXT_HEADER.size:
        raise TfkdError(f"{path}: the file ends within the header of a fastText model. Is it truncated?")
    _, _, width, *_, buckets, _, _, _, _, entries, words, _, _, _ = _FASTTEXT_HEADER.unpack_from(head)
    minimum = _FASTTEXT_HEADER.size + 10 * entries + 4 * width * (words + buckets)
    if min(width, words, entries, buckets + 1) < 1 or size < minimum:
        raise TfkdError(
            f"{path}: expected at least {minimum} bytes for a fastText model of {words} words, {buckets} buckets "
            f"and width {width}, got {size}. Is it truncated or quantised? Use the full model or a text file (.vec)."
        )
