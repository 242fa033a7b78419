"""Files that are no documents: named with a remedy that works; and text whose lines are no documents."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tfkd_base.documents import BrokenDocument, Document, DocumentError, detect_format, holds_documents, open_documents
from tfkd_base.errors import TfkdWarning

CSV = 'pmid,title,abstract\n7,Loss of BRCA1,"It causes breast cancer, in mice and men."\n8,TP53,"No cancer\nin mice."\n'
WRAPPED = "Loss of BRCA1 was seen in most of\nthe mice, which were examined in\nthis study. It causes\ncancer.\n"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pdf", b"%PDF-1.7\n\0", "a PDF file: extract its text, for example with pdftotext a.pdf"),
        ("a.txt", b"%PDF-1.7\n\0", "a PDF file"),
        ("a.docx", b"PK\x03\x04\0", "a ZIP archive or an Office document"),
        ("a.html", b"\n<!DOCTYPE html><p>x", r"a web page \(HTML\).*--from text"),
        ("a.txt", b"<html><body>x", r"a web page \(HTML\)"),
        ("a.md", b"# Title\n", "Markdown.*--from text"),
        ("a.csv", CSV.encode(), "a table with the columns pmid, title, abstract"),
        ("a.tsv", CSV.replace(",", "\t").encode(), "a table with the columns pmid, title, abstract"),
        ("a.txt", "text".encode("utf-16"), "UTF-16: convert it, for example with iconv"),
        ("a.txt", b"TY  - JOUR\nTI  - x\n", "a list of references"),
        ("a.json", b'{"title": "x"}', r"JSON whose objects have the keys title.*jq -c '{text"),
    ],
)
def test_the_message_names_the_kind_and_the_remedy(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=message):
        detect_format(name, content)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DocumentError, match=message):
        open_documents(tmp_path / name)
    if not name.endswith(("csv", "tsv")):  # which may be column files
        with pytest.raises(DocumentError, match=message):
            holds_documents(tmp_path / name)
    (tmp_path / "other.jsonl").write_text('{"text": "whole"}\n')
    found = list(open_documents(tmp_path))
    assert [one.text for one in found if isinstance(one, Document)] == ["whole"]
    assert all(isinstance(one, Document) or one.source.endswith(name) for one in found)


def test_the_remedy_for_a_table_works(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    with pytest.raises(DocumentError) as error:
        open_documents(tmp_path / "a.csv")
    command = str(error.value).partition("for example with ")[2].replace("python", sys.executable, 1)
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True)
    texts = [one.text for one in open_documents(tmp_path / "a.jsonl") if isinstance(one, Document)]
    assert texts == ["It causes breast cancer, in mice and men.", "No cancer\nin mice."]


def test_a_binary_file_is_refused_in_a_named_format_too(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"%PDF-1.7\n")
    with pytest.raises(DocumentError, match="a PDF file"):
        open_documents(tmp_path / "a.txt", "text")


def test_a_folder_of_text_files_has_a_document_per_file(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.txt").write_text(f"Title {number}\nAbstract of it.\n")
    reader = open_documents(tmp_path)
    assert [(one.id, one.text) for one in reader if isinstance(one, Document)] == [
        (str(number), f"Title {number}\nAbstract of it.\n") for number in range(3)
    ]
    assert reader.counts == {"files of a folder, each read as one document (--from lines: each line)": 3}
    assert len(list(open_documents(tmp_path, "lines"))) == 6


def test_wrapped_text_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(WRAPPED)
    with pytest.warns(TfkdWarning, match=r"each line is read as a document.*--from text"):
        reader = open_documents(path)
    assert len(list(reader)) == 4
    assert reader.counts == {"files in which each line is a document (--from text: each file)": 1}
    assert len(list(open_documents(path, "text"))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "Loss of BRCA1 in tumours of mice\nTP53 and nausea after surgery\nThe role of IL-2 in sepsis\n",
        "Loss of BRCA1 was seen in mice.\nNo cancer was found.\nit is so.\n",
        "Some text.\n",
    ],
)
def test_lines_that_are_documents_raise_no_warning(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(text)
    documents = list(open_documents(tmp_path / "a.txt"))
    assert len(documents) == text.count("\n")
    assert not any(isinstance(one, BrokenDocument) for one in documents)
    (tmp_path / "a.json").write_text(json.dumps({"text": text}))
    assert holds_documents(tmp_path / "a.json")
