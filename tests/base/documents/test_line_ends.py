"""Lines of every format of documents: line feeds, carriage returns, both, and what ends no line."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

from tfkd_base.documents import BrokenDocument, Counts, Document, LineFormat, get_format, open_documents

CONTENTS = {
    "lines": "BRCA1 binds.\n\nTNF falls.\n",
    "jsonl": '{"text": "BRCA1 binds.", "entities": [{"start": 0, "end": 5, "type": "Gene"}]}\n\n{"text": "TNF"}\n',
    "pubtator": "7|t|BRCA1\n7|a|It binds.\n7\t0\t5\tBRCA1\tGene\n\n8|t|TNF\n8|a|Falls.\n",
    "columns": "# a = 1\nBRCA1\tB-Gene\nbinds\tO\n\nTNF\tB-Gene\n",
}
ENDS = ("\r\n", "\r", "\r\r\n")


def read(name: str, content: bytes) -> list[Document | BrokenDocument]:
    return list(get_format(name).read(io.BytesIO(content), "x", Counts()))


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", CONTENTS)
def test_every_line_end_gives_the_same_documents(name: str, end: str) -> None:
    expected = read(name, CONTENTS[name].encode())
    assert len(expected) >= 2
    assert all(isinstance(document, Document) for document in expected)
    content = CONTENTS[name].replace("\n", end).encode()
    assert read(name, content) == expected
    assert read(name, content[: -len(end)]) == expected
    assert get_format(name).recognizes("", content) == get_format(name).recognizes("", CONTENTS[name].encode())
    format = get_format(name)
    if isinstance(format, LineFormat):
        blocks = list(format.cut(io.BytesIO(content), "x", 1))
        assert b"".join(block.content for block in blocks) == content
        again = [d for b in blocks for d in format.read(io.BytesIO(b.content), "x", Counts(), b.first_line)]
        assert [d for d in again if isinstance(d, Document)] == expected


@pytest.mark.parametrize("end", ENDS)
def test_every_line_end_of_an_ann_file(tmp_path: Path, end: str) -> None:
    (tmp_path / "a.txt").write_text("BRCA1 and TNF")
    lines = ["T1\tGene 0 5\tBRCA1", "N1\tReference T1 NCBI:672", "T2\tGene 10 13\tTNF", ""]
    (tmp_path / "a.ann").write_bytes(end.join(lines).encode())
    (document,) = open_documents(tmp_path)
    assert isinstance(document, Document)
    assert [(document.text_of(m), m.identifier) for m in document.entities] == [("BRCA1", "NCBI:672"), ("TNF", None)]


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029", "\x0b", "\x0c", "\x1c"])
def test_other_separators_are_part_of_the_text(character: str) -> None:
    for name in ("lines", "pubtator"):
        for document, other in zip(
            read(name, CONTENTS[name].replace("binds", f"bi{character}nds").encode()),
            read(name, CONTENTS[name].encode()),
            strict=True,
        ):
            assert isinstance(document, Document)
            assert isinstance(other, Document)
            assert replace(document, text="", passages=(), entities=(), sentences=()) == replace(
                other, text="", passages=(), entities=(), sentences=()
            )
            assert document.text == other.text.replace("binds", f"bi{character}nds")


def test_a_carriage_return_within_a_document_is_not_swallowed() -> None:
    assert [d.text for d in read("lines", b"one\rtwo\nthree") if isinstance(d, Document)] == ["one", "two", "three"]
    broken = read("pubtator", b"7|t|A title\rgoes on\n7|a|Text\n")[0]
    assert isinstance(broken, BrokenDocument)
    assert broken.line == 2
    (document,) = read("jsonl", b'{"text":\r"a"}\n')  # which is an object on two lines
    assert isinstance(document, Document)
    assert document.text == "a"
