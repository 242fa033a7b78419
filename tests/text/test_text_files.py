"""Sentences of text files."""

from __future__ import annotations

import gzip

import pytest

from tfkd.text import TextSentences
from tfkd.text.text_files import _LINES
from tfkd_base.errors import TfkdError

TEXT = "TNF falls. IL-2 rises.\n\n   \nThe β-catenin gene (CTNNB1).\nNo final line break"
EXPECTED = [
    ("TNF", "falls", "."),
    ("IL", "-", "2", "rises", "."),
    ("The", "β", "-", "catenin", "gene", "(", "CTNNB1", ")", "."),
    ("No", "final", "line", "break"),
]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r", "\r\r\n"])
@pytest.mark.parametrize("final", ["", "\n", "\n\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_every_line_is_a_document(tmp_path, ending, final, packed):
    data = (TEXT + final).replace("\n", ending).encode()
    # Compression is detected from the first bytes, not from the name.
    path = tmp_path / "text"
    path.write_bytes(gzip.compress(data) if packed else data)
    sentences = TextSentences(path)
    assert list(sentences) == EXPECTED
    assert list(sentences) == EXPECTED


def test_two_readers_are_independent(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text(TEXT)
    sentences = TextSentences(path)
    assert [first == second for first, second in zip(sentences, sentences, strict=True)] == [True] * 4


def test_long_files_are_read_in_chunks_and_lines_are_never_joined(tmp_path):
    path = tmp_path / "a.txt"
    lines = [f"gene {number} and" for number in range(_LINES * 2 + 3)]
    path.write_text("\n".join(lines))
    assert list(TextSentences(path)) == [tuple(line.split()) for line in lines]


def test_bytes_that_are_not_utf_8_are_replaced(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("prot\xe9ine A\n".encode("latin-1") + "protéine B".encode())
    # U+FFFD is a symbol and therefore a separate token.
    assert list(TextSentences(path)) == [("prot", "�", "ine", "A"), ("protéine", "B")]


@pytest.mark.parametrize("content", [b"", b"\n \r\n\t\n", gzip.compress(b"", mtime=0)])
def test_a_file_without_text_is_refused(tmp_path, content):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(TfkdError, match=r"a\.txt is empty: expected text with one document per line"):
        TextSentences(tmp_path / "a.txt")


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(TfkdError, match=r"b\.txt does not exist: expected a text file with one document per line"):
        TextSentences(tmp_path / "b.txt")
    with pytest.raises(TfkdError, match="is a folder"):
        TextSentences(tmp_path)


def test_a_truncated_gzip_file_is_refused(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(TEXT.encode() * 50)[:-20])
    with pytest.raises(TfkdError, match=r"a\.gz cannot be read: "):
        list(TextSentences(path))
