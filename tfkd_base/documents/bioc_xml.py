"""BioC in XML, read and written document by document through the library `bioc`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import IO, Any

from tfkd_base.documents.bioc_documents import LIBRARY, CollectionCounter, from_bioc, texts_only, to_bioc
from tfkd_base.documents.document import BrokenDocument, Collection, Counts, Document, DocumentError, FaultError
from tfkd_base.documents.formats import FORMATS, DocumentFormat, FormatWriter
from tfkd_base.documents.other_files import is_web_page

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REST = "the rest of the file is skipped"


def _libraries() -> tuple[Any, Any]:
    """Import `bioc` and its XML parser, which are an optional dependency."""
    try:
        import bioc
        from lxml import etree
    except ImportError:
        raise DocumentError(LIBRARY) from None
    return bioc, etree


@FORMATS.register("bioc-xml")
class BioCXml(DocumentFormat):
    """BioC in XML."""

    description = "BioC in XML"
    endings = (".xml", ".bioc")
    priority = -3

    def recognizes(self, ending: str, content: bytes) -> bool:
        """Recognize a BioC collection, an XML declaration or the ending, unless it is a web page."""
        starts = (b"<?xml", b"<collection", b"<!DOCTYPE collection")
        return (ending in self.endings or content.startswith(starts)) and not is_web_page(content)

    def read(self, stream: IO[bytes], source: str, counts: Counts) -> Iterator[Document | BrokenDocument]:
        """Read the documents of a collection one by one, holding one in memory.

        XML entities that the file defines are not resolved, and nothing outside the file is read. Where the XML is not
        well formed, the rest of the file is one broken document.

        Raises:
            DocumentError: The library `bioc` is missing.
        """
        _, etree = _libraries()
        number = 0
        collection: Collection | None = None
        try:
            events = etree.iterparse(
                stream,
                events=("end",),
                tag="document",
                remove_comments=True,
                remove_pis=True,
                resolve_entities=False,
                no_network=True,
            )
            for _, element in events:
                number += 1
                raw = etree.tostring(element, encoding="utf-8", with_tail=False)
                parent = element.getparent()
                if collection is None and parent is not None:
                    collection = _collection(parent)
                try:
                    if next(element.iter(etree.Entity), None) is not None:
                        raise FaultError("it holds an XML entity that is not one of the five of XML")
                    found = Counts()
                    document = from_bioc(_document(element), found, self.offsets, collection)
                    counts.update(found)
                    yield document
                except FaultError as fault:
                    yield BrokenDocument(source, fault.reason, raw, line=element.sourceline, number=number)
                element.clear()
                while parent is not None and element.getprevious() is not None:
                    del parent[0]
            late = [one.tag for one in events.root if one.tag != "document"] if number else []
            counts["values of collections dropped, which come after its documents"] += len(late)
            if not number and events.root.tag != "collection":
                reason = f"expected a BioC collection, got XML whose outermost element is {events.root.tag!r}; "
                reason += "XML of PubMed and PMC is read with the formats pubmed and jats; convert other XML to BioC"
                yield BrokenDocument(source, reason)
        except etree.XMLSyntaxError as error:
            reason = f"the XML is not well formed: {error.msg}; {_REST}"
            yield BrokenDocument(source, reason, line=error.lineno or None, number=number + 1)

    def stream_writer(self, stream: IO[bytes], counts: Counts) -> FormatWriter:
        """Return a writer of BioCXml."""
        return _Writer(stream, counts)


def _collection(element: Any) -> Collection:
    """Return what the elements before the first document say about all documents."""
    source, date, key = (element.findtext(name) or "" for name in ("source", "date", "key"))
    try:
        return Collection(source, date, key, _infons(element))
    except FaultError:
        return Collection(source, date, key)


def _infons(element: Any) -> dict[str, str]:
    found = [(child.get("key"), child.text or "") for child in element.findall("infon")]
    if any(key is None for key, _ in found):
        raise FaultError("an infon has no key")
    return dict(found)


def _document(element: Any) -> dict[str, Any]:
    """Return a document in the shape of BioC JSON."""
    name = element.find("id")
    passages = [
        _part(one) | {"sentences": list(map(_part, one.findall("sentence")))} for one in element.findall("passage")
    ]
    return _held(element) | {"id": "" if name is None else "".join(name.itertext()), "passages": passages}


def _part(element: Any) -> dict[str, Any]:
    """Return a passage or a sentence."""
    texts = {name: element.find(name) for name in ("offset", "text")}
    return _held(element) | {name: "".join(child.itertext()) for name, child in texts.items() if child is not None}


def _held(element: Any) -> dict[str, Any]:
    """Return the infons, annotations and relations of a document, passage or sentence."""
    annotations = list(map(_annotation, element.findall("annotation")))
    return {"infons": _infons(element), "annotations": annotations, "relations": element.findall("relation")}


def _annotation(element: Any) -> dict[str, Any]:
    if element.get("id") is None:
        raise FaultError("an annotation has no id")
    text = element.find("text")
    value = {"id": element.get("id"), "infons": _infons(element), "text": None}
    if text is not None:
        value["text"] = "".join(text.itertext())
    value["locations"] = [dict(place.attrib) for place in element.findall("location")]
    return value


class _Writer(FormatWriter):
    """Writer of one collection; characters that XML cannot hold, such as null bytes, become spaces."""

    def __init__(self, stream: IO[bytes], counts: Counts) -> None:
        bioc, _ = _libraries()
        self._counts = counts
        self._bioc = bioc
        self._writer = bioc.biocxml.BioCXMLDocumentWriter(stream, encoding="utf-8")
        self._collections = CollectionCounter(counts)
        self._has_started = False

    def write(self, document: Document) -> None:
        """Write one document. What the first one's collection says is written before it."""
        self._collections.add(document.collection)
        self._start(document.collection)
        made = to_bioc(self._plain(document), self._counts)
        for holder in (made, *made.passages, *made.annotations, *(a for p in made.passages for a in p.annotations)):
            holder.infons = self._clean_infons(holder.infons)
        self._writer.write_document(made)

    def _start(self, collection: Collection) -> None:
        if self._has_started:
            return
        self._has_started = True
        made = self._bioc.BioCCollection()
        made.source, made.date, made.key = map(self._clean, (collection.source, collection.date, collection.key))
        made.infons = self._clean_infons(collection.infons)
        self._writer.write_collection_info(made)

    def _clean_infons(self, infons: Mapping[str, Any]) -> dict[str, str]:
        plain = texts_only(infons, self._counts)
        return {self._clean(key): self._clean(value) for key, value in plain.items()}

    def _plain(self, document: Document) -> Document:
        text, name = self._clean(document.text), self._clean(document.id)
        entities = tuple(replace(m, id=None if m.id is None else self._clean(m.id)) for m in document.entities)
        return replace(document, id=name, text=text, entities=entities)

    def _clean(self, text: str) -> str:
        clean, changes = _NOT_IN_XML.subn(" ", text)
        self._counts["characters that XML cannot hold, written as spaces"] += changes
        return clean

    def close(self) -> None:
        """End the collection."""
        self._start(Collection())
        self._writer.close()
