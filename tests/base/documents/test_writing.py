"""Writing: whole or not at all, and nothing changed without a count."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from tfkd_base.documents import Document, DocumentError, Entity, Passage, all_formats, document_writer, open_documents
from tfkd_base.errors import TfkdError

ONE = Document("7", "Cancer spreads.", (Entity(0, 6, "Disease", "T1", "MESH:D1", 0.5),), sentences=(((0, 6), (7, 14)),))
IN_FILES = [format.name for format in all_formats() if format.is_writable and not format.is_folder]


@pytest.mark.parametrize("format", [format.name for format in all_formats() if format.is_writable])
def test_nothing_is_left_after_an_error(format: str, tmp_path: Path) -> None:
    def write() -> None:
        with document_writer(tmp_path / "out", format) as writer:
            writer.write(ONE)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", IN_FILES)
def test_a_file_is_replaced_when_it_is_whole(format: str, tmp_path: Path) -> None:
    path = tmp_path / "out.gz"
    path.write_text("old")
    with document_writer(path, format) as writer:
        writer.write(ONE)
        assert path.read_text() == "old"
    first = path.read_bytes()
    with document_writer(stream := io.BytesIO(), format) as writer:
        writer.write(ONE)
    assert gzip.decompress(first) == stream.getvalue()
    with document_writer(path, format) as writer:
        writer.write(ONE)
    assert path.read_bytes() == first
    assert (writer.format, writer.documents, writer.entities) == (format, 1, 1)


def test_folders_must_be_new_or_empty(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "new"):
        with document_writer(tmp_path / name, "brat") as writer:
            writer.write(ONE)
            writer.write(ONE)
        assert sorted(file.name for file in (tmp_path / name).iterdir()) == ["7-2.ann", "7-2.txt", "7.ann", "7.txt"]
        assert writer.counts["ids of documents changed to be names of files"] == 1
    with (
        pytest.raises(DocumentError, match="needs a new or an empty folder"),
        document_writer(tmp_path / "new", "brat"),
    ):
        pass


@pytest.mark.parametrize(
    ("target", "format", "message"),
    [
        ("out.pdf", None, "which format is out.pdf to be in"),
        ("out.txt", None, "Name one: brat, columns, lines, pubtator, text"),
        ("out.json", None, "Name one: bioc-json, jsonl"),
        ("no/where.jsonl", None, "there is no folder"),
        (".", "jsonl", "is a folder; name a file"),
        ("-", "brat", "name a folder to write"),
        ("x", "jsnl", "did you mean 'jsonl'"),
    ],
)
def test_targets_that_are_refused(
    target: str, format: str | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TfkdError, match=message), document_writer(target, format):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format", IN_FILES)
def test_half_a_surrogate_pair_is_refused_and_the_next_document_written(format: str) -> None:
    with document_writer(stream := io.BytesIO(), format) as writer:
        with pytest.raises(DocumentError, match=r"document '8' holds half a surrogate pair, '\\ud800', at character 1"):
            writer.write(Document("8", "a\ud800"))
        writer.write(ONE)
    assert b"Cancer" in stream.getvalue()
    assert writer.documents == 1


def test_a_column_file_needs_tokens() -> None:
    with document_writer(io.BytesIO(), "columns") as writer:
        with pytest.raises(DocumentError, match=r"document '1' is not cut into tokens.*tokenized"):
            writer.write(Document("1", "Cancer"))
        writer.write(Document("1", " "))


@pytest.mark.parametrize(
    ("format", "document", "counted"),
    [
        ("pubtator", Document("1", "a\tb"), "tabs and line breaks written as spaces"),
        ("pubtator", Document("a|b", "ab"), "characters of ids and types replaced by _ or spaces"),
        ("pubtator", Document("1", "abc", (Entity(0, 3, "X", fragments=((0, 1), (2, 3))),)), "discontinuous entities"),
        ("pubtator", Document("1", "ab", passages=(Passage(0, 1), Passage(1, 2))), "documents whose passages became"),
        ("pubtator", ONE, "scores of entities dropped"),
        ("pubtator", ONE, "ids of entities dropped"),
        ("bioc-xml", Document("1", "a\0b"), "characters that XML cannot hold"),
        (
            "bioc-json",
            Document("1", "a--b", passages=(Passage(0, 1), Passage(3, 4))),
            "documents whose passages became one",
        ),
        ("jsonl", Document("1", "a", infons={"year": "1999"}), "infons dropped"),
        ("columns", Document("1", "ab c", (Entity(1, 4, "X"),), sentences=(((0, 2), (3, 4)),)), "entities widened"),
        ("lines", ONE, "entities dropped, which plain text cannot hold"),
        ("lines", Document("1", "a\nb"), "line breaks written as spaces"),
    ],
)
def test_what_a_format_cannot_hold_is_counted(format: str, document: Document, counted: str) -> None:
    with document_writer(io.BytesIO(), format) as writer:
        writer.write(document)
    assert [number for what, number in writer.counts.items() if what.startswith(counted)] == [1]


def test_annotated_documents_keep_what_is_not_entities(tmp_path: Path) -> None:
    source = Document("7", "Title Text", (), (Passage(0, 5, "title", infons={"a": "b"}), Passage(6, 10, "abstract")))
    for format in ("bioc-xml", "bioc-json", "pubtator"):
        with document_writer(tmp_path / format, format) as writer:
            writer.write(source.with_entities([Entity(0, 5, "Gene", score=0.25)]))
        (back,) = open_documents(tmp_path / format, format)
        assert isinstance(back, Document)
        assert [(p.start, p.end, p.kind) for p in back.passages] == [(0, 5, "title"), (6, 10, "abstract")]
        if format != "pubtator":
            assert back.passages == source.passages
            assert [m.score for m in back.entities] == [0.25]


def test_a_column_file_counts_each_thing_it_leaves_out() -> None:
    with document_writer(io.BytesIO(), "columns") as writer:
        writer.write(ONE)
    assert writer.counts == {"ids, identifiers and scores of entities dropped": 3}
