"""BRAT standoff: the real files, fragments, line breaks, identifiers, and what is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfkd_base.documents import BrokenDocument, Document, Entity, document_writer, open_documents


def read(folder: Path, text: str, lines: str) -> tuple[Document | BrokenDocument, dict[str, int]]:
    (folder / "a.txt").write_bytes(text.encode())
    (folder / "a.ann").write_bytes(lines.encode())
    reader = open_documents(folder)
    (found,) = reader
    return found, reader.counts


def test_fragments_identifiers_scores_and_the_rest(tmp_path: Path) -> None:
    lines = (
        "T1\tDisease 0 6;18 24\tbreast cancer\r\n"
        "T2\tDisease 11 24\tovarian cancer\n"
        "N1\tReference T1 MESH:D001943\tbreast cancer\nN2\tReference T1 X:1\tx\n"
        "A1\tScore T2 0.5\nA2\tNegated T2\nR1\tIs Arg1:T1 Arg2:T2\nE1\tX:T1\n*\tEquiv T1 T2\n#1\tNote T1\tx\n"
    )
    document, counts = read(
        tmp_path, "breast and ovarian cancer", lines.replace("18 24", "19 25").replace("11 24", "11 25")
    )
    assert isinstance(document, Document), document
    assert document.entities == (
        Entity(0, 25, "Disease", "T1", "MESH:D001943", fragments=((0, 6), (19, 25))),
        Entity(11, 25, "Disease", "T2", score=0.5),
    )
    expected = {"relations dropped": 2, "events dropped": 1, "attributes dropped": 1}
    assert counts == expected | {"notes dropped": 1, "references dropped": 1}
    with document_writer(tmp_path / "out", "brat") as writer:
        writer.write(document)
    assert list(open_documents(tmp_path / "out")) == [document]
    assert not writer.counts


def test_an_entity_over_a_line_break(tmp_path: Path) -> None:
    document, _ = read(tmp_path, "breast\r\ncancer", "T1\tX 0 6;8 14\tbreast cancer\n")
    assert isinstance(document, Document)
    assert document.entities == (Entity(0, 14, "X", "T1"),)
    with document_writer(tmp_path / "out", "brat") as writer:
        writer.write(document)
    assert (tmp_path / "out" / "a.ann").read_bytes() == b"T1\tX 0 7;8 14\tbreast  cancer\n"
    assert list(open_documents(tmp_path / "out")) == [document]


def test_byte_order_mark_line_ends_and_fragments(tmp_path: Path) -> None:
    lines = "\ufeffT1\tGene 8 13\tBRCA1\rT2\tDisease 25 31\tcancer\rT3\tLoss 8 13;0 4\tBRCA1 Loss\r"
    lines += "T4\tX 0 7;5 13\tLoss of BRCA1\r"
    document, counts = read(tmp_path, "Loss of BRCA1.\r\nIt causes cancer.\r\n", lines)
    assert isinstance(document, Document), document
    assert [(m.start, m.end, m.fragments) for m in document.entities] == [
        (8, 13, ()),
        (26, 32, ()),
        (0, 13, ((0, 4), (8, 13))),
        (0, 13, ()),
    ]
    assert counts == {
        "documents whose offsets count a carriage return and a line feed as one character": 1,
        "overlapping fragments of entities, merged": 1,
    }


def test_files_of_shared_tasks(tmp_path: Path) -> None:
    (tmp_path / "7.txt").write_text("BRCA1 binds TP53 strongly.")
    (tmp_path / "7.a1").write_text("T1\tProtein 0 5\tBRCA1\nT2\tProtein 12 16\tTP53\n")
    (tmp_path / "7.a2").write_text(
        "T3\tBinding 6 11\tbinds\nT4\tEntity 17 25\tstrongly\nE1\tBinding:T3 Theme:T1 Theme2:T2\nM1\tNegation E1\n"
    )
    for source in (tmp_path, tmp_path / "7.txt"):
        reader = open_documents(source)
        (document,) = reader
        assert isinstance(document, Document), document
        assert document.id == "7"
        assert [(m.id, m.type, document.text_of(m)) for m in document.entities] == [
            ("T1", "Protein", "BRCA1"),
            ("T2", "Protein", "TP53"),
            ("T4", "Entity", "strongly"),
        ]
        assert reader.counts == {"triggers of events dropped": 1, "events dropped": 1, "attributes dropped": 1}
    (tmp_path / "7.a2").write_text("\nT3\tBinding 6 10\tbinds\n")
    (broken,) = open_documents(tmp_path)
    assert str(broken).startswith(f"{tmp_path / '7.a2'}:2: expected 'binds' at offsets 6 to 10")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("T1\tX 0 9\tCancer\n", r"a\.ann:1: expected 'Cancer' at offsets 0 to 9, but the text has 6 characters"),
        ("T1\tX 3 3\t\n", "are empty"),
        ("\nT1\tX 0 6\tcancer\n", r"a\.ann:2: expected 'cancer' at offsets 0 to 6, but the text there is 'Cancer'"),
        ("T1\tX 0 6\tCancer\nT1\tX 0 6\tCancer\n", r"a\.ann:2: the id T1 occurs twice"),
        ("T1 X 0 6 Cancer\n", "expected an id, a tab"),
    ],
)
def test_broken_lines(tmp_path: Path, lines: str, message: str) -> None:
    found, _ = read(tmp_path, "Cancer", lines)
    assert isinstance(found, BrokenDocument)
    assert found.raw == lines.encode()
    with pytest.raises(ValueError, match=message):
        raise ValueError(str(found))


def test_the_published_corpus(real_corpora: Path, tmp_path: Path) -> None:
    read_documents = list(open_documents(real_corpora / "JNLPBA-brat"))
    assert len(read_documents) == 40
    with document_writer(tmp_path / "out", "brat") as writer:
        for document in read_documents:
            assert isinstance(document, Document)
            writer.write(document)
    assert writer.entities == 1081
    assert not writer.counts
    for file in (tmp_path / "out").iterdir():
        # The lines are the same; only the ends of the files may differ.
        assert file.read_text().rstrip("\n") == (real_corpora / "JNLPBA-brat" / file.name).read_text().rstrip("\n")
