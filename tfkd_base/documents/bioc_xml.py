"""BioC in XML, read and written document by document through the library `bioc`."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

from tfkd_base.documents.bioc_documents import LIBRARY, from_bioc, texts_only, to_bioc
from tfkd_base.documents.document import BrokenDocument, Counts, Document, DocumentError, FaultError
from tfkd_base.documents.formats import FORMATS, DocumentFormat, FormatWriter

if TYPE_CHECKING:
    from bioc import BioCDocument

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
        """Recognize an XML declaration or a BioC collection."""
        return content.startswith((b"<?xml", b"<collection", b"<!DOCTYPE collection"))

    def read(self, stream: IO[bytes], source: str, counts: Counts) -> Iterator[Document | BrokenDocument]:
        """Read the documents of a collection one by one, holding one in memory.

        XML entities that the file defines are not resolved, and nothing outside the file is read. Where the XML is not
        well formed, the rest of the file is one broken document.

        Raises:
            DocumentError: The library `bioc` is missing.
        """
        bioc, etree = _libraries()
        number = 0
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
                try:
                    if next(element.iter(etree.Entity), None) is not None:
                        raise FaultError("it holds an XML entity that is not one of the five of XML")
                    yield from_bioc(_document(bioc, raw), counts)
                except FaultError as fault:
                    yield BrokenDocument(source, fault.reason, raw, line=element.sourceline, number=number)
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]
            if not number and events.root.tag != "collection":
                reason = f"expected a BioC collection, got XML whose outermost element is {events.root.tag!r}"
                yield BrokenDocument(source, reason)
        except etree.XMLSyntaxError as error:
            reason = f"the XML is not well formed: {error.msg}; {_REST}"
            yield BrokenDocument(source, reason, line=error.lineno or None, number=number + 1)

    def stream_writer(self, stream: IO[bytes], counts: Counts) -> FormatWriter:
        """Return a writer of BioCXml."""
        return _Writer(stream, counts)


def _document(bioc: Any, raw: bytes) -> BioCDocument:
    """Read one document through the library, as a collection of its own."""
    try:
        return bioc.biocxml.load(io.BytesIO(b"<collection>" + raw + b"</collection>")).documents[0]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise FaultError(f"an offset, a length or an id is missing or is not a number ({error})") from None


class _Writer(FormatWriter):
    """Writer of one collection; characters that XML cannot hold, such as null bytes, become spaces."""

    def __init__(self, stream: IO[bytes], counts: Counts) -> None:
        bioc, _ = _libraries()
        self._counts = counts
        self._writer = bioc.biocxml.BioCXMLDocumentWriter(stream, encoding="utf-8")
        collection = bioc.BioCCollection()
        collection.source, collection.date, collection.key = "", "", ""
        self._writer.write_collection_info(collection)

    def write(self, document: Document) -> None:
        """Write one document."""
        made = to_bioc(self._plain(document), self._counts)
        for holder in (made, *made.passages, *made.annotations, *(a for p in made.passages for a in p.annotations)):
            infons = texts_only(holder.infons, self._counts)
            holder.infons = {self._clean(key): self._clean(value) for key, value in infons.items()}
        self._writer.write_document(made)

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
        self._writer.close()
