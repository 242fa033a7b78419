"""Tables of entities for spreadsheets."""

from __future__ import annotations

import csv
import io

import pytest

from tfkd_base.documents import Document, Entity, Passage, detect_output_format, document_writer
from tfkd_base.documents.tables import FORMULAS, HEADER

TEXT = 'Loss of "IL-1,\nβ" is bad. =1+1 spreads.'
SENTENCES = (((0, 4), (5, 7), (8, 17), (18, 20), (21, 24), (24, 25)), ((26, 30), (31, 38), (38, 39)))
ENTITIES = (
    Entity(8, 17, "Gene", "T1", "X:1", 0.5),
    Entity(26, 30, "@SUM", score=1e-05),
    Entity(21, 30, "Long", fragments=((21, 24), (26, 30))),
)
DOCUMENT = Document("-7", TEXT, ENTITIES, sentences=SENTENCES)


def write(format: str, *documents: Document) -> tuple[bytes, dict[str, int]]:
    with document_writer(stream := io.BytesIO(), format) as writer:
        for document in documents:
            writer.write(document)
    return stream.getvalue(), dict(writer.counts)


@pytest.mark.parametrize(("format", "encoding", "delimiter"), [("csv", "utf-8-sig", ","), ("tsv", "utf-8", "\t")])
def test_a_row_for_each_entity(format: str, encoding: str, delimiter: str) -> None:
    content, counts = write(format, DOCUMENT, Document("8", "Nothing."), Document("9", "TP53", (Entity(0, 4, "Gene"),)))
    assert content.startswith(b"\xef\xbb\xbf") == (format == "csv")
    header, *rows = csv.reader(io.StringIO(content.decode(encoding), newline=""), delimiter=delimiter, strict=True)
    assert tuple(header) == HEADER
    assert rows == [
        ["'-7", "8", "17", '"IL-1,\nβ"', "Gene", "0.5", 'Loss of "IL-1,\nβ" is bad.'],
        ["'-7", "26", "30", "'=1+1", "'@SUM", "1e-05", "'=1+1 spreads."],
        ["'-7", "21", "30", "bad. =1+1", "Long", "", TEXT],
        ["9", "0", "4", "TP53", "Gene", "", "TP53"],
    ]
    assert counts == {
        FORMULAS: 6,
        "ids and identifiers of entities dropped": 2,
        "discontinuous entities written as one span from first to last character": 1,
    }


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_can_be_a_formula(start: str) -> None:
    content, counts = write("csv", Document("7", f"{start}1", (Entity(0, 2, "X"),)))
    (_, row) = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
    assert row[3] == row[6] == f"'{start}1"
    assert counts == {FORMULAS: 2}


def test_without_tokens_the_sentence_is_the_passage() -> None:
    passages = (Passage(0, 6, "title"), Passage(7, 16, "abstract"))
    document = Document("7", "Title. In cancer", (Entity(10, 16, "Disease"), Entity(6, 7, "Space")), passages)
    rows = list(csv.reader(io.StringIO(write("csv", document)[0].decode("utf-8-sig"))))
    assert [row[6] for row in rows[1:]] == ["In cancer", " "]


def test_endings() -> None:
    assert [detect_output_format(f"a{ending}") for ending in (".csv.gz", ".tab", ".tsv")] == ["csv", "tsv", "columns"]
