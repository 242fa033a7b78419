"""PubMed's XML."""

from __future__ import annotations

import gzip
import io
import random
from pathlib import Path

import pytest

from tests.base.documents.citations import ABSTRACT, BOOK, TEXT, pubmed, pubmed_article
from tests.base.documents.damaged import damage_bytes
from tfkd_base.documents import BrokenDocument, Document, detect_format, open_documents
from tfkd_base.documents.pubmed import DELETED, DELETED_ELSEWHERE, DELETED_LATE, OTHER_ABSTRACTS, REPEATED, UNNAMED

DELETION = '<DeleteCitation><PMID Version="1">8</PMID>\n<PMID Version="1">99</PMID></DeleteCitation>'


class Pipe(io.BytesIO):
    """A stream that can be read only once."""

    def seekable(self) -> bool:
        return False

    def seek(self, offset: int, whence: int = 0) -> int:
        raise io.UnsupportedOperation


def read(content: bytes) -> tuple[list[str | None], dict[str, int]]:
    """Return the ids of documents, None for broken ones, and the counts."""
    reader = open_documents(io.BytesIO(content), "pubmed")
    return [one.id if isinstance(one, Document) else None for one in reader], dict(reader.counts)


def test_title_and_sections_are_passages() -> None:
    reader = open_documents(io.BytesIO(pubmed(pubmed_article("7"))))
    (document,) = reader
    assert isinstance(document, Document)
    assert (document.id, document.text) == ("7", TEXT)
    assert [(p.kind, TEXT[p.start : p.end]) for p in document.passages] == [
        ("title", "Loss of BRCA1 and IL-1+ cells & β-globin."),
        ("abstract", "BACKGROUND: Cancer spreads."),
        ("abstract", "TP53 too."),
    ]
    assert reader.counts == {OTHER_ABSTRACTS: 1}


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (pubmed_article("7", "Title.", ""), "Title."),
        (pubmed_article("7", "", "<VernacularTitle>Titre.</VernacularTitle>"), "Titre."),
        (pubmed_article("7", "", ""), ""),
        (pubmed_article("7", "T.", '<Abstract><AbstractText Label="AIM"/><AbstractText/></Abstract>'), "T."),
        (BOOK, "A book About cancer."),
        (
            BOOK.replace("<Abstract>", "<ArticleTitle book='x'>Chapter</ArticleTitle><Abstract>"),
            "Chapter About cancer.",
        ),
    ],
)
def test_titles_and_abstracts_that_are_missing(record: str, text: str) -> None:
    assert [one.text for one in open_documents(io.BytesIO(pubmed(record))) if isinstance(one, Document)] == [text]


def test_records_of_the_older_outermost_element() -> None:
    record = pubmed_article("7").partition("<PubmedData>")[0].removeprefix("<PubmedArticle>")
    (document,) = open_documents(io.BytesIO(f"<MedlineCitationSet>{record}</MedlineCitationSet>".encode()))
    assert isinstance(document, Document)
    assert document.text == TEXT


def test_deleted_records_are_dropped() -> None:
    content = pubmed(*map(pubmed_article, "789"), end=DELETION)
    counts = {OTHER_ABSTRACTS: 2, DELETED: 1, DELETED_ELSEWHERE: 1}
    assert read(content) == (["7", "9"], counts)
    assert read(gzip.compress(content)) == (["7", "9"], counts)
    for one_way in (content, gzip.compress(content)):
        reader = open_documents(Pipe(one_way), "pubmed")
        assert [one.id for one in reader if isinstance(one, Document)] == ["7", "8", "9"]
        assert reader.counts == {OTHER_ABSTRACTS: 3, DELETED_LATE: 1, DELETED_ELSEWHERE: 1}


