"""Every format with nasty Unicode: written, read by something else, and read back."""

from __future__ import annotations

import io
import json
import re
import tempfile
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import bioc
import bioc.biocjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.base.documents.nasty import documents, joined_documents
from tfkd_base.corpora import read_columns
from tfkd_base.documents import (
    BrokenDocument,
    Counts,
    Document,
    DocumentWriter,
    Entity,
    document_writer,
    open_documents,
    tagged,
)

pytestmark = pytest.mark.slow
few = settings(max_examples=50)
MANY = st.lists(documents(), max_size=3)
PLAIN = re.compile(r"\s|[\x00-\x1f\x7f-\x9f\u200b-\u200f\ufeff\ufffe]")
NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def written(format: str, given_documents: list[Document]) -> tuple[bytes, Counts]:
    stream = io.BytesIO()
    with document_writer(stream, format) as writer:
        for document in given_documents:
            writer.write(document)
    return stream.getvalue(), writer.counts


def read(format: str, content: bytes) -> list[Document]:
    found = list(open_documents(io.BytesIO(content), format))
    assert not [str(one) for one in found if isinstance(one, BrokenDocument)]
    return [one for one in found if isinstance(one, Document)]


def places(document: Document) -> list[tuple[tuple[int, int], ...]]:
    return [entity.parts for entity in document.entities]


@few
@given(MANY)
def test_json_lines(given_documents: list[Document]) -> None:
    content, counts = written("jsonl", given_documents)
    lines = content.decode().split("\n")[:-1]
    assert len(lines) == len(given_documents)
    for line, document in zip(lines, given_documents, strict=True):
        value = json.loads(line)
        assert value["text"] == document.text
        for entity in value["entities"]:
            if "fragments" not in entity:
                assert document.text[entity["start"] : entity["end"]] == entity["text"]
    assert read("jsonl", content) == given_documents
    assert not counts


def pubtator_documents(content: str) -> list[tuple[str, str, list[list[str]]]]:
    """An independent reader: id, text and mentions of each document."""
    found = []
    for block in content.split("\n\n")[:-1]:
        title, abstract, *rows = block.split("\n")
        name, _, title = title.partition("|t|")
        text = title + " " + abstract.partition("|a|")[2]
        found.append((name, text, [row.split("\t") for row in rows]))
    return found


@few
@given(MANY)
def test_pubtator(given_documents: list[Document]) -> None:
    content, counts = written("pubtator", given_documents)
    seen = pubtator_documents(content.decode())
    again = read("pubtator", content)
    assert len(seen) == len(again) == len(given_documents)
    for (name, text, rows), back, document in zip(seen, again, given_documents, strict=True):
        plain = re.sub(r"[\t\n\r]", " ", document.text)
        assert len(back.text) == len(document.text)
        changed = [i for i, (one, two) in enumerate(zip(plain, back.text, strict=True)) if one != two]
        # At most the white space between title and abstract has become a space.
        assert all(plain[i].isspace() and back.text[i] == " " for i in changed)
        assert len(changed) <= 1
        assert text in (back.text, back.text + " ")
        assert [(m.start, m.end) for m in back.entities] == [(m.start, m.end) for m in document.entities]
        for row in rows:
            assert row[0] == name
            assert text[int(row[1]) : int(row[2])] == row[3]
    breaks = sum(len(re.findall(r"[\t\n\r]", document.text)) for document in given_documents)
    assert counts["tabs and line breaks written as spaces"] == breaks
    discontinuous = sum(bool(m.fragments) for document in given_documents for m in document.entities)
    assert counts["discontinuous entities written as one span from first to last character"] == discontinuous
    assert read("pubtator", written("pubtator", again)[0]) == again


