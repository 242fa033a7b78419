"""Reading PubTator files, the published ones and broken ones."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tfkd_base.corpora import CorpusError
from tfkd_base.documents import Document, Entity, Passage, document_writer, open_documents, read_pubtator

GOOD = "7|t|Cancer of 𝛼-cells.\n7|a|No cancer.\n7\t0\t6\tCancer\tDisease\tD1\n7\t22\t28\tcancer\tDisease\tD1\n"


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "documents.txt"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "\n\n" + GOOD + "\n  \n",
        GOOD.replace("\n", "\r\n"),
        "\ufeff" + GOOD,
        GOOD.removesuffix("\n"),
        GOOD + "7\tCID\tD1\tD2\n",
    ],
    ids=["plain", "blank lines", "CRLF", "BOM", "no newline at the end", "a relation"],
)
def test_forms_of_the_same_document(tmp_path: Path, text: str) -> None:
    entities = (Entity(0, 6, "Disease", identifier="D1"), Entity(22, 28, "Disease", identifier="D1"))
    passages = (Passage(0, 18, "title"), Passage(19, 29, "abstract"))
    expected = Document("7", "Cancer of 𝛼-cells. No cancer.", entities, passages)
    assert read_pubtator(write(tmp_path, text)) == [expected]


def test_relations_variants_and_further_columns_are_counted(tmp_path: Path) -> None:
    lines = (
        "101\tAssociation\t9999\tD000001\tNovel\n101\tCID\tD1\tD2\n"
        "101\tc.76A>G\tp.Lys26Glu\n101\t7157\tTP53\n"
        "101\t8\t12\tGEN1\tGene\t9999\tx\ty\n101\t0\t4\tLoss\tLoss\n"
    )
    reader = open_documents(write(tmp_path, f"101|t|Loss of GEN1.\n101|a|\n{lines}102|t|No GEN2.\n"))
    document, other = reader
    assert isinstance(document, Document), document
    assert document.entities == (Entity(8, 12, "Gene", identifier="9999"), Entity(0, 4, "Loss"))
    assert isinstance(other, Document)
    assert (other.id, other.text) == ("102", "No GEN2.")
    assert reader.counts == {
        "relations dropped": 2,
        "lines that are no entities, dropped": 2,
        "columns after the identifier of an entity, dropped": 2,
    }


@pytest.mark.parametrize("key", ["MESH", "identifier"])
def test_identifiers_in_infons_are_the_sixth_column(key: str) -> None:
    entity = {"id": "1", "infons": {"type": "Disease", key: "MESH:D1"}, "text": "Cancer"}
    entity["locations"] = [{"offset": 0, "length": 6}]
    passage = {"offset": 0, "text": "Cancer.", "infons": {"type": "title"}, "annotations": [entity]}
    source = json.dumps({"documents": [{"id": "7", "passages": [passage]}]}).encode()
    (document,) = open_documents(io.BytesIO(source), "bioc-json")
    assert isinstance(document, Document)
    with document_writer(stream := io.BytesIO(), "pubtator") as writer:
        writer.write(document)
    assert stream.getvalue() == b"7|t|Cancer.\n7|a|\n7\t0\t6\tCancer\tDisease\tMESH:D1\n\n"
    assert writer.counts == {"ids of entities dropped": 1}
    with document_writer(stream := io.BytesIO(), "bioc-json") as writer:
        writer.write(document)
    annotation = json.loads(stream.getvalue())["documents"][0]["passages"][0]["annotations"][0]
    assert annotation["infons"] == {"type": "Disease", key: "MESH:D1"}


def test_astral_characters_count_once(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r":4: expected 'cancer' at offsets 23 to 29, but the text there is 'ancer.'"):
        read_pubtator(write(tmp_path, GOOD.replace("22\t28", "23\t29")))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("7|a|No title.\n7\t0\t2\tNo\tX\tY\n", r":2: expected a title"),
        ("7\t0\t2\tNo\tX\tY\n", r":1: expected a title"),
        ("7|t|Ab\n7\t0\t2\tAb\n", r":2: expected ID, start, end, text and type"),
        ("7|t|Ab\n7|a|\n7\t0\tx\tAb\tX\tY\n", r":3: expected ID, start"),
        ("7|t|Ab\n7|a|\n7\t0\t1\tAb\tX\tY\n", r":3: expected 'Ab' at offsets 0 to 1, but the text there is 'A'"),
        ("7|t|Ab\n7|a|\n7\t2\t9\tAb\tX\tY\n", r":3: expected 'Ab'"),
        ("7|t|Ab\n8\t0\t2\tAb\tX\n", r":2: the line belongs to document '8'"),
        ("7|t|Ab\n7|t|Cd\n", r":2: expected ID, start"),
        ("7|t|Ab\n8|a|Cd\n", r":2: the line belongs to document '8'.*'7'"),
        (b"7|t|Ab\n7|a|\xe9t\xe9\n", r":2: not UTF-8"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(CorpusError, match=message) as error:
        read_pubtator(path)
    assert str(error.value).startswith(str(path))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"nothing\.txt: cannot be read: No such file"):
        read_pubtator(tmp_path / "nothing.txt")


@pytest.mark.parametrize(
    ("file", "documents", "entities"),
    [("NCBItrainset", 593, 5145), ("NCBIdevelopset", 100, 787), ("NCBItestset", 100, 960)],
)
def test_the_published_corpus(real_corpora: Path, file: str, documents: int, entities: int) -> None:
    read = read_pubtator(real_corpora / "NCBI-disease-pubtator" / f"{file}_corpus.txt")
    assert len(read) == documents
    assert sum(len(document.entities) for document in read) == entities
    assert all(document.text[m.start : m.end].strip() for document in read for m in document.entities)


def test_reading_needs_no_tensorflow() -> None:
    code = "import sys, tfkd_base.documents; print('tensorflow' in sys.modules, 'keras' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "False"]
