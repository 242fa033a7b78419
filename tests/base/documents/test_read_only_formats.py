"""Documents of formats that are only read keep their offsets in every format that is written."""

from __future__ import annotations

import io
import re

import pytest

from tests.base.documents.citations import jats, medline, pubmed, pubmed_article
from tfkd_base.documents import Document, Entity, document_writer, open_documents


@pytest.mark.parametrize("target", ["jsonl", "pubtator", "bioc-xml", "bioc-json"])
@pytest.mark.parametrize("content", [pubmed(pubmed_article("7")), medline("7").encode(), jats().encode()])
def test_offsets_of_entities(content: bytes, target: str) -> None:
    (document,) = open_documents(io.BytesIO(content))
    assert isinstance(document, Document)
    words = [(m.start(), m.end()) for m in re.finditer(r"\S+", document.text)]
    document = document.with_entities(Entity(start, end, "Word") for start, end in words)
    with document_writer(stream := io.BytesIO(), target) as writer:
        writer.write(document)
    (again,) = open_documents(io.BytesIO(stream.getvalue()), target)
    assert isinstance(again, Document)
    assert (again.id, again.text) == (document.id, document.text)
    assert [again.text_of(e) for e in again.entities] == document.text.split()