@pytest.mark.parametrize("format", ["bioc-xml", "bioc-json"])
@few
@given(given_documents=st.lists(joined_documents(), max_size=3))
def test_bioc(format: str, given_documents: list[Document]) -> None:
    content, counts = written(format, given_documents)
    load = bioc.biocxml.load if format == "bioc-xml" else bioc.biocjson.load
    collection = load(io.BytesIO(content))
    again = read(format, content)
    assert len(collection.documents) == len(again) == len(given_documents)
    clean = (lambda text: NOT_IN_XML.sub(" ", text)) if format == "bioc-xml" else str
    for seen, back, document in zip(collection.documents, again, given_documents, strict=True):
        assert seen.id == back.id == clean(document.id)
        assert back.text == clean(document.text)
        assert back.passages == tuple(type(p)(p.start, p.end, clean(p.kind), p.offset) for p in document.passages)
        assert sorted(places(back)) == sorted(places(document))
        ids = [entity.id for entity in back.entities]
        assert len(set(ids)) == len(ids)
        for passage in seen.passages:
            text = passage.text or ""
            for annotation in passage.annotations:
                cut = [text[p.offset - passage.offset :][: p.length] for p in annotation.locations]
                assert " ".join(cut) == (annotation.text or "")
    lost = sum(len(NOT_IN_XML.findall(document.text)) for document in given_documents)
    assert format == "bioc-json" or counts["characters that XML cannot hold, written as spaces"] >= lost
    assert read(format, written(format, again)[0]) == again


@few
@given(documents())
def test_bioc_keeps_any_text(document: Document) -> None:
    for format in ("bioc-xml", "bioc-json"):
        (back,) = read(format, written(format, [document])[0])
        assert back.text == (NOT_IN_XML.sub(" ", document.text) if format == "bioc-xml" else document.text)
        assert sorted(places(back)) == sorted(places(document))


def brat_entities(lines: str) -> list[tuple[str, str, list[tuple[int, int]], str]]:
    """An independent reader of the lines of entities: id, type, places and text."""
    found = []
    for line in lines.split("\n"):
        if line.startswith("T"):
            name, middle, text = line.split("\t", 2)
            kind, _, where = middle.partition(" ")
            pairs = [tuple(map(int, pair.split(" "))) for pair in where.split(";")]
            found.append((name, kind, [(start, end) for start, end in pairs], text))
    return found


@few
@given(MANY)
def test_brat(given_documents: list[Document]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "out")
        with document_writer(folder, "brat") as writer:
            for document in given_documents:
                writer.write(document)
        texts = {file.stem: file.read_bytes().decode() for file in folder.glob("*.txt")}
        assert sorted(texts.values()) == sorted(document.text for document in given_documents)
        for name, text in texts.items():
            entities = brat_entities((folder / f"{name}.ann").read_bytes().decode())
            assert len({one[0] for one in entities}) == len(entities)
            for _, kind, pairs, said in entities:
                assert not re.search(r"\s", kind)
                assert re.sub("[\r\n]", " ", " ".join(text[start:end] for start, end in pairs)) == said
        if not given_documents:
            return
        again = list(open_documents(folder, "brat"))
        assert all(isinstance(one, Document) for one in again)
        kept = sum(len(one.entities) for one in again if isinstance(one, Document))
        assert kept == sum(len(document.entities) for document in given_documents)
        in_order = sorted(again, key=lambda one: one.text if isinstance(one, Document) else "")
        edges = writer.counts["entities written without the line breaks at their edges"]
        joined = writer.counts["fragments with only a line break between them, which are read as one"]
        for back, document in zip(in_order, sorted(given_documents, key=lambda one: one.text), strict=True):
            assert isinstance(back, Document)
            if len({one.text for one in given_documents}) < len(given_documents) or edges or joined:
                continue
            assert back.text == document.text
            assert [(m.start, m.end) for m in back.entities] == [(m.start, m.end) for m in document.entities]
            assert [m.score for m in back.entities] == [m.score for m in document.entities]


def with_tokens(document: Document) -> Document:
    """Cut into tokens at white space, a sentence a line."""
    tokens = [m.span() for m in re.finditer(r"\S+", document.text)]
    sentences: list[list[tuple[int, int]]] = [[]]
    for start, end in tokens:
        if sentences[-1] and "\n" in document.text[sentences[-1][-1][1] : start]:
            sentences.append([])
        sentences[-1].append((start, end))
    cut = tuple(tuple(sentence) for sentence in sentences if sentence)
    return Document(document.id, document.text, document.entities, sentences=cut)


