"""BioC in JSON, read and written document by document through the library `bioc`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import IO, Any

from tfkd_base.documents.bioc_documents import LIBRARY, from_bioc, to_bioc
from tfkd_base.documents.document import BrokenDocument, Counts, Document, DocumentError, FaultError
from tfkd_base.documents.formats import FORMATS, DocumentFormat, FormatWriter

PLACES = ("documents.item", "item.documents.item", "PubTator3.item")
"""Paths of documents: in a collection, in a list of collections, and in answers of PubTator's service"""
_LISTS = ("annotations", "relations")
_LIST = object()
_REST = "the rest of the file is skipped"


def _libraries() -> tuple[Any, Any]:
    """Import `bioc` and an incremental JSON parser, which are an optional dependency."""
    try:
        import bioc.biocjson
        import ijson
    except ImportError:
        raise DocumentError(LIBRARY) from None
    return bioc.biocjson, ijson


@FORMATS.register("bioc-json")
class BioCJson(DocumentFormat):
    """BioC in JSON."""

    description = "BioC in JSON"
    endings = (".json",)
    priority = -1

    def recognizes(self, ending: str, content: bytes) -> bool:
        """Recognize JSON with a key of a BioC collection near the beginning."""
        is_json = ending == ".json" or content[:1] in (b"{", b"[")
        return is_json and any(key in content for key in (b'"documents"', b'"bioctype"', b'"PubTator3"'))

    def read(self, stream: IO[bytes], source: str, counts: Counts) -> Iterator[Document | BrokenDocument]:
        """Read the documents of a collection one by one, holding one in memory.

        Where the JSON is broken, the rest of the file is one broken document.

        Raises:
            DocumentError: The library `bioc` is missing.
        """
        library, ijson = _libraries()
        number = 0
        is_collection = False
        try:
            for value in _values(ijson, stream):
                is_collection = True
                if value is _LIST:
                    continue
                number += 1
                try:
                    yield from_bioc(_document(library, value), counts)
                except FaultError as fault:
                    yield BrokenDocument(source, fault.reason, json.dumps(value).encode(), number=number)
        except (ijson.JSONError, UnicodeDecodeError) as error:
            yield BrokenDocument(source, f"the JSON is broken: {error}; {_REST}", number=number + 1)
            return
        if not is_collection:
            yield BrokenDocument(source, 'no document is here; expected {"documents": [...]}, a BioC collection')

    def stream_writer(self, stream: IO[bytes], counts: Counts) -> FormatWriter:
        """Return a writer of BioCJson."""
        return _Writer(stream, counts)


def _values(ijson: Any, stream: IO[bytes]) -> Iterator[Any]:
    """Yield each value at the path of a document, and `_LIST` where a list of documents starts."""
    builder = None
    inside = ""
    for prefix, event, value in ijson.parse(stream, use_float=True):
        if builder is None and prefix in PLACES:
            builder, inside = ijson.ObjectBuilder(), prefix
        elif event == "start_array" and f"{prefix}.item" in PLACES:
            yield _LIST
        if builder is not None:
            builder.event(event, value)
            if prefix == inside and event not in ("start_map", "start_array", "map_key"):
                yield builder.value
                builder = None


def _document(library: Any, value: Any) -> Any:
    """Return the library's document for an object, in which empty lists and infons may be missing."""
    try:
        filled = {"infons": {}, **dict.fromkeys(_LISTS, ()), **value}
        filled["passages"] = [_filled(one, "sentences") for one in value["passages"]]
        filled["annotations"] = [_filled(one) for one in filled["annotations"]]
        for passage in filled["passages"]:
            passage["sentences"] = [_filled(one) for one in passage["sentences"]]
        for holder in [*filled["passages"], *(s for p in filled["passages"] for s in p["sentences"])]:
            holder["annotations"] = [{"text": "", **_filled(one, "locations")} for one in holder["annotations"]]
        document = library.fromJSON(filled, "BioCDocument")
        _check(json.dumps(value, ensure_ascii=False))
        return document
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, UnicodeEncodeError):
            raise FaultError("half a surrogate pair, which UTF-8 cannot express") from None
        raise FaultError(f"it is not BioC JSON: {type(error).__name__} {error}") from None


def _filled(value: dict[str, Any], *more: str) -> dict[str, Any]:
    """Return an object with all keys that the library needs; existing values are unchanged."""
    return {"infons": {}, **dict.fromkeys((*_LISTS, *more), ()), **value}


def _check(text: str) -> None:
    text.encode()


class _Writer(FormatWriter):
    """Writer of one collection."""

    def __init__(self, stream: IO[bytes], counts: Counts) -> None:
        self._library, _ = _libraries()
        self._stream = stream
        self._counts = counts
        self._between = ""
        stream.write(
            b'{"bioctype": "BioCCollection", "source": "", "date": "", "key": "", "version": "1.0", "infons": {}, '
            b'"documents": [\n'
        )

    def write(self, document: Document) -> None:
        """Write one document."""
        value = self._library.toJSON(to_bioc(document, self._counts))
        self._stream.write((self._between + json.dumps(value, ensure_ascii=False)).encode())
        self._between = ",\n"

    def close(self) -> None:
        """End the collection."""
        self._stream.write(b"\n]}\n")
