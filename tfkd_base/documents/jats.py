"""JATS: full texts of articles, as PMC has them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Any

from tfkd_base.documents.document import BrokenDocument, Counts, Document, FaultError
from tfkd_base.documents.formats import FORMATS, DocumentFormat
from tfkd_base.documents.sections import join_passages, plain_text
from tfkd_base.documents.xml_records import check_entities, raw_record, read_records, root_name

REFERENCES = "references dropped"
CITATIONS = "superscripts dropped that are citations"
FORMULAS = "formulas in TeX dropped"
CELLS = "cells of tables dropped"
BACK_MATTER = "parts of the back matter dropped, such as acknowledgements"
TRANSLATIONS = "translated titles and abstracts dropped"
OTHER_ARTICLES = "articles within an article dropped, such as reviews"
UNNAMED = "articles without an identifier, named by their number"

_TAGS = dict.fromkeys(("article", "pmc-articleset", "OAI-PMH"), ("article",))
_OAI = re.compile(rb"<(?:\w+:)?article[\s>]")
_CAPTIONS = {
    "fig": "fig_caption",
    "table-wrap": "table_caption",
    "supplementary-material": "caption",
    "media": "caption",
}
"""Elements of which only the caption is read, and the kind of its passage"""
_BLOCKS = frozenset(
    (
        *("p", "title", "sec", "app", "fn", "list", "def-list", "boxed-text", "disp-quote", "statement", "speech"),
        *("verse-group", "fig-group", "table-wrap-group", "table-wrap-foot", "ref-list", *_CAPTIONS),
    )
)
"""Elements that are passages of their own, also where they are within a paragraph"""
_SKIPPED = frozenset(
    ("label", "sec-meta", "object-id", "graphic", "inline-graphic", "alt-text", "long-desc", "permissions", "attrib")
)
_TEX = frozenset(("tex-math", "annotation", "annotation-xml"))
_APART = frozenset(("break", "disp-formula", "disp-formula-group", "preformat", "term", "def"))
"""Elements that are no words of the text around them"""
_READ_BACK = frozenset(("app-group", "app", "sec"))
_SECTIONS = frozenset(("app", "sec"))
_CITATION = re.compile(r"[\s\d,;–—\-()\[\]]*")
_IDENTIFIERS = ("pmcid", "pmc", "pmid", "doi")


@FORMATS.register("jats")
class Jats(DocumentFormat):
    """JATS, such as the full texts of PMC: a document is an article, without its references."""

    description = "JATS, full texts of PMC"
    endings = (".nxml", ".xml")
    has_entities = False
    is_writable = False
    priority = -1

    def recognizes(self, ending: str, content: bytes) -> bool:
        """Recognize an article, or a set of articles as PMC's EFetch and OAI return it."""
        root = root_name(content)
        return root in _TAGS and (root != "OAI-PMH" or _OAI.search(content) is not None)

    def read(self, stream: IO[bytes], source: str, counts: Counts) -> Iterator[Document | BrokenDocument]:
        """Read the articles one by one, holding one in memory.

        Title, paragraphs of the abstract, titles and paragraphs of sections, and captions are a passage each, of the
        kinds of PMC's BioC files. References, formulas in TeX, cells of tables and most of the back matter are dropped
        and counted.

        Raises:
            DocumentError: The library lxml is missing.

        Example:
            >>> import io
            >>> title = "<title-group><article-title>Loss</article-title></title-group>"
            >>> content = f"<article><front><article-meta>{title}</article-meta></front></article>"
            >>> next(Jats().read(io.BytesIO(content.encode()), "x.nxml", Counts())).text
            'Loss'
        """
        number = 0
        try:
            for number, element in enumerate(read_records(stream, _TAGS, "JATS, an article"), 1):
                try:
                    found = Counts()
                    yield _Article(element, found).document(number)
                    counts.update(found)
                except FaultError as fault:
                    yield BrokenDocument(
                        source, fault.reason, raw_record(element), line=element.sourceline, number=number
                    )
        except FaultError as fault:
            yield BrokenDocument(source, fault.reason, line=fault.line, number=number + 1)


def _name(element: Any) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _is_citation(element: Any) -> bool:
    """Tell whether an element is a superscript that only cites references."""
    name = _name(element)
    citations = [one for one in element.iter("{*}xref") if one.get("ref-type") == "bibr"]
    if name == "xref":
        return citations[:1] == [element] and element.find("{*}sup") is not None
    return name == "sup" and bool(citations) and _CITATION.fullmatch("".join(element.itertext())) is not None


