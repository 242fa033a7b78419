"""Column files as documents."""

from __future__ import annotations

import io
from pathlib import Path

from tfkd_base.corpora import read_column_corpus
from tfkd_base.documents import BrokenDocument, Document, open_documents


def read(content: str) -> list[Document | BrokenDocument]:
    return list(open_documents(io.BytesIO(content.encode()), "columns"))


def test_a_sentence_or_what_stands_between_docstart_lines_is_a_document() -> None:
    one, two = read("BRCA1\tB-Gene\nbinds\tO\n\n\nIt\tO\n")
    assert isinstance(one, Document)
    assert isinstance(two, Document)
    assert (one.id, one.text, two.id, two.text) == ("1", "BRCA1 binds", "2", "It")
    head = "-DOCSTART-\tO\n\n"
    first, second = read(f"{head}BRCA1\tB-Gene\n\nIt\tO\n\n-DOCSTART- (PMID 7)\n\nx\tO\n")
    assert isinstance(first, Document)
    assert isinstance(second, Document)
    assert (first.id, first.text, second.id, second.text) == ("1", "BRCA1 It", "PMID 7", "x")
    assert [(p.start, p.end, p.kind) for p in first.passages] == [(0, 5, "sentence"), (6, 8, "sentence")]


def test_lines_are_numbered_by_the_file() -> None:
    found = read("a\tO\n\nb\tX\n\n\nc\tO\nd\n\ne\tO\n")
    assert [one.line for one in found if isinstance(one, BrokenDocument)] == [3, 7]
    assert [one.text for one in found if isinstance(one, Document)] == ["a", "e"]
    broken = [one for one in found if isinstance(one, BrokenDocument)]
    assert broken[0].reason.startswith("not a tag: 'X'") or "'X'" in broken[0].reason
    (first, second) = read("alone\n\nb\tO\n")
    assert isinstance(first, BrokenDocument)
    assert isinstance(second, Document)


def test_every_scheme_gives_the_same_entities() -> None:
    for tags in ("B-X I-X B-X O", "I-X I-X B-X O", "B-X E-X S-X O"):
        (document,) = read("".join(f"{word}\t{tag}\n" for word, tag in zip("abcd", tags.split(), strict=True)))
        assert isinstance(document, Document)
        assert [(m.start, m.end) for m in document.entities] == [(0, 3), (4, 5)]


def test_real_files(real_corpora: Path) -> None:
    corpus = read_column_corpus(real_corpora / "NCBI-disease-IOB")
    found = list(open_documents(real_corpora / "NCBI-disease-IOB" / "devel.tsv"))
    assert [one.text.split(" ") for one in found if isinstance(one, Document)] == [list(s.tokens) for s in corpus.devel]
    assert sum(len(one.entities) for one in found if isinstance(one, Document)) == 787
    documents = list(open_documents(real_corpora / "JNLPBA" / "test.tsv"))
    assert len(documents) == (real_corpora / "JNLPBA" / "test.tsv").read_text().count("-DOCSTART-")
