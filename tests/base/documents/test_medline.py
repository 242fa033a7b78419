"""MEDLINE's text format."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest

from tests.base.documents.citations import medline
from tests.base.documents.damaged import damage_bytes
from tfkd_base.documents import BrokenDocument, Counts, Document, detect_format, get_format, open_documents
from tfkd_base.documents.formats import LineFormat
from tfkd_base.documents.pubmed import OTHER_ABSTRACTS, UNNAMED

TEXT = "Loss of BRCA1 and cancer. BACKGROUND: β-globin spreads. It is so."


@pytest.mark.parametrize("change", [str, lambda text: "\ufeff\n" + text.replace("\n", "\r\n"), lambda text: text[:-1]])
def test_title_and_abstract(change: type[str]) -> None:
    reader = open_documents(io.BytesIO(change("\n".join(map(medline, "78"))).encode()))
    documents = [one for one in reader if isinstance(one, Document)]
    assert [one.id for one in documents] == ["7", "8"]
    assert {one.text for one in documents} == {TEXT}
    assert [(p.kind, p.start, p.end) for p in documents[0].passages] == [("title", 0, 25), ("abstract", 26, len(TEXT))]
    assert reader.counts == {OTHER_ABSTRACTS: 2}


def test_titles_of_books_and_records_without_a_pmid() -> None:
    content = medline(None) + "\nPMID- 8\nTI  - \nBTI - A book\nAB  -\nPMID- 9\nTT  - Titre\n"
    reader = open_documents(io.BytesIO(content.encode()), "medline")
    documents = [one for one in reader if isinstance(one, Document)]
    assert [(one.id, one.text) for one in documents] == [("1", TEXT), ("8", "A book"), ("9", "Titre")]
    assert reader.counts == {OTHER_ABSTRACTS: 1, UNNAMED: 1}


def test_broken_records_are_set_aside() -> None:
    latin = medline("8", "Préface").encode("latin-1", "replace")
    parts = [medline("7").encode(), latin, b"<html>Error 502</html>\n", b"      text\n", medline("9").encode()]
    first, *broken, last = open_documents(io.BytesIO(b"\n".join(parts)))
    assert [one.id for one in (first, last) if isinstance(one, Document)] == ["7", "9"]
    reasons = [(one.reason[:16], one.line) for one in broken if isinstance(one, BrokenDocument)]
    assert reasons == [("not UTF-8; conve", 16), ("expected a field", 24), ("expected a field", 26)]
    assert [one.raw for one in broken if isinstance(one, BrokenDocument)] == parts[1:4]


def test_blocks_hold_the_same_documents() -> None:
    content = "\ufeff\n" + "\n".join(medline(str(n) if n % 3 else None) for n in range(20))
    format = get_format("medline")
    assert isinstance(format, LineFormat)
    whole = list(open_documents(io.BytesIO(content.encode()), "medline"))
    blocks = list(format.cut(io.BytesIO(content.encode()), "x", 500))
    assert len(blocks) > 5
    parts = [list(open_documents(io.BytesIO(b.content), "medline")) for b in blocks]
    assert [b.first_number for b in blocks] == [1 + sum(map(len, parts[:i])) for i in range(len(parts))]
    read = [one for b in blocks for one in format.read(io.BytesIO(b.content), "x", Counts(), b.first_line)]
    assert read == whole


@pytest.mark.slow
def test_damaged_files_raise_nothing() -> None:
    choices = random.Random("medline")
    content = "\n".join(map(medline, "789")).encode()
    for _ in range(4_000):
        found = list(open_documents(io.BytesIO(damage_bytes(content, choices)), "medline"))
        assert all(isinstance(one, Document) or one.reason for one in found)


def test_detection(tmp_path: Path) -> None:
    for name in ("pubmed-cancer-set.txt", "citations.nbib", "x.medline.gz", ""):
        assert detect_format(name, b"\n" + medline("7").encode()) == "medline"
    assert detect_format("empty.nbib", b"") == "medline"
    (tmp_path / "a.nbib").write_text("")
    assert list(open_documents(tmp_path)) == []
