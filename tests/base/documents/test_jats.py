"""JATS: full texts of PMC."""

from __future__ import annotations

import io
import random

import pytest

from tests.base.documents.citations import jats
from tests.base.documents.damaged import damage_bytes
from tfkd_base.documents import BrokenDocument, Document, detect_format, open_documents
from tfkd_base.documents.jats import (
    BACK_MATTER,
    CELLS,
    CITATIONS,
    FORMULAS,
    OTHER_ARTICLES,
    REFERENCES,
    TRANSLATIONS,
    UNNAMED,
)

PASSAGES = [
    ("title", "Loss of BRCA1*"),
    ("abstract_title_1", "Aim"),
    ("abstract", "To study it."),
    ("title_1", "Methods"),
    ("paragraph", "Cells grew [4] at 105 α . They died."),
    ("fig_caption", "Growth. Of cells."),
    ("title_2", "Mice"),
    ("paragraph", "Old mice."),
    ("paragraph", "Young mice."),
    ("table_caption", "Deaths."),
    ("table_footnote", "In days."),
    ("paragraph", "Quoted."),
    ("fig_caption", "Floating."),
    ("title_1", "Appendix"),
    ("paragraph", "More."),
]
COUNTS = {TRANSLATIONS: 2, CITATIONS: 2, FORMULAS: 2, CELLS: 2, REFERENCES: 2, BACK_MATTER: 1, OTHER_ARTICLES: 1}


def read(content: str) -> list[Document]:
    documents = list(open_documents(io.BytesIO(content.encode()), "jats"))
    assert all(isinstance(one, Document) for one in documents)
    return [one for one in documents if isinstance(one, Document)]


def test_passages_of_an_article() -> None:
    reader = open_documents(io.BytesIO(jats().encode()))
    (document,) = reader
    assert isinstance(document, Document)
    assert document.id == "PMC7"
    assert [(p.kind, document.text[p.start : p.end]) for p in document.passages] == PASSAGES
    assert document.text == " ".join(text for _, text in PASSAGES)
    assert reader.counts == COUNTS


@pytest.mark.parametrize(
    ("identifiers", "id"),
    [
        ('<article-id pub-id-type="pmc">7</article-id>', "PMC7"),
        ('<article-id pub-id-type="pmid">8</article-id><article-id pub-id-type="pmcid">PMC7</article-id>', "PMC7"),
        ('<article-id pub-id-type="pmid">8</article-id><article-id pub-id-type="doi">10.1/x</article-id>', "8"),
        ('<article-id pub-id-type="doi">10.1/x</article-id>', "10.1/x"),
        ('<article-id pub-id-type="publisher-id">x</article-id>', "1"),
    ],
)
def test_identifiers(identifiers: str, id: str) -> None:
    content = jats(None).replace("<article-meta>", f"<article-meta>{identifiers}")
    reader = open_documents(io.BytesIO(content.encode()), "jats")
    assert [one.id for one in reader if isinstance(one, Document)] == [id]
    assert reader.counts[UNNAMED] == (id == "1")


def test_sets_of_articles_and_namespaces() -> None:
    several = f"<pmc-articleset>{jats('PMC1')}<!-- a -->{jats('PMC2')}</pmc-articleset>"
    oai = jats("PMC3").replace("<article ", '<article xmlns="https://jats.nlm.nih.gov/ns/archiving/1.3/" ')
    oai = f'<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><metadata>{oai}</metadata></OAI-PMH>'
    assert [one.id for one in read(several)] == ["PMC1", "PMC2"]
    assert [one.id for one in read(oai)] == ["PMC3"]
    assert read(oai)[0].text == read(several)[0].text
    for content in (several, oai, jats(), '<!DOCTYPE article PUBLIC "-//NLM//DTD JATS" "x.dtd">' + jats()):
        assert detect_format("x.xml.gz", content.encode()) == "jats"
    assert detect_format("x.nxml", b"") == "jats"


def test_broken_articles_are_set_aside() -> None:
    content = f"<pmc-articleset>{jats('PMC1')}<article><para>DocBook</para></article>{jats('PMC2')}<article>"
    first, broken, second, rest = open_documents(io.BytesIO(content.encode()))
    assert [one.id for one in (first, second) if isinstance(one, Document)] == ["PMC1", "PMC2"]
    assert isinstance(broken, BrokenDocument)
    assert (broken.number, broken.raw) == (2, b"<article><para>DocBook</para></article>")
    assert "expected JATS" in broken.reason
    assert isinstance(rest, BrokenDocument)
    assert "not well formed" in rest.reason
    (page,) = open_documents(io.BytesIO(b"<html/>"), "jats")
    assert isinstance(page, BrokenDocument)
    assert "outermost element is 'html'" in page.reason


@pytest.mark.slow
def test_damaged_files_raise_nothing() -> None:
    choices = random.Random("jats")
    content = f"<pmc-articleset>{jats('PMC1')}{jats('PMC2')}</pmc-articleset>".encode()
    for _ in range(3_000):
        found = list(open_documents(io.BytesIO(damage_bytes(content, choices)), "jats"))
        assert all(isinstance(one, Document) or one.reason for one in found)