@few
@given(MANY)
def test_columns(given_documents: list[Document]) -> None:
    fit = re.compile(r"(^|\s)(-DOCSTART-|\ufeff)|\ufeff(\s|$)")
    given_documents = [document for document in given_documents if not fit.search(document.text)]
    cut = [with_tokens(document) for document in given_documents]
    content, _ = written("columns", cut)
    # White space and hidden characters cannot stand in a tag.
    typed = [
        document.with_entities(replace(m, type=PLAIN.sub("_", m.type)) for m in document.entities) for document in cut
    ]
    expected = [sentence for document in typed for sentence in tagged(document)]
    # Documents without a token are lines -DOCSTART- with nothing after.
    again = read("columns", content)
    assert [sentence for document in again for sentence in tagged(document)] == expected
    assert read("columns", written("columns", again)[0]) == again
    if expected:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "train.tsv")
            path.write_bytes(content)
            assert list(read_columns(path).sentences) == expected
    for document in again:
        flat = [token for sentence in document.sentences for token in sentence]
        starts, ends = {start for start, _ in flat}, {end for _, end in flat}
        assert all(m.start in starts and m.end in ends for m in document.entities)


class Page(HTMLParser):
    """The text of each document on a page, and what is marked in it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.marked: list[list[bool]] = []
        self.depth = 0
        self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if dict(attrs).get("class") == "text":
            self.inside = True
            self.texts.append("")
            self.marked.append([])
        self.depth += tag == "mark"

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag == "mark"
        self.inside &= tag != "div"

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.texts[-1] += data
            self.marked[-1] += [self.depth > 0] * len(data)


@few
@given(MANY)
def test_html(given_documents: list[Document]) -> None:
    content, counts = written("html", given_documents)
    page = Page()
    page.feed(content.decode())
    assert len(page.texts) == len(given_documents)
    for text, marked, document in zip(page.texts, page.marked, given_documents, strict=True):
        assert len(text) == len(document.text)
        differ = [one for one, two in zip(document.text, text, strict=True) if one != two]
        assert all(re.fullmatch("[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]", one) for one in differ)
        assert len(differ) <= counts["characters that HTML cannot hold, shown as U+FFFD"]
        inside = {i for m in document.entities for start, end in m.parts for i in range(start, end)}
        assert {i for i, is_marked in enumerate(marked) if is_marked} == inside


@few
@given(MANY)
def test_lines(given_documents: list[Document]) -> None:
    content, counts = written("lines", given_documents)
    again = read("lines", content)
    assert len(again) == len(given_documents)
    changed = 0
    for back, document in zip(again, given_documents, strict=True):
        pairs = list(zip(back.text, document.text, strict=True))
        assert all(one == two or (one == " " and two in "\r\n") for one, two in pairs)
        changed += sum(one != two for one, two in pairs)
    assert counts["line breaks written as spaces"] == changed
    assert counts["entities dropped, which plain text cannot hold"] == sum(len(d.entities) for d in given_documents)


@few
@given(MANY)
def test_text_files(given_documents: list[Document]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "out")
        writer: DocumentWriter
        with document_writer(folder, "text") as writer:
            for document in given_documents:
                writer.write(document)
        again = list(open_documents(folder, "text")) if given_documents else []
        assert sorted(one.text for one in again if isinstance(one, Document)) == sorted(
            document.text for document in given_documents
        )


def test_all_formats_hold_the_offsets_of_one_document(tmp_path: Path) -> None:
    text = "BRCA1\u00a0in 𝛼-cells, naïve e\u0301toile."
    document = Document("7", text, (Entity(9, 10, "Letter"), Entity(18, 23, "Word")))
    cut = with_tokens(document)
    for format in ("jsonl", "pubtator", "bioc-xml", "bioc-json", "brat", "columns"):
        path = tmp_path / format
        with document_writer(path, format) as writer:
            writer.write(cut)
        (back,) = open_documents(path, format)
        assert isinstance(back, Document)
        found = [back.text[m.start : m.end] for m in back.entities]
        assert found == (["𝛼-cells,", "naïve"] if format == "columns" else ["𝛼", "naïve"]), format
