"""Which format a file is in, by its name and its content."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfkd_base.documents import DocumentError, detect_format, document_files


@pytest.mark.parametrize(
    ("name", "head", "format"),
    [
        ("a.jsonl", b"", "jsonl"),
        ("a.NDJSON.gz", b"", "jsonl"),
        ("a.xml", b"", "bioc-xml"),
        ("a.tsv", b"", "columns"),
        ("a.pubtator.gz", b"", "pubtator"),
        ("a.json", b'{"text": "a", "passages": []}\n', "jsonl"),
        ("a.json", b'{"source": "", "documents": []}', "bioc-json"),
        ("a.txt", b"\xef\xbb\xbf\n7|t|Title", "pubtator"),
        ("a.txt", b"7|a|Abstract", "pubtator"),
        ("a.txt", b"BRCA1\tB-Gene\nbinds\tO\n", "columns"),
        ("a.txt", b"-DOCSTART-\tO\n\nBRCA1 X B\nbinds Y O\nx", "columns"),
        ("a.txt", b"Text that ends with O\nand not.\n", "lines"),
        ("a.txt", b"|t| is no PubTator", "lines"),
        ("", b"<?xml version='1.0'?><collection>", "bioc-xml"),
        ("", b'{"text": "a"}', "jsonl"),
        ("", b"Some text.", "lines"),
        ("", b"", "lines"),
    ],
)
def test_detection(name: str, head: bytes, format: str) -> None:
    assert detect_format(name, head) == format


def test_what_cannot_be_told_is_refused() -> None:
    for name, head in (("a.docx", b"PK"), ("a.txt", b"a\0b")):
        with pytest.raises(DocumentError, match="name one of bern2, bioc-json, bioc-xml, brat"):
            detect_format(name, head)


def test_a_text_beside_its_annotations_is_brat(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Text")
    assert document_files(tmp_path / "a.txt")[0].format == "lines"
    (tmp_path / "a.ann").write_text("")
    assert document_files(tmp_path / "a.txt")[0].format == "brat"
    assert document_files(tmp_path, "lines")[0].format == "lines"


def test_real_files_are_told(real_corpora: Path) -> None:
    expected = {"NCBI-disease-pubtator": "pubtator", "JNLPBA-brat": "brat", "NCBI-disease-IOB": "columns"}
    for name, format in expected.items():
        assert {file.format for file in document_files(real_corpora / name)} == {format}
