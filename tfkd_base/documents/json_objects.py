"""JSON files of documents: one object, a list of objects, or an object per line."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import IO, Any, Literal

from tfkd_base.documents.document import FaultError
from tfkd_base.files import read_lines

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|[{}\[\]:,]', re.DOTALL)
_START = re.compile(r"\{\s*(?:[\"}]|$)|\[\s*(?:[{\[\"\]]|$)")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
MARK = b"\xef\xbb\xbf"
"""A byte order mark in UTF-8"""


@dataclass(frozen=True, slots=True)
class JsonObject:
    """An object of a file, or the reason why it cannot be read.

    Attributes:
        value: The object; empty if there is a fault.
        raw: Its bytes.
        line: Its line, if the file has an object per line.
        fault: Why it cannot be read.
    """

    value: dict[str, Any]
    raw: bytes
    line: int | None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class JsonShape:
    """What the beginning of a JSON file shows.

    Attributes:
        kind: Whether it is an object or a list; None if it is neither.
        keys: The keys of the object, or of the first object of the list, as far as they are in the beginning.
    """

    kind: Literal["object", "list"] | None
    keys: tuple[str, ...] = ()


@lru_cache(maxsize=8)
def json_shape(content: bytes) -> JsonShape:
    """Return the shape of the JSON whose first bytes are given, cut off anywhere.

    Example:
        >>> json_shape(b'[{"id": "7", "infons": {"x": 1}, "passages": [{"off')
        JsonShape(kind='list', keys=('id', 'infons', 'passages'))
    """
    text = content.removeprefix(MARK).lstrip().decode("utf-8", "replace")
    if not _START.match(text):
        return JsonShape(None)
    top = 1 if text[0] == "{" else 2
    keys: dict[str, None] = {}
    depth = 0
    string = ""
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in "{[":
            depth += 1
        elif token in "}]":
            depth -= 1
            if depth < top and keys:
                break
        elif token == ":" and depth == top:
            keys[string] = None
        elif token not in ":,":
            string = match[1]
    return JsonShape("object" if top == 1 else "list", tuple(keys))


def parse_object(raw: bytes) -> dict[str, Any]:
    """Return the object that some bytes are.

    Raises:
        FaultError: They are not UTF-8, not JSON, not an object, or hold half a surrogate pair.
    """
    try:
        value = json.loads(raw.decode().rstrip("\r\n"))
    except UnicodeDecodeError:
        raise FaultError("not UTF-8; convert the file, for example with iconv -t UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise FaultError(f"not a JSON object on one line: {error}") from None
    if not isinstance(value, dict):
        raise FaultError(f"expected a JSON object, got {_kind(value)}")
    check_unicode(value, raw)
    return value


def check_unicode(value: object, raw: bytes) -> None:
    """Refuse half surrogate pairs in the strings of a JSON value.

    Raises:
        FaultError: There is one.
    """
    if _SURROGATE.search(raw) is None:
        return
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise FaultError(
            f"half a surrogate pair, {error.object[error.start]!r}, in a string, which UTF-8 cannot express"
        ) from None


def _kind(value: object) -> str:
    names = {list: "a list", str: "a string", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def read_objects(stream: IO[bytes], first_line: int = 1) -> Iterator[JsonObject]:
    r"""Read the objects of a file: one object, a list of objects, objects one after the other, or one per line.

    In a file with an object per line, a broken line is reported and the next ones are read. In others, the rest of the
    file is reported as one fault.

    Args:
        stream: The content.
        first_line: Number of the first line.

    Example:
        >>> [one.value or one.fault for one in read_objects(io.BytesIO(b'{"a": 1}\n{"a": \n{"a": 3}\n'))]
        [{'a': 1}, 'not a JSON object on one line: Expecting value: line 1 column 7 (char 6)', {'a': 3}]
        >>> [one.value for one in read_objects(io.BytesIO(b'[{"a": 1},\n {"a": 2}]'))]
        [{'a': 1}, {'a': 2}]
    """
    numbered = enumerate(read_lines(stream), first_line)
    head: list[tuple[int, bytes]] = []
    for number, line in numbered:
        head.append((number, line.removeprefix(MARK) if number == 1 else line))
        if sum(bool(line.strip()) for _, line in head) == 2:
            break
    if first_line == 1 and not has_object_per_line(b"".join(line for _, line in head)):
        yield from _read_whole(b"".join(line for _, line in (*head, *numbered)))
        return
    for lines in (head, numbered):
        for number, line in lines:
            if line.strip():
                try:
                    yield JsonObject(parse_object(line), line, number)
                except FaultError as fault:
                    yield JsonObject({}, line, number, fault.reason)


def has_object_per_line(head: bytes) -> bool:
    r"""Tell whether a JSON file has an object per line, and is no list and no object on several lines.

    Args:
        head: The beginning of the file, at least two lines that are not blank.

    Example:
        >>> has_object_per_line(b'{"a": 1}\n'), has_object_per_line(b'{\n  "a": 1\n}\n'), has_object_per_line(b"[{}]")
        (True, False, False)
    """
    lines = [line for line in map(bytes.strip, read_lines(io.BytesIO(head.removeprefix(MARK)))) if line]
    if not lines or lines[0].startswith(b"["):
        return not lines
    is_open = lines[0].startswith(b"{") and not lines[0].endswith(b"}")
    return not (is_open and len(lines) > 1 and lines[1][:1] in (b'"', b"}"))


def _read_whole(raw: bytes) -> Iterator[JsonObject]:
    """Read the objects of a file that has no object per line."""
    text = raw.decode(errors="surrogateescape")
    place, in_list = 0, False
    decoder = json.JSONDecoder()
    while True:
        place = _skip(text, place, " \t\r\n,")
        if text[place : place + 1] in ("[", "]"):
            in_list = text[place] == "["
            place += 1
            continue
        if place >= len(text):
            if in_list:
                yield JsonObject({}, b"", None, "the JSON is broken: the list has no end")
            return
        try:
            value, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            fault = f"the JSON is broken: {error}; the rest of the file is skipped"
            yield JsonObject({}, text[place:].encode(errors="surrogateescape"), None, fault)
            return
        part = text[place:end].encode(errors="surrogateescape")
        place = end
        if not _is_utf8(part):
            yield JsonObject({}, part, None, "not UTF-8; convert the file, for example with iconv -t UTF-8")
            continue
        if not isinstance(value, dict):
            yield JsonObject({}, part, None, f"expected a JSON object, got {_kind(value)}")
            continue
        try:
            check_unicode(value, part)
        except FaultError as fault:
            yield JsonObject({}, part, None, fault.reason)
        else:
            yield JsonObject(value, part, None)


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _skip(text: str, place: int, characters: str) -> int:
    while place < len(text) and text[place] in characters:
        place += 1
    return place


def rewindable(stream: IO[bytes], size: int) -> tuple[bytes, IO[bytes]]:
    """Return the first bytes of a stream, and a stream that still has them.

    Args:
        stream: The stream.
        size: Number of bytes.
    """
    head = stream.read(size)
    return head, io.BufferedReader(_Rejoined(head, stream), size)


class _Rejoined(io.RawIOBase):
    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self._head[: len(buffer)]
        self._head = self._head[len(part) :]
        part = part or self._rest.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)
