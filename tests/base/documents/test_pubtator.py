"""Reading PubTator files, the published ones and broken ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tfkd_base.corpora import CorpusError
from tfkd_base.documents import Document, Entity, Passage, read_pubtator

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