def test_repeated_and_missing_identifiers() -> None:
    content = pubmed(pubmed_article("7"), pubmed_article(None), pubmed_article("7", version=2), pubmed_article("x" * 9))
    found, counts = read(content)
    assert found == ["7", "2", "7", "x" * 9]
    assert counts == {OTHER_ABSTRACTS: 4, REPEATED: 1, UNNAMED: 1}


def test_a_broken_record_is_set_aside() -> None:
    broken = "<PubmedArticle><MedlineCitation><PMID>8</PMID></MedlineCitation></PubmedArticle>"
    content = pubmed(pubmed_article("7"), broken, pubmed_article("9"), "<PubmedArticle/>", pubmed_article("10"))
    first, second, third, fourth, fifth = open_documents(io.BytesIO(content))
    assert [one.id for one in (first, third, fifth) if isinstance(one, Document)] == ["7", "9", "10"]
    assert isinstance(second, BrokenDocument)
    assert (second.reason, second.raw.decode()) == ("expected an Article in the MedlineCitation", broken)
    assert isinstance(fourth, BrokenDocument)
    assert fourth.number == 4
    assert "MedlineCitation or a BookDocument" in fourth.reason


def test_the_records_before_the_end_of_a_file_that_is_cut_off_are_read() -> None:
    choices = random.Random(7)
    texts = ["".join(choices.choices("abcdefgh ", k=3_000)) for _ in range(50)]
    content = pubmed(*(pubmed_article(str(n), text) for n, text in enumerate(texts, 1)))
    for cut, reason in ((content[:-400], "not well formed"), (gzip.compress(content)[:-400], "cannot be read further")):
        *documents, last = open_documents(io.BytesIO(cut), "pubmed")
        assert 40 < len(documents) < 50
        assert all(isinstance(one, Document) for one in documents)
        assert isinstance(last, BrokenDocument)
        assert reason in last.reason
        assert last.number == len(documents) + 1


def test_files_that_are_something_else() -> None:
    cases = {
        b"": "got an empty file",
        b"<html><body>Error 502</body></html>": "outermost element is 'html'",
        b"Error 502": "not well formed",
        "<PubmedArticleSet/>".encode("utf-16"): "does not begin with an XML element in UTF-8",
    }
    for content, reason in cases.items():
        (broken,) = open_documents(io.BytesIO(content), "pubmed")
        assert isinstance(broken, BrokenDocument)
        assert reason in broken.reason
    assert list(open_documents(io.BytesIO(pubmed()))) == []


def test_nothing_outside_the_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    evil = f'<!DOCTYPE PubmedArticleSet [<!ENTITY x SYSTEM "file://{tmp_path}/secret"><!ENTITY y "yy">]>'
    for entity in ("&x;", "&y;"):
        content = f"{evil}<PubmedArticleSet>{pubmed_article('7', entity)}{pubmed_article('8')}</PubmedArticleSet>"
        broken, whole = open_documents(io.BytesIO(content.encode()))
        assert isinstance(broken, BrokenDocument)
        assert f"the XML entity {entity}" in broken.reason
        assert b"secret" not in broken.raw
        assert isinstance(whole, Document)


@pytest.mark.slow
def test_damaged_files_raise_nothing() -> None:
    choices = random.Random("pubmed")
    content = pubmed(pubmed_article("7"), BOOK, pubmed_article("9", "x", ABSTRACT), end=DELETION)
    whole = 0
    for _ in range(3_000):
        found = list(open_documents(io.BytesIO(damage_bytes(content, choices)), "pubmed"))
        assert all(isinstance(one, Document) or one.reason for one in found)
        whole += len(found) == 3 and all(isinstance(one, Document) for one in found)
    assert 100 < whole < 2_900


def test_detection() -> None:
    assert detect_format("pubmed20n0001.xml.gz", pubmed(pubmed_article("7"))) == "pubmed"
    assert detect_format("", b"<PubmedArticle>") == "pubmed"
    assert detect_format("a.xml", b"<collection>") == "bioc-xml"
