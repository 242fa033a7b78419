"""BioC as others write it: offsets that are not places, sentences, annotations without a place or with another text."""

from __future__ import annotations

import io
from typing import Any

import bioc
import bioc.biocjson
import pytest

from tfkd_base.documents import BrokenDocument, Document, Passage, document_writer, open_documents


def made(*passages: tuple[int, str], annotations: tuple[tuple[int, int, str], ...] = ()) -> Any:
    document = bioc.BioCDocument()
    document.id = "7"
    document.infons = {"year": "1999"}
    for offset, text in passages:
        passage = bioc.BioCPassage()
        passage.offset, passage.text, passage.infons = offset, text, {"type": "abstract", "section": "x"}
        document.add_passage(passage)
    for number, (offset, length, text) in enumerate(annotations):
        annotation = bioc.BioCAnnotation()
        annotation.id, annotation.text = f"A{number}", text
        annotation.infons = {"type": "Gene", "identifier": "1", "other": "y"}
        annotation.add_location(bioc.BioCLocation(offset, length))
        owner = [p for p in document.passages if p.offset <= offset <= p.offset + len(p.text)]
        (owner[-1] if owner else document).add_annotation(annotation)
    return document


@pytest.fixture(params=["bioc-xml", "bioc-json"])
def format(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def dumps(format: str, document: Any) -> bytes:
    collection = bioc.BioCCollection()
    collection.source = collection.date = collection.key = ""
    collection.add_document(document)
    library = bioc.biocxml if format == "bioc-xml" else bioc.biocjson
    return library.dumps(collection).encode()  # type: ignore[no-any-return]


def read(format: str, document: Any) -> tuple[Document, dict[str, int]]:
    reader = open_documents(io.BytesIO(dumps(format, document)), format)
    (found,) = reader
    assert isinstance(found, Document), found
    return found, reader.counts


def again(format: str, document: Document) -> Any:
    with document_writer(stream := io.BytesIO(), format) as writer:
        writer.write(document)
    library = bioc.biocxml if format == "bioc-xml" else bioc.biocjson
    return library.load(io.BytesIO(stream.getvalue())).documents[0]


def as_values(document: Any) -> Any:
    return bioc.biocjson.toJSON(document)


@pytest.mark.parametrize("offsets", [(0, 6), (0, 5), (0, 9), (100, 200), (0, 3)])
def test_offsets_of_passages_are_written_again(format: str, offsets: tuple[int, int]) -> None:
    one, two = offsets
    source = made((one, "BRCA1"), (two, "and 𝛼1"), annotations=((one, 4, "BRCA"), (two + 4, 2, "𝛼1")))
    document, counts = read(format, source)
    assert document.text == ("BRCA1and 𝛼1" if offsets == (0, 5) else "BRCA1 and 𝛼1")
    assert [document.text_of(m) for m in document.entities] == ["BRCA", "𝛼1"]
    assert document.infons == {"year": "1999"}
    assert dict(document.entities[0].infons) == {"other": "y"}
    assert bool(counts) == (two - one < 5)
    assert as_values(again(format, document)) == as_values(source)


def test_an_entity_whose_text_is_elsewhere_breaks_its_document(format: str) -> None:
    source = made((0, "𝛼 BRCA1"), annotations=((2, 5, "BRCA1"), (3, 5, "BRCA1"), (70, 5, "BRCA1"), (2, 5, "BR CA1")))
    (broken,) = open_documents(io.BytesIO(dumps(format, source)), format)
    assert isinstance(broken, BrokenDocument)
    assert broken.reason == (
        "expected 'BRCA1' at offsets 3 to 8, but the text has 7 characters (2 of 4 entities differ)"
    )
    del source.passages[0].annotations[1], source.annotations[:]
    document, counts = read(format, source)
    assert [(m.id, document.text_of(m)) for m in document.entities] == [("A0", "BRCA1"), ("A3", "BRCA1")]
    assert not counts


def test_annotations_without_place_or_type_and_relations(format: str) -> None:
    source = made((0, "BRCA1"), annotations=((0, 5, "BRCA1"), (0, 5, "BRCA1")))
    source.passages[0].annotations[0].locations.clear()
    del source.passages[0].annotations[1].infons["type"]
    relation = bioc.BioCRelation()
    relation.id = "R1"
    source.add_relation(relation)
    document, counts = read(format, source)
    assert [m.type for m in document.entities] == ["Entity"]
    assert counts == {
        "entities without a location dropped": 1,
        "entities without a type, read as Entity": 1,
        "relations dropped": 1,
    }


def test_text_in_sentences(format: str) -> None:
    source = made((10, ""))
    for offset, text in ((10, "It binds."), (20, "They grow.")):
        sentence = bioc.BioCSentence()
        sentence.offset, sentence.text = offset, text
        source.passages[0].add_sentence(sentence)
    annotation = bioc.BioCAnnotation()
    annotation.id, annotation.text, annotation.infons = "1", "They", {"type": "X"}
    annotation.add_location(bioc.BioCLocation(20, 4))
    source.passages[0].sentences[1].add_annotation(annotation)
    document, counts = read(format, source)
    assert document.text == "It binds. They grow."
    assert document.passages == (Passage(0, 20, "abstract", 10, {"section": "x"}),)
    assert [document.text_of(m) for m in document.entities] == ["They"]
    assert counts == {"BioC sentences joined to their passages": 2}
