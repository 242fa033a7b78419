"""The input in blocks: the same documents, ids, lines and numbers as when a file is read whole."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfkd.annotate.blocks import cut_blocks, group_files
from tfkd_base.documents import (
    BrokenDocument,
    Collection,
    Counts,
    Document,
    DocumentFile,
    Entity,
    Passage,
    document_writer,
)
from tfkd_runtime.placed import PlacedDocument, read_file

LINES = {
    "lines": [b"\n", b" \r\n", b"some text\n", "\ufeffmark\n".encode(), b"bad \xff\n", b"x" * 50 + b"\n"],
    "jsonl": [b"\n", b'{"text": "a"}\n', b'{"id": "q", "text": "b"}\n', b"{broken\n", "\ufeff{}\n".encode()],
    "pubtator": [b"\n", b" \n", b"1|t|One\n", b"1|a|Two\n", b"1\t0\t3\tOne\tX\n", b"2|t|Other\n", b"nothing\n", b"\n"],
}


def whole(file: DocumentFile) -> tuple[list[PlacedDocument], Counts]:
    counts = Counts()
    return list(read_file(file, counts)), +counts


def in_blocks(file: DocumentFile, size: int) -> tuple[list[PlacedDocument], Counts]:
    counts = Counts()
    return [document for block in cut_blocks([file], size) for document in block.read(counts)], +counts


@pytest.mark.parametrize("format", LINES)
@given(data=st.data())
def test_cut_bytes_hold_the_same_documents(
    format: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = b"".join(data.draw(st.lists(st.sampled_from(LINES[format]), min_size=1, max_size=30)))
    if data.draw(st.booleans()):
        content = content.removesuffix(b"\n")
    path = tmp_path_factory.mktemp("cut") / "in"
    path.write_bytes(gzip.compress(content) if data.draw(st.booleans()) else content)
    file = DocumentFile(path, format)
    assert in_blocks(file, data.draw(st.integers(1, 60))) == whole(file)


@pytest.mark.parametrize("format", ["lines", "jsonl", "pubtator"])
def test_a_gzip_file_that_ends_early_is_told_of(format: str, tmp_path: Path) -> None:
    text = {"lines": "text {}\n", "jsonl": '{{"text": "{}"}}\n', "pubtator": "{0}|t|Title\n{0}|a|Abstract\n\n"}[format]
    content = gzip.compress("".join(text.format(n * 7919) for n in range(30000)).encode())
    path = tmp_path / "in.gz"
    path.write_bytes(content[: len(content) // 2])
    file = DocumentFile(path, format)
    found, expected = in_blocks(file, 10_000)[0], whole(file)[0]
    assert isinstance(found[-1].document, BrokenDocument)
    assert "the rest of the file is skipped" in found[-1].document.reason
    assert found == expected


@pytest.mark.parametrize("format", ["columns", "bioc-xml", "bioc-json"])
def test_documents_that_are_read_one_by_one(format: str, tmp_path: Path) -> None:
    path = tmp_path / "in"
    with document_writer(path, format) as writer:
        for number in range(20):
            tokens = (((0, 2), (3, 9)),) if format == "columns" else ()
            writer.write(Document(str(number), "No cancer", (Entity(3, 9, "X"),), sentences=tokens))
    file = DocumentFile(path, format)
    assert len(list(cut_blocks([file], 200))) > 3
    assert in_blocks(file, 200) == whole(file)
    assert sum(block.size for block in cut_blocks([file], 200)) == path.stat().st_size


def test_small_files_make_a_block_together_and_large_ones_stand_alone(tmp_path: Path) -> None:
    files = []
    for name, size in (("a", 10), ("b", 10), ("c", 200), ("d", 10), ("e", 95)):
        (tmp_path / name).write_bytes(b"x" * (size - 1) + b"\n")
        files.append(DocumentFile(tmp_path / name, "lines"))
    assert [[file.path.name for file in group.files] for group in group_files(files, 100)] == [
        ["a", "b"],
        ["c"],
        ["d"],
        ["e"],
    ]


def test_a_document_keeps_all_that_it_holds_on_its_way() -> None:
    entity = Entity(0, 6, "X\t", "T1", "MESH:1", 0.1 + 0.2, ((0, 2), (4, 6)), {"a": [1, None]})
    document = Document("7", "𝛼b\r\n\x00\ud800", (entity,), (Passage(0, 6, "t", 9, {"k": "v"}),), (((0, 1), (1, 2)),))
    held = replace(document, collection=Collection("s", "d", "k", {"a": "b"}))
    for one in (document, held, BrokenDocument("a", "why", bytes(range(256)), 3, 2), BrokenDocument("a", "why")):
        item = PlacedDocument("dir/a.xml", 12, one)
        assert PlacedDocument.from_line(item.to_line()) == item
        assert item.to_line().count(b"\n") == 1
