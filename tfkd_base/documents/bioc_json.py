"""BioC in JSON, read and written document by document through the library `bioc`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import IO, Any

from tfkd_base.documents.bioc_documents import LIBRARY, CollectionCounter, from_bioc, to_bioc
from tfkd_base.documents.document import BrokenDocument, Collection, Counts, Document, DocumentError, FaultError
from tfkd_base.documents.formats import FORMATS, DocumentFormat, FormatWriter
from tfkd_base.documents.json_objects import check_unicode, json_shape, read_objects, rewindable

PLACES = ("documents.item", "item.documents.item", "PubTator3.item")
"""Paths of documents: in a collection, in a list of collections, and in answers of PubTator's service"""
LISTED = ("item",)
"""The path of documents in a list without a collection"""
_COLLECTION_KEYS = frozenset({"documents", "PubTator3", "bioctype", "source", "date", "key"})
_HEAD = 1 << 16
_REST = "the rest of the file is skipped"
_NOTHING = 'no document is here; expected {"documents": [...]}, a BioC collection, or documents with "passages"'


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
    other_endings = (".jsonl", ".ndjson")
    priority = -1

    def recognizes(self, ending: str, content: bytes) -> bool:
        """Recognize JSON whose first object is a BioC collection or document."""
        shape = json_shape(content)
        keys = set(shape.keys)
        is_collection = bool(keys & {"documents", "bioctype", "PubTator3"})
        return is_collection or ("passages" in keys and "text" not in keys)

    def read(self, stream: IO[bytes], source: str, counts: Counts) -> Iterator[Document | BrokenDocument]:
        """Read the documents of collections one by one, holding one in memory.

        A file may also be a document without a collection, a list of documents, or a document per line. Where the JSON
        is broken, the rest of the file, or of the line, is one broken document.

        Raises:
            DocumentError: The library `bioc` is missing.
        """
        _, ijson = _libraries()
        head, stream = rewindable(stream, _HEAD)
        shape = json_shape(head)
        has_collection = bool(_COLLECTION_KEYS & set(shape.keys)) and "passages" not in shape.keys
        if shape.kind == "object" and not has_collection:
            yield from self._read_objects(stream, source, counts)
            return
        places = LISTED if shape.kind == "list" and not has_collection else PLACES
        number = 0
        is_collection = False
        try:
            for item in _items(ijson, stream, places, counts):
                is_collection = True
                if item is None:
                    continue
                number += 1
                value, collection = item
                try:
                    yield self._read(value, counts, collection)
                except FaultError as fault:
                    yield BrokenDocument(source, fault.reason, json.dumps(value).encode(), number=number)
        except (ijson.JSONError, ValueError, RecursionError) as error:
            yield BrokenDocument(source, f"the JSON is broken: {error}; {_REST}", number=number + 1)
            return
        if not is_collection:
            yield BrokenDocument(source, _NOTHING)

    def _read_objects(self, stream: IO[bytes], source: str, counts: Counts) -> Iterator[Document | BrokenDocument]:
        """Read a document, or several of which each is an object of its own, such as one per line."""
        number = 0
        for item in read_objects(stream):
            documents, collection = [item.value], Collection()
            if "documents" in item.value and isinstance(item.value["documents"], list):
                documents, collection = item.value["documents"], _collection(item.value)
            for value in documents:
                number += 1
                try:
                    if item.fault is not None:
                        raise FaultError(item.fault, item.line)
                    if value is item.value and "passages" not in value:
                        raise FaultError(f"{_NOTHING}; got the keys {', '.join(sorted(value)[:8])}")
                    yield self._read(value, counts, collection)
                except FaultError as fault:
                    yield BrokenDocument(source, fault.reason, item.raw, line=item.line, number=number)
        if not number:
            yield BrokenDocument(source, _NOTHING)

    def _read(self, value: Any, counts: Counts, collection: Collection) -> Document:
        check_unicode(value, json.dumps(value).encode())
        found = Counts()
        document = from_bioc(value, found, self.offsets, collection)
        counts.update(found)
        return document

    def stream_writer(self, stream: IO[bytes], counts: Counts) -> FormatWriter:
        """Return a writer of BioCJson."""
        return _Writer(stream, counts)


def _items(
    ijson: Any, stream: IO[bytes], places: tuple[str, ...], counts: Counts
) -> Iterator[tuple[Any, Collection] | None]:
    """Yield each document with its collection, and None where a list of documents starts."""
    builder = about = None
    inside = about_at = key = ""
    held: dict[str, Any] = {}
    has_started = False
    for prefix, event, value in ijson.parse(stream, use_float=True, multiple_values=True):
        if builder is None and about is None:
            if prefix in places:
                builder, inside = ijson.ObjectBuilder(), prefix
            elif event == "start_map" and prefix in ("", "item"):
                held, has_started = {}, False
            elif event == "map_key" and prefix in ("", "item"):
                key = value
            elif event == "start_array" and f"{prefix}.item".lstrip(".") in places:
                has_started = True
                yield None
            elif key in ("source", "date", "key", "infons") and prefix in (key, f"item.{key}"):
                about, about_at = ijson.ObjectBuilder(), prefix
        is_end = event not in ("start_map", "start_array", "map_key")
        if builder is not None:
            builder.event(event, value)
            if prefix == inside and is_end:
                yield builder.value, _collection(held)
                builder = None
        elif about is not None:
            about.event(event, value)
            if prefix == about_at and is_end:
                counts["values of collections dropped, which come after its documents"] += has_started
                held[key], about = about.value, None


def _collection(value: dict[str, Any]) -> Collection:
    """Return what an object says about its documents. Values of other types are kept as text or not at all."""
    source, date, key = (str(value.get(name) or "") for name in ("source", "date", "key"))
    infons = value.get("infons")
    return Collection(source, date, key, infons if isinstance(infons, dict) else {})


class _Writer(FormatWriter):
    """Writer of one collection."""

    def __init__(self, stream: IO[bytes], counts: Counts) -> None:
        self._library, _ = _libraries()
        self._stream = stream
        self._counts = counts
        self._between: str | None = None
        self._collections = CollectionCounter(counts)

    def write(self, document: Document) -> None:
        """Write one document. What the first one's collection says is written before it."""
        self._collections.add(document.collection)
        self._start(document.collection)
        value = self._library.toJSON(to_bioc(document, self._counts))
        self._stream.write(((self._between or "") + json.dumps(value, ensure_ascii=False)).encode())
        self._between = ",\n"

    def _start(self, collection: Collection) -> None:
        if self._between is not None:
            return
        value = {"source": collection.source, "date": collection.date, "key": collection.key, "version": "1.0"}
        about = json.dumps(
            {"bioctype": "BioCCollection", **value, "infons": dict(collection.infons)}, ensure_ascii=False
        )
        self._stream.write(f'{about[:-1]}, "documents": [\n'.encode())
        self._between = ""

    def close(self) -> None:
        """End the collection."""
        self._start(Collection())
        self._stream.write(b"\n]}\n")