class _Article:
    """An article whose passages are collected."""

    def __init__(self, article: Any, counts: Counts) -> None:
        self._article = article
        self._counts = counts
        self._parts: list[tuple[str, str]] = []

    def document(self, number: int) -> Document:
        """Return the article as a document.

        Args:
            number: Its number in the file.

        Raises:
            FaultError: It has no front, so that it is no JATS, or holds an XML entity that is not resolved.
        """
        article, counts = self._article, self._counts
        check_entities(article)
        front = article.find("{*}front")
        if front is None:
            raise FaultError("expected JATS, in which an article has a front with title and abstract")
        meta = next(front.iterfind("{*}article-meta"), front)
        for tag in ("article-title", "subtitle"):
            for title in meta.iterfind(f"{{*}}title-group/{{*}}{tag}"):
                self._add("title" if tag == "article-title" else tag, title, 1, "")
        for abstract in meta.iterfind("{*}abstract"):
            self._walk(abstract, 1, "abstract")
        for tag in ("{*}title-group/{*}trans-title-group", "{*}trans-abstract"):
            counts[TRANSLATIONS] += len(meta.findall(tag))
        for tag in ("body", "floats-group"):
            for part in article.iterfind(f"{{*}}{tag}"):
                self._walk(part, 1, "")
        for part in article.iterfind("{*}back/*"):
            if _name(part) in _READ_BACK:
                self._walk_block(part, 1, "")
            elif _name(part) == "ref-list":
                self._count_references(part)
            else:
                self._count_references(part)
                counts[BACK_MATTER] += 1
        for tag in ("sub-article", "response"):
            counts[OTHER_ARTICLES] += len(article.findall(f"{{*}}{tag}"))
        identifier = self._identifier(meta)
        counts[UNNAMED] += not identifier
        return join_passages(identifier or str(number), self._parts)

    def _identifier(self, meta: Any) -> str:
        given = {one.get("pub-id-type"): plain_text(one.text or "") for one in meta.iterfind("{*}article-id")}
        kind = next((kind for kind in _IDENTIFIERS if given.get(kind)), None)
        if kind is None:
            return ""
        return f"PMC{given[kind]}" if kind.startswith("pmc") and given[kind].isdigit() else given[kind]

    def _walk(self, element: Any, depth: int, prefix: str) -> None:
        """Add the passages within a section, a list or another element that holds passages."""
        for child in element.iterchildren("*"):
            self._walk_block(child, depth, prefix)

    def _walk_block(self, element: Any, depth: int, prefix: str) -> None:
        name = _name(element)
        if name in _SKIPPED:
            return
        if name in _CAPTIONS:
            self._add_caption(element, _CAPTIONS[name], depth, prefix)
        elif name == "title":
            self._add(f"{prefix}_title_{depth}" if prefix else f"title_{depth}", element, depth, prefix)
        elif name == "ref-list":
            self._count_references(element)
        elif name == "p" or not any(_name(inner) in _BLOCKS for inner in element.iterdescendants("*")):
            self._add(prefix or "paragraph", element, depth, prefix)
        else:
            is_inner = name in _SECTIONS and _name(element.getparent()) in _SECTIONS
            self._walk(element, depth + is_inner, prefix)

    def _add(self, kind: str, element: Any, depth: int, prefix: str) -> None:
        """Add the text of an element, and then the passages within it, such as figures in a paragraph."""
        blocks: list[Any] = []
        self._parts.append((kind, plain_text(self._text(element, blocks))))
        for block in blocks:
            self._walk_block(block, depth, prefix)

    def _add_caption(self, element: Any, kind: str, depth: int, prefix: str) -> None:
        blocks: list[Any] = []
        for caption in element.iterfind("{*}caption"):
            texts = [plain_text(self._text(child, blocks)) for child in caption.iterchildren("*")]
            self._parts.append((kind, " ".join(filter(None, texts))))
        for foot in element.iterfind("{*}table-wrap-foot"):
            self._walk(foot, depth, "table_footnote")
        self._counts[CELLS] += sum(1 for _ in element.iter("{*}td", "{*}th"))
        self._counts[FORMULAS] += sum(1 for table in element.iter("{*}table") for _ in table.iter("{*}tex-math"))
        for block in blocks:
            self._walk_block(block, depth, prefix)

    def _text(self, element: Any, blocks: list[Any]) -> str:
        """Return the text of an element without the blocks within it, which are collected."""
        pieces = [element.text or ""]
        for child in element.iterchildren("*"):
            name = _name(child)
            if name in _TEX:
                self._counts[FORMULAS] += name == "tex-math"
                pieces.append(" ")
            elif name in _BLOCKS:
                blocks.append(child)
                pieces.append(" ")
            elif name in ("sup", "xref") and _is_citation(child):
                self._counts[CITATIONS] += 1
            elif name not in _SKIPPED:
                space = " " if name in _APART else ""
                pieces += [space, self._text(child, blocks), space]
            pieces.append(child.tail or "")
        return "".join(pieces)

    def _count_references(self, element: Any) -> None:
        self._counts[REFERENCES] += sum(1 for _ in element.iter("{*}ref"))
