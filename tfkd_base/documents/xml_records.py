"""XML files of many records, read one record at a time with lxml."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

from tfkd_base.documents.document import DocumentError, FaultError
from tfkd_base.documents.files import HEAD
from tfkd_base.documents.json_objects import MARK
from tfkd_base.documents.sections import plain_text

LIBRARY = "XML files need the library lxml, which is not installed: pip install 'tfkd[formats]'"
_ROOT = re.compile(
    rb"(?:\s++|<\?.*?\?>|<!--.*?-->|<!DOCTYPE\b(?:[^\[>]|\[.*?\]\s*(?=>))*+>)*+<([A-Za-z_][\w.:-]*+)", re.DOTALL
)
_CHUNK = 1 << 14
"""Bytes that are parsed at once"""
_REST = "the rest of the file is skipped"


def import_lxml() -> Any:
    """Import the XML parser, which is an optional dependency.

    Raises:
        DocumentError: It is missing.
    """
    try:
        from lxml import etree
    except ImportError:
        raise DocumentError(LIBRARY) from None
    return etree


def root_name(content: bytes) -> str | None:
    """Return the name of the outermost element of XML without its namespace, or None if the beginning holds none.

    Args:
        content: The beginning of the file, without byte order mark.

    Example:
        >>> root_name(b'<?xml version="1.0"?><!DOCTYPE article [<!ENTITY x ">">]><!-- a --><article>')
        'article'
    """
    match = _ROOT.match(content)
    return match[1].decode("ascii", "replace").rpartition(":")[2] if match else None


def read_records(stream: IO[bytes], tags: Mapping[str, Sequence[str]], expected: str) -> Iterator[Any]:
    r"""Read the elements of some names one by one, as soon as each is complete, with one of them in memory.

    XML entities that the file defines are not resolved, and nothing outside the file is read.

    Args:
        stream: The content, unpacked.
        tags: The names of the elements, which may be in any namespace and are not within each other, by the name of
            the outermost element.
        expected: What the file should be, for the message.

    Raises:
        FaultError: The file is something else, or its XML is not well formed. The records before the fault come first.
        DocumentError: The library lxml is missing.

    Example:
        >>> import io
        >>> stream = io.BytesIO(b"<all><one>a</one><one>b</one></all>")
        >>> [element.text for element in read_records(stream, {"all": ["one"]}, "XML of ones")]
        ['a', 'b']
    """
    etree = import_lxml()
    # What comes before the end of a truncated file is read.
    read = getattr(stream, "read1", stream.read)
    data, root = b"", None
    while root is None and len(data) < HEAD and (more := read(_CHUNK)):
        data += more
        root = root_name(data.removeprefix(MARK))
    if not data.strip():
        raise FaultError(f"expected {expected}, got an empty file")
    if root is not None and root not in tags:
        raise FaultError(f"expected {expected}, got XML whose outermost element is {root!r}")
    parser = etree.XMLPullParser(
        events=("end",),
        # Without a root there is no XML, or none that the parser accepts.
        tag=[f"{{*}}{tag}" for tag in tags.get(root or "", ())],
        remove_comments=True,
        remove_pis=True,
        resolve_entities=False,
        no_network=True,
    )
    fault: Any = None
    while fault is None:
        try:
            if data:
                parser.feed(data)
            else:
                parser.close()
        except etree.XMLSyntaxError as error:
            fault = error
        for _, element in parser.read_events():
            yield element
            _forget(element)
        if not data:
            break
        data = read(_CHUNK)
    if fault is not None:
        raise FaultError(f"the XML is not well formed: {fault.msg}; {_REST}", fault.lineno or None)
    if root is None:
        raise FaultError(f"expected {expected}, got a file that does not begin with an XML element in UTF-8")


def _forget(element: Any) -> None:
    """Empty an element, and remove what comes before it."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def check_entities(element: Any) -> None:
    """Refuse a record in which an XML entity is not resolved.

    Args:
        element: The record.

    Raises:
        FaultError: There is one.
    """
    entity = next(element.iter(import_lxml().Entity), None)
    if entity is not None:
        raise FaultError(f"it holds the XML entity {entity.text}, which is not one of the five of XML")


def raw_record(element: Any) -> bytes:
    """Return the XML of a record."""
    raw: bytes = import_lxml().tostring(element, encoding="utf-8", with_tail=False)
    return raw


def text_of(element: Any) -> str:
    """Return the text of an element and of those within it, such as `i` and `sup`; empty if there is no element."""
    return "" if element is None else plain_text("".join(element.itertext()))
