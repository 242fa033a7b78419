"""PubMed's XML: the citations of the baseline, of update files and of searches, with title and abstract."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Any

from tfkd_base.documents.document import BrokenDocument, Counts, Document, FaultError
from tfkd_base.documents.files import READ_ERRORS
from tfkd_base.documents.formats import FORMATS, DocumentFormat
from tfkd_base.documents.sections import join_passages
from tfkd_base.documents.xml_records import check_entities, raw_record, read_records, root_name, text_of

DELETED = "records dropped whose PMID the file deletes"
DELETED_ELSEWHERE = "deleted PMIDs that have no record in the file"
DELETED_LATE = "records kept although their PMID is deleted after them, in an input that can be read only once"
REPEATED = "records whose PMID occurred before in the file, such as another version; all are kept"
UNNAMED = "records without a PMID, named by their number or line"
OTHER_ABSTRACTS = "other abstracts dropped, such as those in another language"

_DELETE = "DeleteCitation"
_RECORDS = {"PubmedArticle": "MedlineCitation", "PubmedBookArticle": "BookDocument"}
"""The element that holds PMID, title and abstract, by that of the record"""
_TAGS = {
    **dict.fromkeys(("PubmedArticleSet", "PubmedBookArticleSet", *_RECORDS), (*_RECORDS, _DELETE)),
    **dict.fromkeys(("MedlineCitationSet", "MedlineCitation"), ("MedlineCitation", _DELETE)),
}
"""The elements to read, by the outermost one"""
_DELETION = re.compile(rb"<DeleteCitation\b.*", re.DOTALL)
_DELETION_END = b"</DeleteCitation"
_PMID = re.compile(rb"<PMID\b[^>]*>\s*(\d+)\s*</PMID\s*>")
_NUMBER = re.compile(r"[0-9]{1,8}")
_CHUNK = 1 << 20
_LONGEST_DELETION = 1 << 26
_NO_LABEL = "UNLABELLED"


@FORMATS.register("pubmed")
class PubMed(DocumentFormat):
    """PubMed's XML, such as the files of the baseline: a document is a citation, with its title and its abstract."""

    description = "PubMed XML"
    endings = (".xml",)
    has_entities = False
    is_writable = False
    priority = -1

    def recognizes(self, ending: str, content: bytes) -> bool:
        """Recognize the outermost elements of PubMed's DTD."""
        return root_name(content) in _TAGS

    def read(self, stream: IO[bytes], source: str, counts: Counts) -> Iterator[Document | BrokenDocument]:
        """Read the citations and books one by one, holding one in memory.

        The title is one passage and each section of the abstract another, which begins with its label. Elements
        such as `i` and `sup` keep their text. Records that the file deletes at its end are dropped, if the stream can
        be read twice.

        Raises:
            DocumentError: The library lxml is missing.

        Example:
            >>> import io
            >>> record = "<MedlineCitation><PMID>7</PMID><Article><ArticleTitle>Loss</ArticleTitle></Article>"
            >>> content = f"<MedlineCitationSet>{record}</MedlineCitation></MedlineCitationSet>".encode()
            >>> [(document.id, document.text) for document in PubMed().read(io.BytesIO(content), "x", Counts())]
            [('7', 'Loss')]
        """
        deleted = _find_deleted(stream)
        pmids = _Pmids()
        effective: set[str] = set()
        number = 0
        try:
            for element in read_records(stream, _TAGS, "PubMed XML"):
                if element.tag == _DELETE:
                    _count_deletions(element, deleted, effective, pmids, counts)
                    continue
                record = element.find(_RECORDS[element.tag]) if element.tag in _RECORDS else element
                name = "" if record is None else text_of(record.find("PMID"))
                if name in deleted:
                    effective.add(name)
                    counts[DELETED] += 1
                    continue
                number += 1
                try:
                    yield _document(record, name or str(number), counts)
                except FaultError as fault:
                    yield BrokenDocument(
                        source, fault.reason, raw_record(element), line=element.sourceline, number=number
                    )
                    continue
                counts[UNNAMED] += not name
                counts[REPEATED] += pmids.add(name)
        except FaultError as fault:
            yield BrokenDocument(source, fault.reason, line=fault.line, number=number + 1)


def _document(record: Any, name: str, counts: Counts) -> Document:
    if record is None:
        raise FaultError("expected a MedlineCitation or a BookDocument in the record")
    check_entities(record)
    # A book has title and abstract themselves, a citation has them in its Article.
    article = record if record.tag == "BookDocument" else record.find("Article")
    if article is None:
        raise FaultError("expected an Article in the MedlineCitation")
    titles = (text_of(article.find(tag)) for tag in ("ArticleTitle", "VernacularTitle", "Book/BookTitle"))
    title = next(filter(None, titles), "")
    sections = [_section(element) for element in article.iterfind("Abstract/AbstractText")]
    counts[OTHER_ABSTRACTS] += len(record.findall("OtherAbstract"))
    return join_passages(name, [("title", title), *(("abstract", section) for section in sections)])


def _section(element: Any) -> str:
    label, text = (element.get("Label") or "").strip(), text_of(element)
    return f"{label}: {text}" if text and label and label.upper() != _NO_LABEL else text


class _Pmids:
    """A set of PMIDs, of one bit for each possible number, so that it stays small however large the file is."""

    def __init__(self) -> None:
        self._bits = bytearray()

    def add(self, name: str) -> bool:
        """Add a PMID, and tell whether it was there already. What is no PMID is not kept."""
        if name in self:
            return True
        if _NUMBER.fullmatch(name):
            place, bit = divmod(int(name), 8)
            if place >= len(self._bits):
                self._bits.extend(bytes(place + 1 - len(self._bits)))
            self._bits[place] |= 1 << bit
        return False

    def __contains__(self, name: str) -> bool:
        if not _NUMBER.fullmatch(name):
            return False
        place, bit = divmod(int(name), 8)
        return place < len(self._bits) and bool(self._bits[place] >> bit & 1)


def _find_deleted(stream: IO[bytes]) -> frozenset[str]:
    """Return the PMIDs that a file deletes, which stand at its end. The stream is then where it was."""
    if not stream.seekable():
        return frozenset()
    start = stream.tell()
    content = b""
    try:
        while data := stream.read(_CHUNK):
            content += data
            match = _DELETION.search(content)
            content = match[0] if match else content[-len(b"<DeleteCitation ") :]
            if _DELETION_END in content or len(content) > _LONGEST_DELETION:
                break
    except READ_ERRORS:
        content = b""  # The reader reports the error, with the documents before it.
    finally:
        stream.seek(start)
    if not _DELETION.match(content):
        return frozenset()
    return frozenset(pmid.decode() for pmid in _PMID.findall(content.partition(_DELETION_END)[0]))


def _count_deletions(element: Any, known: frozenset[str], effective: set[str], pmids: _Pmids, counts: Counts) -> None:
    """Count the deletions without effect, as the parser finds them."""
    for pmid in map(text_of, element.iterfind("PMID")):
        if pmid not in effective:
            is_late = pmid not in known and pmid in pmids
            counts[DELETED_LATE if is_late else DELETED_ELSEWHERE] += 1
